"""Does "a dog, not a cat" lie on the dog? Photos of two animals, explained one against the other.

    python -m benchmarks.maps_contrast [--network lite0]

Two sample photos fill the halves of a square, side by side and one above the other. For each pair,
each method and both directions: the share of the heat map that lies on the half of the animal that
is asked about, where one that does not know them would have 50 %.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np
from PIL import Image, ImageOps

from core.features.saliency import METHODS, Explanation, Method, explain
from core.images import photos
from core.steps import finish
from core.zoo import loading
from core.zoo.predictions import top

PAIRS = (
    ("cat", "dalmatian"),
    ("cat", "bull_mastiff"),
    ("eagle", "dalmatian"),
    ("geese", "leafhopper"),
)


def main() -> None:
    """Go through the pairs, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="lite0")
    network = loading.shared(parser.parse_args().network)
    animals = {name: photos.read_sample(name) for pair in PAIRS for name in pair}
    answers = {name: top(network, photo)[0].class_id for name, photo in animals.items()}
    shares: dict[Method, list[float]] = defaultdict(list)
    print(f"{'':40}" + "".join(f"{METHODS[method]:>22}" for method in METHODS))
    for one, other in PAIRS:
        for is_beside in (True, False):
            photo = together(animals[one], animals[other], network.input_size, is_beside)
            found = finish(explain(network, photo, answers[one], answers[other]))
            assert found.opposite is not None
            line = f"{one} {'beside' if is_beside else 'above'} {other}"
            cells = ""
            for method in METHODS:
                there = share_of_half(found, method, is_beside, is_first=True)
                back = share_of_half(found.opposite, method, is_beside, is_first=False)
                shares[method] += [there, back]
                cells += f"{f'{there:.0%} / {back:.0%}':>22}"
            print(f"{line:40}{cells}", flush=True)
    for method, title in METHODS.items():
        least, mean = min(shares[method]), np.mean(shares[method])
        held = sum(share >= 0.7 for share in shares[method])
        print(
            f"{title}: mean {mean:.0%}, least {least:.0%}, "
            f"at least 70 % in {held} of {len(shares[method])}"
        )


def together(one: Image.Image, other: Image.Image, size: int, is_beside: bool) -> Image.Image:
    """Return a square photo of two: one beside the other, or above it."""
    half = (size // 2, size) if is_beside else (size, size // 2)
    whole = Image.new("RGB", (size, size))
    whole.paste(ImageOps.fit(one, half), (0, 0))
    whole.paste(ImageOps.fit(other, half), (size - half[0], size - half[1]))
    return whole


def share_of_half(found: Explanation, method: Method, is_beside: bool, is_first: bool) -> float:
    """Return which share of a heat map lies on the first half of the photo, or on the second."""
    heat = found.heats[method] if is_beside else found.heats[method].T
    half = heat.shape[1] // 2
    on_it = heat[:, :half] if is_first else heat[:, half:]
    return float(on_it.sum() / heat.sum())


if __name__ == "__main__":
    main()
