"""Ideal pictures of a visitor's own classes, as a sheet for people to read blind.

    python -m benchmarks.ideal_own FOLDER... [--tuning all head] [--seeds 0 1] [--out /tmp/own]

Each folder holds a folder of photos per class. From a few dozen of each class a network learns,
as on the Fine-tuning page, and draws each of its classes with the default settings, once per seed.
Networks are kept in the folder `--networks` and are not trained again while they are there. Written
are OUT_sheet.png, lettered pictures in random order, and OUT_key.json, a file of its own: for each
letter, what it is and what it could be. Whoever reads the sheet is told the pairs of names and not
the key, and says for every letter which of them it is. Pictures and networks are not committed.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.ideal_search import letter, sheet
from core.data.datasets import from_folder
from core.export import store
from core.steps import finish
from core.synthesis.loop import synthesise
from core.synthesis.presets import PRESETS
from core.training.embeddings import EmbeddingCache
from core.training.hardening import RECIPE
from core.training.loop import train
from core.training.settings import ALL_BLOCKS, Settings, settings_for
from core.zoo import loading
from core.zoo.classifier import Classifier

TUNINGS = {
    "head": Settings(),
    "blocks": settings_for("blocks"),
    "all": settings_for("blocks", blocks=ALL_BLOCKS),
    "plain": RECIPE,
    **{f"hard{within}": replace(RECIPE, epsilon=within / 255) for within in (1, 2, 4)},
}
"""By name, how a network is trained: "plain" is what the hardened ones are compared with."""


def trained(data: Path, tuning: str, per_class: int, networks: Path) -> Classifier:
    """Return the network that is kept for this data and tuning, after training if there is none."""
    folder = networks / f"{data.name}_{tuning}_{per_class}"
    if not folder.exists():
        settings = replace(TUNINGS[tuning], per_class=per_class)
        base = loading.shared("efficientnet_lite0")
        training = finish(train(base, from_folder(data), settings, EmbeddingCache()))
        store.save(training, folder)
        print(f"{folder.name}: {training.accuracy:.2f} of {training.n_val} new photos", flush=True)
    return store.load(folder)


def main() -> None:
    """Train, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--tuning", nargs="+", choices=list(TUNINGS), default=["all"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--photos", type=int, default=40, help="per class")
    parser.add_argument("--networks", type=Path, default=Path("/tmp/own_networks"))
    parser.add_argument("--out", type=Path, default=Path("/tmp/own"))
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    preset, drawn = PRESETS["best"], []
    for data in options.data:
        for tuning in options.tuning:
            network = trained(data, tuning, options.photos, options.networks)
            for class_id, name in enumerate(network.labels):
                for seed in options.seeds:
                    run = synthesise(network, preset.objective(class_id), preset.changed(seed=seed))
                    truth = {
                        "is": name,
                        "of": list(network.labels),
                        "tuning": tuning,
                        "seed": seed,
                    }
                    drawn.append((finish(run).pixels, truth))
                    print(data.name, tuning, name, seed, flush=True)
    random.Random(options.out.name).shuffle(drawn)
    sheet([pixels for pixels, _ in drawn]).save(f"{options.out}_sheet.png")
    key = {letter(place): truth for place, (_, truth) in enumerate(drawn)}
    Path(f"{options.out}_key.json").write_text(json.dumps(key, indent=1), "utf-8")


if __name__ == "__main__":
    main()
