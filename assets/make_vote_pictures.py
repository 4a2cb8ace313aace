"""Draw the pictures that a room votes on, and write down what networks say of each.

    python assets/make_vote_pictures.py

It takes about a quarter of an hour. What is asked about is the file: the networks see what people
see, JPEG and all. Run it again when the core draws better than it did.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from core.attacks import loop as attack_loop
from core.attacks.goal import goal_for
from core.attacks.report import report
from core.classroom import vote
from core.images import photos
from core.steps import Pixels, finish
from core.synthesis.loop import synthesise
from core.synthesis.presets import PRESETS
from core.zoo import catalogue, loading
from core.zoo.classifier import Classifier
from core.zoo.predictions import opinions, top

SEED = 0
SIDE = 256
MOST_BYTES = 25_000
QUALITIES = range(100, 60, -1)
EPSILON = 4
PAIR_QUALITY = 95
PAIRS = {"cat": "goldfish", "coffee": "volcano"}


def main() -> None:
    """Make all pictures and the table."""
    torch.set_num_threads(1)
    classifier = loading.shared(catalogue.DEFAULT)
    vote.FOLDER.mkdir(exist_ok=True)
    pairs = [pair(classifier, photo, target) for photo, target in PAIRS.items()]
    drawn = [
        draw(classifier, name, class_id) for name in vote.SERIES for class_id in vote.ALSO_CALLED
    ]
    lines = [
        f' "{key}": [\n' + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n ]"
        for key, rows in (("drawn", drawn), ("pairs", pairs))
    ]
    (vote.FOLDER / vote.TABLE).write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def draw(classifier: Classifier, series: str, class_id: int) -> dict[str, Any]:
    """Draw one picture; return its row of the table."""
    preset = PRESETS[series]
    result = finish(synthesise(classifier, preset.objective(class_id), preset.changed(seed=SEED)))
    picture = Image.fromarray(result.pixels)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    name = f"{series}-{class_id}"
    data = next(d for q in QUALITIES if len(d := encode(np.asarray(picture), q)) <= MOST_BYTES)
    said = keep(name, data, class_id)
    print(name, len(data), said, flush=True)
    return {"name": name, "series": series, "class_id": class_id, "seed": SEED, "opinions": said}


def pair(classifier: Classifier, photo_id: str, target: str) -> dict[str, Any]:
    """Attack one photo so that it still works from a JPEG; return its row of the table."""
    photo = photos.read_sample(photo_id)
    class_id, target_id = top(classifier, photo)[0].class_id, classifier.labels.find(target)
    goal = goal_for(classifier, photo, target_id)
    prepared = photos.prepare(photo, classifier.input_size)
    settings = attack_loop.Settings(epsilon=EPSILON, steps=100, stop_early=False)
    found = report(classifier, finish(attack_loop.attack(classifier, prepared, goal, settings)))
    row = {"photo": photo_id, "class_id": class_id, "target": target_id, "epsilon": EPSILON}
    for part, start, pixels in (
        ("before", "photo", found.original),
        ("after", "attacked", found.adversarial),
    ):
        row[part] = keep(f"{start}-{photo_id}", encode(pixels, PAIR_QUALITY), class_id)
    print(row, flush=True)
    return row


def encode(pixels: Pixels, quality: int) -> bytes:
    """Encode as JPEG with all of its colours, which a network looks at, too."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True)
    return buffer.getvalue()


def keep(name: str, data: bytes, class_id: int) -> list[list[Any]]:
    """Write a file; return what the built-in networks say of it, as the table has it."""
    (vote.FOLDER / f"{name}.jpg").write_bytes(data)
    pixels = np.asarray(photos.decode(data, name))
    said = []
    for network in catalogue.BUILT_IN:
        classifier = loading.shared(network)
        (one,) = opinions(classifier, pixels, [classifier.labels[class_id]])
        wanted = round(one.target_probability or 0.0, 4)
        said.append([network, one.class_id, round(one.probability, 4), wanted])
    return said


if __name__ == "__main__":
    main()
