"""Draw the four pictures of the start page with the app's own core.

    python assets/make_home_pictures.py

Run it again when the core draws better than it did.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parents[1]))

from core.attacks import loop as attack_loop
from core.attacks.goal import goal_for
from core.attacks.report import amplify, report
from core.data import datasets
from core.features.maps import observe, ranked
from core.features.mosaic import mosaic
from core.images import photos
from core.steps import finish
from core.synthesis.loop import synthesise
from core.synthesis.presets import PRESETS
from core.training import loop as training_loop
from core.training.embeddings import EmbeddingCache
from core.training.settings import Settings as TrainingSettings
from core.zoo import loading
from core.zoo.classifier import Classifier

FOLDER = Path(__file__).parent / "home"
SIZE = (960, 300)
GAP = 12
CLEAR = (0, 0, 0, 0)  # so that the page shows, light or dark
INK = "#6E7D86"  # read on both
RIGHT, WRONG = "#009E73", "#D55E00"


def main() -> None:
    """Draw and save all four."""
    classifier = loading.shared("lite0")
    for name, draw in (("maps", maps), ("train", train), ("ideal", ideal), ("attack", attack)):
        draw(classifier).save(FOLDER / f"{name}.webp", quality=88)


def maps(classifier: Classifier) -> Image.Image:
    """A photo, then the strongest maps of three depths."""
    sheet, side = Image.new("RGBA", SIZE, CLEAR), 228
    photo = photos.read_sample("cat")
    observation = observe(classifier, photo)
    tiles = [photos.centre_square(photo, side)]
    for name in ("blocks.1.0", "blocks.2.1", "blocks.4.2"):
        layer = observation.maps[name]
        chosen = ranked(layer, "strength")[:9]
        tiles.append(Image.fromarray(mosaic(layer, chosen, width=side * 2)))
    for i, tile in enumerate(tiles):
        square = tile.resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(square, (i * (side + GAP + 4), (SIZE[1] - side) // 2))
    return sheet


def train(classifier: Classifier) -> Image.Image:
    """Digits it was examined on, and its accuracy epoch by epoch."""
    settings = TrainingSettings(per_class=60, validation_per_class=30)
    accuracy = []
    for step in training_loop.train(classifier, datasets.digits(), settings, EmbeddingCache()):
        if "validation accuracy" in step.scalars:
            accuracy.append(step.scalars["validation accuracy"])
    training = step.result
    sheet, side = Image.new("RGBA", SIZE, CLEAR), 66
    pen = ImageDraw.Draw(sheet)
    answers = training.evaluation.predicted
    for i, index in enumerate(range(0, training.n_val, training.n_val // 28)[:28]):
        photo = training.validation[index]
        row, column = divmod(i, 7)
        left, top = column * (side + GAP), row * (side + GAP)
        tile = photos.centre_square(photos.decode(photo.data, photo.name), side - 8)
        is_right = int(answers[index]) == photo.label
        pen.rectangle((left, top, left + side, top + side), fill=RIGHT if is_right else WRONG)
        sheet.paste(tile, (left + 4, top + 4))
    x0, x1, y0, y1 = 600, SIZE[0] - 20, 40, SIZE[1] - 30
    xs = np.linspace(x0, x1, len(accuracy))
    points = [(x, y1 - (y1 - y0) * a) for x, a in zip(xs, accuracy, strict=True)]
    pen.line([(x0, y0), (x0, y1), (x1, y1)], fill="#C5D0D6", width=3)
    pen.line(points, fill="#0072B2", width=6, joint="curve")
    pen.text((x1, points[-1][1] + 14), f"{accuracy[-1]:.0%}", fill=INK, font=_font(40), anchor="ra")
    return sheet


def ideal(classifier: Classifier) -> Image.Image:
    """Three ideals: a Siamese cat, a golden retriever and a zebra."""
    sheet, side = Image.new("RGBA", SIZE, CLEAR), SIZE[1]
    preset = PRESETS["best"]
    chosen = (("Siamese cat", 3), ("golden retriever", 0), ("zebra", 0))
    for i, (name, seed) in enumerate(chosen):
        target = classifier.labels.index(name)
        settings = preset.changed(steps=300, seed=seed)
        drawn = finish(synthesise(classifier, preset.objective(target), settings))
        picture = Image.fromarray(drawn.pixels)
        tile = picture.resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(tile, (GAP + i * (side + GAP), 0))
    return sheet


def attack(classifier: Classifier) -> Image.Image:
    """A dog, the amplified change, and what the network takes for a cat."""
    photo = photos.read_sample("dalmatian")
    goal = goal_for(classifier, photo, classifier.labels.index("tabby"))
    prepared = photos.prepare(photo, classifier.input_size)
    settings = attack_loop.Settings(epsilon=2)
    found = report(classifier, finish(attack_loop.attack(classifier, prepared, goal, settings)))
    difference, factor = amplify(found.original, found.adversarial)
    sheet, side = Image.new("RGBA", SIZE, CLEAR), 236
    pen = ImageDraw.Draw(sheet)
    captions = (
        f"{found.before[0].class_name} {found.before[0].probability:.0%}",
        f"x {factor}",
        f"{found.after[0].class_name} {found.after[0].probability:.0%}",
    )
    pictures = (found.original, difference, found.adversarial)
    for i, (pixels, caption) in enumerate(zip(pictures, captions, strict=True)):
        left = 90 + i * (side + 2 * GAP)
        tile = Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(tile, (left, 4))
        pen.text((left + side / 2, side + 16), caption, fill=INK, font=_font(34), anchor="ma")
    return sheet


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


if __name__ == "__main__":
    main()
