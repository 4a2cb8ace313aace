"""Ways of drawing, compared: by other networks, and as sheets for people to read blind.

    python -m benchmarks.ideal_search [--ways best lesson] [--draw 7] [--classes 24] [--out /tmp]

Each way draws the classes of `random.Random(draw).sample(range(1000), classes)`, or those of
`--class`. It prints which networks name them, and writes four files: the sheet of lettered
pictures in random order, the names among as many others, the key, and the pictures themselves.
Whoever reads a sheet must see neither the key nor another sheet of the same classes, names every
picture freely first, and chooses from the names then. What came of it: `ideal_search.md`.
"""

from __future__ import annotations

import argparse
import json
import random
import string
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from core.steps import Pixels, finish
from core.synthesis.loop import Settings, synthesise
from core.synthesis.presets import PRESETS, Preset
from core.synthesis.schedule import Schedule
from core.synthesis.view import View
from core.zoo import catalogue, loading
from core.zoo.predictions import opinions

_BEST = PRESETS["best"].settings
_ADAM = Settings()


def _changed(**schedule: Any) -> Preset:
    return Preset("logit", replace(_BEST, schedule=replace(_BEST.schedule, **schedule)))


WAYS: dict[str, Preset] = {
    **PRESETS,
    "adam": Preset("logit", _ADAM),
    "adam disturbed": Preset(
        "logit",
        replace(
            _ADAM,
            view=View(scale=(0.8, 1.6), rotation=8, shift=True),
            schedule=Schedule(length=192, noise=0.12, colour=(0.3, 0.1), calm=0.7),
        ),
    ),
    "full contrast": Preset("logit", replace(_BEST, canvas="fourier")),
    "never coarse": _changed(coarse=0.0),
    "undisturbed": _changed(noise=0.0, colour=(0.0, 0.0)),
    "without details": _changed(details=1.0),
    "without neighbours": _changed(contrast=(0.0, 0.0)),
}
"""By name, what can be drawn and read: the presets, and what the search compared them with."""
_COLUMNS = 6
_MARGIN, _CAPTION = 8, 28


def sheet(pictures: Sequence[Pixels], side: int = 320) -> Image.Image:
    """Return the pictures side by side, each with a letter above it."""
    columns = min(_COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    cell = side + _MARGIN
    paper = Image.new("RGB", (columns * cell, rows * (cell + _CAPTION)), "white")
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(20)
    for place, pixels in enumerate(pictures):
        left, top = place % columns * cell, place // columns * (cell + _CAPTION)
        pen.text((left + _MARGIN, top), letter(place), "black", font)
        picture = Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)
        paper.paste(picture, (left + _MARGIN // 2, top + _CAPTION))
    return paper


def letter(place: int) -> str:
    """Return what stands above a picture: A to Z, then A2 and so on."""
    turns, rest = divmod(place, len(string.ascii_uppercase))
    return string.ascii_uppercase[rest] + (str(turns + 1) if turns else "")


def to_read(
    pictures: Sequence[Pixels], classes: Sequence[int], labels: Sequence[str], stem: Path
) -> None:
    """Write a sheet, the list of names and the key beside each other."""
    chance = random.Random(str(stem.name))
    order = chance.sample(range(len(classes)), len(classes))
    others = [place for place in range(len(labels)) if place not in classes]
    names = [labels[i] for i in (*classes, *chance.sample(others, min(len(classes), len(others))))]
    sheet([pictures[i] for i in order]).save(f"{stem}.png")
    Path(f"{stem}_names.txt").write_text("\n".join(sorted(names, key=str.lower)) + "\n", "utf-8")
    key = {letter(place): labels[classes[i]] for place, i in enumerate(order)}
    Path(f"{stem}_key.json").write_text(json.dumps(key, indent=1), "utf-8")


def main() -> None:
    """Draw, ask, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=["best"])
    parser.add_argument("--draw", type=int, default=7, help="seed of the choice of classes")
    parser.add_argument("--classes", type=int, default=24)
    parser.add_argument("--class", dest="ids", type=int, nargs="+", help="these instead")
    parser.add_argument("--model", choices=catalogue.BUILT_IN, default="lite0")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("/tmp"))
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)  # before hours of drawing
    if options.threads:
        torch.set_num_threads(options.threads)
    drawer = loading.shared(options.model)
    ids = options.ids or random.Random(options.draw).sample(
        range(len(drawer.labels)), options.classes
    )
    for way in options.ways:
        preset, pictures = WAYS[way], []
        right = dict.fromkeys(catalogue.BUILT_IN, 0)
        for class_id in ids:
            settings = preset.changed(seed=options.seed)
            pixels = finish(synthesise(drawer, preset.objective(class_id), settings)).pixels
            pictures.append(pixels)
            name = drawer.labels[class_id]
            said = {
                network: opinions(loading.shared(network), pixels, [name])[0]
                for network in catalogue.BUILT_IN
            }
            for network, one in said.items():
                right[network] += one.class_id == class_id
            words = ", ".join(f"{one.class_name} {one.probability:.2f}" for one in said.values())
            print(f"{class_id:4} {name:30} {words}", flush=True)
        print(json.dumps({"way": way, "drawer": options.model, "of": len(ids), "right": right}))
        stem = options.out / f"{way.replace(' ', '_')}_{options.model}"
        to_read(pictures, ids, drawer.labels, stem)
        np.savez_compressed(f"{stem}.npz", pictures=np.stack(pictures), classes=ids)


if __name__ == "__main__":
    main()
