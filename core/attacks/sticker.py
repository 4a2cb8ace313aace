"""The adversarial sticker: one round picture that, laid anywhere on any photo, wins.

Brown et al., "Adversarial patch" (2017): the patch is optimised in expectation over photos,
places, sizes and turns, so it has no photo in mind and can be printed.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from core.images.photos import from_pixels, quantised, to_pixels
from core.problem import N_, check_range, check_seed
from core.steps import Pixels, Step, Steps
from core.zoo.classifier import Classifier

SIDE = 128
_DPI = 300
_CM_PER_INCH = 2.54
_EVALUATED_EVERY = 20
_EVALUATED = 16


@dataclass(frozen=True)
class Placement:
    """Where a sticker lies on a photo.

    Attributes:
        x, y: of its middle, as fractions of width and height.
        size: its diameter, as a fraction of the photo's side.
        degrees: by how much it is turned.
    """

    x: float
    y: float
    size: float
    degrees: float


@dataclass(frozen=True)
class StickerSettings:
    """How a sticker is made.

    Attributes:
        steps: how many.
        batch: how many photos are looked at in one step.
        learning_rate: of Adam.
        sizes: least and greatest diameter, as fractions of the photo's side.
        degrees: by how much it may be turned, either way.
        seed: of places and photos.
    """

    steps: int = 200
    batch: int = 4
    learning_rate: float = 0.05
    sizes: tuple[float, float] = (0.3, 0.55)
    degrees: float = 20.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            Problem: one of them is out of its range.
        """
        check_range(N_("number of steps"), self.steps, 1, 5000)
        check_range(N_("number of photos in a step"), self.batch, 1, 32)
        check_range(N_("learning rate"), self.learning_rate, 1e-4, 1)
        check_range(N_("size of the sticker"), self.sizes[0], 0.05, 0.95)
        check_range(N_("size of the sticker"), self.sizes[1], self.sizes[0], 0.95)
        check_range(N_("turn of the sticker"), self.degrees, 0, 180)
        check_seed(self.seed)


@dataclass(frozen=True)
class Sticker:
    """A sticker and how well it does.

    Attributes:
        pixels: 8-bit, (side, side, 3); only the circle counts.
        class_id: what it is to be taken for.
        class_name: what the network calls that.
        settings: how it was made.
        steps_done: how many steps were made.
        success: fraction of photos with it, at places it was not trained for, that are classified
            as the class; None before the first evaluation.
        example: one of these photos, 8-bit.
    """

    pixels: Pixels
    class_id: int
    class_name: str
    settings: StickerSettings
    steps_done: int
    success: float | None
    example: Pixels | None


def circle(side: int) -> torch.Tensor:
    """Return a disc, (1, 1, side, side), of ones in zeros."""
    places = (torch.arange(side) + 0.5) / side * 2 - 1  # the middles of the pixels
    return ((places[:, None] ** 2 + places[None, :] ** 2) <= 1).float()[None, None]


def lay(
    sticker: torch.Tensor, pictures: torch.Tensor, placements: Sequence[Placement]
) -> torch.Tensor:
    """Lay a sticker on photos; gradients flow back to it.

    Args:
        sticker: (1, 3, side, side) in [0, 1].
        pictures: (N, 3, H, W) in [0, 1].
        placements: where, one for each photo.

    Returns:
        The photos with the sticker on them, (N, 3, H, W).
    """
    turns = torch.stack([_affine(placement) for placement in placements]).to(pictures)
    size = [len(pictures), 3, *pictures.shape[-2:]]
    places = F.affine_grid(turns, size, align_corners=False)
    with_alpha = torch.cat([sticker, circle(sticker.shape[-1]).to(sticker)], dim=1)
    laid = F.grid_sample(with_alpha.expand(len(pictures), -1, -1, -1), places, align_corners=False)
    colour, alpha = laid[:, :3], laid[:, 3:]
    # Colours outside the disc do not count; at its rim they are mixed by the sampling.
    return pictures * (1 - alpha) + colour * alpha


def _affine(placement: Placement) -> torch.Tensor:
    """Return the map, (2, 3), from places in the photo to places in the sticker, both in [-1, 1]."""
    angle = math.radians(placement.degrees)
    cosine, sine = math.cos(angle) / placement.size, math.sin(angle) / placement.size
    x, y = 2 * placement.x - 1, 2 * placement.y - 1
    return torch.tensor(
        [
            [cosine, sine, -cosine * x - sine * y],
            [-sine, cosine, sine * x - cosine * y],
        ]
    )


def _random_placement(settings: StickerSettings, generator: torch.Generator) -> Placement:
    x, y, size, turn = torch.rand(4, generator=generator).tolist()
    least, most = settings.sizes
    diameter = least + size * (most - least)
    inside = 1 - diameter  # the whole sticker lies on the photo
    return Placement(
        diameter / 2 + x * inside,
        diameter / 2 + y * inside,
        diameter,
        (2 * turn - 1) * settings.degrees,
    )


def make(
    classifier: Classifier, pictures: torch.Tensor, class_id: int, settings: StickerSettings
) -> Steps[Sticker]:
    """Make a sticker.

    Args:
        classifier: the network to fool.
        pictures: the photos to practise on, (N, 3, size, size) in [0, 1].
        class_id: what everything shall be taken for.
        settings: how.

    Yields:
        A step per step of Adam; the picture is a photo with the sticker on it.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    pictures = pictures.to(classifier.device)
    sticker = torch.full((1, 3, SIDE, SIDE), 0.5, device=classifier.device, requires_grad=True)
    optimiser = torch.optim.Adam([sticker], lr=settings.learning_rate)
    success, example = None, None
    for made in range(1, settings.steps + 1):
        chosen = torch.randint(len(pictures), (settings.batch,), generator=generator)
        placements = [_random_placement(settings, generator) for _ in range(settings.batch)]
        laid = lay(sticker, pictures[chosen], placements)
        log_probability = classifier(laid).log_softmax(dim=-1)[:, class_id].mean()
        (sticker.grad,) = torch.autograd.grad(-log_probability, sticker)
        optimiser.step()
        with torch.no_grad():
            sticker.clamp_(0, 1)
        if made % _EVALUATED_EVERY == 0 or made == settings.steps:
            success, example = evaluate(
                classifier, to_pixels(sticker), pictures, class_id, settings
            )
        name = classifier.labels[class_id]
        result = Sticker(to_pixels(sticker), class_id, name, settings, made, success, example)
        scalars: dict[str, float] = {N_("probability"): log_probability.exp().item()}
        if success is not None:
            scalars[N_("share of photos it wins")] = success
        yield Step(made, settings.steps, scalars, picture=to_pixels(laid[:1]), result=result)


@torch.no_grad()
def evaluate(
    classifier: Classifier,
    sticker: Pixels,
    pictures: torch.Tensor,
    class_id: int,
    settings: StickerSettings,
) -> tuple[float, Pixels]:
    """Return the fraction of photos that an 8-bit sticker wins, at new places, and one of them."""
    generator = torch.Generator().manual_seed(settings.seed + 1)
    printed = from_pixels(sticker).to(classifier.device)
    won, example = 0, None
    for number in range(_EVALUATED):
        picture = pictures[number % len(pictures)][None]
        laid = lay(printed, picture, [_random_placement(settings, generator)])
        wins = int(classifier(quantised(laid)).argmax()) == class_id
        won += wins
        if example is None or (wins and won == 1):
            example = to_pixels(laid)
    assert example is not None
    return won / _EVALUATED, example


def check_diameter(centimetres: float) -> None:
    """Refuse a sticker that cannot be printed on a usual sheet.

    Raises:
        Problem: it is too small or too large.
    """
    check_range(N_("diameter on paper"), centimetres, 1, 30)


def printable(sticker: Pixels, centimetres: float = 8.0) -> bytes:
    """Return a PNG to print: 300 dots per inch, transparent around the disc.

    Args:
        sticker: 8-bit, (side, side, 3).
        centimetres: its diameter on paper.

    Raises:
        Problem: it would not fit on a sheet.
    """
    check_diameter(centimetres)
    side = round(centimetres / _CM_PER_INCH * _DPI)
    large = Image.fromarray(sticker).resize((side, side), Image.Resampling.BICUBIC)
    large.putalpha(Image.fromarray((circle(side)[0, 0].numpy() * 255).astype(np.uint8)))
    buffer = io.BytesIO()
    large.save(buffer, "PNG", dpi=(_DPI, _DPI))
    return buffer.getvalue()
