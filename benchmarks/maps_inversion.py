"""How much of a photo comes back from the maps of one layer? Five depths, with and without TV.

    python -m benchmarks.maps_inversion [--photos cat dalmatian …] [--threads 2]

For each photo and weight of the total variation a row with the structural similarity by layer
(1: the very photo), and the seconds for all five abreast, as the page draws them. With one thread:

    photo      TV     conv_stem  blocks.2.0  blocks.3.2  blocks.5.1  conv_head
    cat            0       .872        .060        .026        .014       .012
    cat        5,000       .964        .501        .336        .303       .289
    dalmatian      0       .862        .075        .024        .006       .007
    dalmatian  5,000       .971        .254        .126        .115       .108
    eagle          0       .770        .032        .021        .013       .011
    eagle      5,000       .985        .648        .569        .543       .511
    car            0       .797        .068        .031        .011       .012
    car        5,000       .952        .287        .187        .160       .152
    coffee         0       .868        .045        .018        .010       .008
    coffee     5,000       .968        .394        .282        .274       .257

Five pictures take two fifths of the time of the ladder of total variation on the page “Ideal class”
(processor time of twelve rounds of each, in turns): early layers are quick, and steps are fewer. On
two quiet cores that is 18 seconds.
"""

from __future__ import annotations

import argparse
import json
import time

import torch

from core.features.diagram import at_depth
from core.features.tour import DEPTHS
from core.images import photos
from core.synthesis.rebuilding import WAYS, begin, measured, together
from core.zoo import loading
from core.zoo.classifier import Classifier

PHOTOS = ("cat", "dalmatian", "eagle", "car", "coffee")


def main() -> None:
    """Go through the photos."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", nargs="+", default=PHOTOS, metavar="SAMPLE")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    network = loading.shared("lite0")
    for name in options.photos:
        for tv in (0.0, WAYS["rebuild"].settings.tv):
            began = time.perf_counter()
            alike = _similarities(network, name, tv)
            seconds = round(time.perf_counter() - began, 1)
            print(json.dumps({"photo": name, "tv": tv, **alike, "seconds": seconds}), flush=True)


def _similarities(network: Classifier, name: str, tv: float) -> dict[str, float]:
    """Rebuild a sample photo from five depths; return how alike each comes back, by layer."""
    photo = photos.read_sample(name)
    settings = WAYS["rebuild"].planned(network, name, tv=tv)
    layers = [at_depth(network, depth).name for depth in DEPTHS]
    runs = {layer: begin(network, "rebuild", layer, settings, photo) for layer in layers}
    (*_, last) = together(runs)
    assert last.result is not None
    return {
        layer: round(measured(network, photo, step.result).similarity, 3)
        for layer, step in last.result.items()
        if step.result is not None
    }


if __name__ == "__main__":
    main()
