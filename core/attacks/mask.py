"""Where a photo may be changed: everywhere, only around the object, or only in a patch."""

from __future__ import annotations

from typing import Literal

import torch

from core.problem import N_, check_range
from core.setting import Setting
from core.zoo.classifier import Classifier
from core.zoo.grad_cam import grad_cam

MaskName = Literal["everywhere", "background", "frame", "patch"]
MASK = Setting(
    choices={
        "everywhere": N_("Everywhere"),
        "background": N_("Only the background"),
        "frame": N_("Only a frame"),
        "patch": N_("Only a patch"),
    },
    label=N_("Where it may change"),
    help=N_(
        "The background is where the network's answer does not come from (Grad-CAM). A patch is a sticker: small, but free to change as it likes."
    ),
    link="where",
)
"""Which of them it is."""
_OBJECT = 0.3
"""Fraction of the greatest attribution from which a pixel counts as part of the object."""
FRAME = 0.12
"""Width of the frame, as a fraction of the photo's side."""


def mask_for(
    name: MaskName,
    classifier: Classifier,
    photo: torch.Tensor,
    *,
    place: tuple[float, float] = (0.1, 0.1),
    side: float = 0.25,
) -> torch.Tensor | None:
    """Return a mask for a photo.

    Args:
        name: which; "frame" is a border of an eighth of the side.
        classifier: the network; for "background", the attribution of its answer counts.
        photo: (1, 3, H, W) in [0, 1].
        place: of the patch's upper left corner, as fractions of width and height.
        side: of the patch, as a fraction of the photo's.

    Returns:
        (1, 1, H, W) of zeros and ones, or None for "everywhere".

    Raises:
        Problem: place or side are out of their range.
    """
    height, width = photo.shape[-2:]
    if name == "everywhere":
        return None
    if name == "background":
        return background(classifier, photo)
    mask = torch.zeros(1, 1, height, width)
    if name == "frame":
        border = max(1, round(FRAME * min(height, width)))
        mask += 1
        mask[..., border : height - border, border : width - border] = 0
        return mask
    check_patch(place, side)
    rows, columns = max(1, round(side * height)), max(1, round(side * width))
    top = min(round(place[1] * height), height - rows)
    left = min(round(place[0] * width), width - columns)
    mask[..., top : top + rows, left : left + columns] = 1
    return mask


def check_patch(place: tuple[float, float], side: float) -> None:
    """Refuse a patch that does not lie on the photo; see `mask_for`.

    Raises:
        Problem: place or side are out of their range.
    """
    for fraction in place:
        check_range(N_("place of the patch"), fraction, 0, 1)
    check_range(N_("side of the patch"), side, 0, 1)


def background(classifier: Classifier, photo: torch.Tensor) -> torch.Tensor:
    """Return a mask of what the network's answer does not rest on; see `grad_cam`.

    Args:
        classifier: the network.
        photo: (1, 3, H, W) in [0, 1].

    Returns:
        (1, 1, H, W): 0 on the object, 1 around it.
    """
    photo = photo.to(classifier.device)
    heat = grad_cam(classifier, photo, int(classifier.probabilities(photo).argmax()))
    return (heat <= _OBJECT * heat.max()).float()[None, None]
