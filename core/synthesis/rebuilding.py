"""What a layer still knows of a photo: the photo rebuilt from its maps alone, and its caricature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL import Image

from core.images import photos
from core.images.similarity import structural_similarity
from core.setting import changed
from core.steps import Step, Steps, abreast
from core.synthesis.loop import Drawing, Settings
from core.synthesis.objective import Caricature, Reconstruction
from core.synthesis.record import Record, completed
from core.synthesis.schedule import Schedule
from core.synthesis.verdict import RecordedDrawing, second_opinions
from core.synthesis.view import View
from core.zoo.classifier import Classifier


@dataclass(frozen=True)
class Way:
    """What is made of a photo and the maps of a layer.

    Attributes:
        objective: what the picture is to become.
        settings: how it is drawn, but for the size, which is what the network sees.
    """

    objective: type[Reconstruction] | type[Caricature]
    settings: Settings

    def planned(self, classifier: Classifier, photo: str, **changes: Any) -> Settings:
        """Return the settings for a photo of a name; a short run is a whole one.

        Args:
            classifier: whose layer it is.
            photo: the name of the photo.
            **changes: of settings, by their names; None leaves one as it is.

        Raises:
            Problem: a value is out of its range.
        """
        settings: Settings = changed(
            self.settings, {"size": classifier.input_size, "photo": photo} | changes
        )
        return replace(settings, schedule=replace(settings.schedule, length=settings.steps))


WAYS = {
    "rebuild": Way(
        Reconstruction,
        Settings(
            canvas="pixel",
            steps=100,
            learning_rate=0.05,
            tv=5000.0,
            view=View(),
            schedule=Schedule(length=100, rate=0.1),
            relative=True,
        ),
    ),
    "caricature": Way(
        Caricature,
        Settings(
            canvas="fourier",
            steps=60,
            learning_rate=0.1,
            tv=1000.0,
            view=View(),
            schedule=Schedule(length=60, rate=0.1),
            relative=True,
        ),
    ),
}
"""Both look straight on, and need no changing view: the maps of a photo say where everything is.
What was tried is in `benchmarks/ideal_search.md`."""

Abreast = Mapping[str, Step[Record]]


def begin(
    classifier: Classifier, way: str, layer: str, settings: Settings, photo: Image.Image
) -> RecordedDrawing:
    """Lay out a picture that is to be drawn from the maps of a layer.

    Args:
        classifier: the network.
        way: key of `WAYS`.
        layer: name of the layer.
        settings: how it is drawn.
        photo: the photo that they name.

    Raises:
        KeyError: the network has no such layer.
    """
    drawing = Drawing(classifier, WAYS[way].objective(layer), settings, photo)
    return RecordedDrawing(drawing, settings.steps)


def together(runs: Mapping[str, RecordedDrawing]) -> Steps[Abreast]:
    """Draw pictures abreast, each from the maps of another layer.

    Args:
        runs: by the layer's name.

    Yields:
        Steps with the latest step of each picture by its layer. Each of them can be drawn again
        alone, from its recipe.
    """
    yield from abreast({layer: run.resume() for layer, run in runs.items()})


@dataclass(frozen=True)
class Rebuilt:
    """A picture that was drawn from the maps of a layer, as it would be saved.

    Attributes:
        record: the picture, and how it came about.
        similarity: its structural similarity with the photo as the network sees it, at most 1.
        difference: how far its maps are from those of the photo: 0 for the same, 1 for none.
        strength: how much of what the photo's maps say is in its own, 1 for the photo itself: the
            dot product of both, divided by that of the photo's with themselves.
    """

    record: Record
    similarity: float
    difference: float
    strength: float


@torch.no_grad()
def measured(classifier: Classifier, photo: Image.Image, record: Record) -> Rebuilt:
    """Compare a picture that was drawn from the maps of a layer with the photo.

    Args:
        classifier: the network that drew it.
        photo: of which it is.
        record: the picture; its objective names the layer.

    Raises:
        TypeError: it was drawn from nothing of a photo.
    """
    synthesis = record.synthesis
    if not isinstance(synthesis.objective, Reconstruction | Caricature):
        raise TypeError("it was not drawn from the maps of a layer")
    layer, size = synthesis.objective.layer, classifier.input_size
    original = photos.prepare(photo, size)
    drawn = photos.prepare(Image.fromarray(synthesis.pixels), size)
    look = classifier.look([layer], answer=False)
    seen, known = (look(picture.to(classifier.device)) for picture in (drawn, original))
    wanted = known.maps[layer]
    return Rebuilt(
        completed(record, second_opinions(classifier, synthesis.objective)),
        structural_similarity(photos.to_pixels(original), photos.to_pixels(drawn)),
        Reconstruction(layer).loss(seen, known).item(),
        ((seen.maps[layer] * wanted).sum() / wanted.square().sum().clamp_min(1e-9)).item(),
    )
