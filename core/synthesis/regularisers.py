"""Penalties that keep a picture from being noise, each declared once, with its weight.

All are means rather than sums, so that a weight means the same at every size. Those of the
picture alone take (N, 3, H, W) in [0, 1] and return a scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F

from core.problem import N_, Text
from core.setting import Setting, declared, settings_of
from core.zoo.graph import NormStatistics

_LEAST_STD = 1e-3


def total_variation(picture: torch.Tensor) -> torch.Tensor:
    """How much neighbouring pixels differ: what turns noise into shapes.

    The mean of |difference| to the right and downwards over pixels and channels (Rudin, Osher
    and Fatemi 1992, anisotropic form); 0 for a flat picture.

    >>> total_variation(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])).item()
    1.0
    """
    right = (picture[..., :, 1:] - picture[..., :, :-1]).abs().mean()
    down = (picture[..., 1:, :] - picture[..., :-1, :]).abs().mean()
    return right + down


def distance_from_grey(picture: torch.Tensor) -> torch.Tensor:
    """How far pixels are from mid-grey: the mean of (x - ½)², L2 (Simonyan et al. 2014).

    >>> distance_from_grey(torch.tensor([[[[0.0, 0.5]]]])).item()
    0.125
    """
    return (picture - 0.5).square().mean()


def fine_detail(picture: torch.Tensor) -> torch.Tensor:
    """How much a blur would change: the mean of (x - blur(x))².

    Descending it blurs the picture a little at each step, as Yosinski et al. (2015) do by hand.
    The blur is that of Pascal's triangle, 1 4 6 4 1, in both directions, with mirrored edges.
    """
    row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=picture.dtype, device=picture.device) / 16
    channels = picture.shape[1]
    kernel = torch.outer(row, row).expand(channels, 1, 5, 5)
    blurred = F.conv2d(F.pad(picture, (2, 2, 2, 2), mode="reflect"), kernel, groups=channels)
    return (picture - blurred).square().mean()


def batch_norm_prior(
    norms: Mapping[str, torch.Tensor], statistics: Sequence[NormStatistics]
) -> torch.Tensor:
    """How far the layers' statistics are from those of the training photos.

    The mean over layers and channels of (difference of means)² + (difference of standard
    deviations)², in units of the trained standard deviation. After DeepInversion (Yin et al.
    2020, eq. 4), which takes norms of unscaled differences; scaled, one weight suits all
    networks. It brings natural colours and contrast.

    Args:
        norms: by node, the batch norms' values for the picture, (N, channels, h, w).
        statistics: what they were in training.
    """
    losses = []
    for trained in statistics:
        values = norms[trained.node]
        mean = trained.mean.to(values.device)
        std = trained.std.to(values.device).clamp_min(_LEAST_STD)
        spread, centre = torch.std_mean(values, dim=(0, 2, 3), correction=0)
        losses.append(((centre - mean) / std).square().mean() + (spread / std - 1).square().mean())
    return torch.stack(losses).mean()


TV_MARKS = (0.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0, 30_000.0)
"""Weights of the total variation from none to far too much, each of which can be told from the
next; they mean the same for every preset with relative weights."""
_MARKS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)


@dataclass(frozen=True, kw_only=True)
class Regulariser(Setting):
    """The weight of a penalty, with what it weighs.

    Attributes:
        penalty: takes the picture and returns a scalar.
        of_norms: whether it takes what `batch_norm_prior` does instead.
        loss: what the weighted penalty is called among the terms of the loss.
        formula: the penalty in LaTeX.
        code: the penalty in a script to take along, where the picture is `image`; empty where the
            script has to do without it.
    """

    penalty: Callable[..., torch.Tensor]
    of_norms: bool = False
    loss: Text
    formula: str
    code: str = ""


def _weight(penalty: Callable[..., torch.Tensor], name: Text, **more: Any) -> Any:
    known: dict[str, Any] = {
        "marks": _MARKS,
        "digits": 1,
        "metavar": "WEIGHT",
        "later": True,
    } | more
    return declared(0.0, Regulariser(penalty=penalty, name=name, least=0.0, most=1e6, **known))


@dataclass(frozen=True)
class Weights:
    """How much each regulariser counts; 0 for not at all.

    Attributes:
        tv: weight of the total variation.
        l2: weight of the distance from mid-grey.
        blur: weight of the fine detail.
        batch_norm: weight of the batch-norm prior; networks without batch norms have none.
    """

    tv: float = _weight(
        total_variation,
        N_("TV weight"),
        loss=N_("TV loss"),
        formula=r"\overline{|\nabla x|}",
        code="total_variation(image)",
        label=N_("Weight of the total variation"),
        help=N_(
            "Total variation is how much neighbouring pixels differ. Without it there is a fine grain; the more of it, the smoother, and too much leaves a pale sheet. You can change it while the picture grows."
        ),
        told="weight of the total variation",
        marks=TV_MARKS,
        digits=0,
    )
    l2: float = _weight(
        distance_from_grey,
        N_("L2 weight"),
        loss=N_("L2 loss"),
        formula=r"\overline{(x-\tfrac12)^2}",
        code="(image - 0.5).square().mean()",
        label=N_("Weight of L2"),
        help=N_("Pulls pixels towards mid-grey, so that only what the class needs stands out."),
        told="weight of the distance from grey",
    )
    blur: float = _weight(
        fine_detail,
        N_("blur weight"),
        loss=N_("blur loss"),
        formula=r"\overline{(x-\mathrm{blur}(x))^2}",
        code="(image - F.avg_pool2d(image, 3, 1, 1)).square().mean()",
        label=N_("Weight of the blur"),
        help=N_("Punishes whatever a slight blur would take away: fine lines and noise."),
        told="weight of the fine detail",
    )
    batch_norm: float = _weight(
        batch_norm_prior,
        N_("batch-norm weight"),
        of_norms=True,
        loss=N_("batch-norm loss"),
        formula=r"\overline{(\mu-\hat\mu)^2/\hat\sigma^2+(\sigma/\hat\sigma-1)^2}",
        label=N_("Weight of the batch-norm prior"),
        help=N_(
            "Pulls the layers' means and standard deviations towards those of real photos: natural colours and contrast (DeepInversion)."
        ),
        told="of the batch-norm prior",
        link="prior",
    )


REGULARISERS = cast(dict[str, Regulariser], settings_of(Weights))
"""By the name of the weight."""
