"""How the network sees the canvas: each step from a slightly different place.

What survives being enlarged, turned and shifted is a shape rather than noise that fits one exact
grid of pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from core.problem import N_, check_range
from core.setting import check, setting

SCALES = (0.25, 4.0)


@dataclass(frozen=True)
class View:
    """A range of places from which to look at a canvas.

    Attributes:
        scale: least and greatest enlargement; at 1 the whole canvas fills the view, at 2 half
            of its width does, below 1 its mirrored surroundings show.
        rotation: greatest angle either way, in degrees.
        shift: whether the enlarged view is put anywhere on the canvas, or in its middle.
    """

    scale: tuple[float, float] = setting(
        (1.0, 1.0),
        label=N_("Enlarged by"),
        offered=(0.5, 3.0),
        step=0.05,
        digits=2,
        metavar=("LEAST", "GREATEST"),
    )
    rotation: float = setting(
        0.0,
        N_("rotation"),
        0.0,
        180.0,
        label=N_("Turned by at most"),
        offered=(0.0, 45.0),
        step=1.0,
        unit="°",
        digits=0,
        metavar="DEGREES",
        link="turned",
    )
    shift: bool = setting(
        False,
        label=N_("Shifted about"),
        help=N_(
            "The network sees the canvas from a new place at each step. What survives that is a shape, not noise that fits one grid of pixels."
        ),
        link="shifted",
    )

    def __post_init__(self) -> None:
        """Refuse places from which nothing can be seen.

        Raises:
            Problem: a value is out of its range.
        """
        check_range(N_("least scale"), self.scale[0], *SCALES)
        check_range(N_("greatest scale"), self.scale[1], self.scale[0], SCALES[1])
        check(self)

    @property
    def is_still(self) -> bool:
        """Whether there is only one place to look from: straight at the whole canvas."""
        return self.scale == (1.0, 1.0) and self.rotation == 0

    def look(self, picture: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
        """See a picture from a random place of this range, differentiably.

        Args:
            picture: (N, 3, H, W); all are seen from the same place.
            size: side of the square that the network sees.
            generator: where the randomness comes from.

        Returns:
            (N, 3, size, size).
        """
        if self.is_still:
            return straight(picture, size)
        enlarge, turn, right, down = torch.rand(4, generator=generator).tolist()
        smallest, greatest = self.scale
        half_width = 1 / (smallest + (greatest - smallest) * enlarge)
        angle = math.radians(self.rotation) * (2 * turn - 1)
        room = max(0.0, 1 - half_width) if self.shift else 0.0
        cosine, sine = half_width * math.cos(angle), half_width * math.sin(angle)
        placement = torch.tensor(
            [[[cosine, -sine, room * (2 * right - 1)], [sine, cosine, room * (2 * down - 1)]]]
        )
        grid = F.affine_grid(placement, [1, 3, size, size], align_corners=False)
        return F.grid_sample(
            picture,
            grid.to(picture.device).expand(len(picture), -1, -1, -1),
            padding_mode="reflection",
            align_corners=False,
        )


def disturbed(
    view: torch.Tensor, *, noise: float, colour: float, generator: torch.Generator
) -> torch.Tensor:
    """Return a view in other colours and with noise on it: fragments do not survive them.

    Brightness, contrast and tint change for the view as a whole: it is stretched about mid-grey by
    exp(N(0, colour)), and each channel is shifted by N(0, colour / 2). After Plug-In Inversion
    (Ghiasi et al. 2022).

    Args:
        view: (N, 3, H, W); all pictures are disturbed alike.
        noise: standard deviation of the normal noise on each pixel; 0 for none.
        colour: strength of the change of colours; 0 for none.
        generator: where the randomness comes from.
    """
    if colour:
        stretch, *shift = torch.randn(4, generator=generator).tolist()
        tint = view.new_tensor(shift).view(1, 3, 1, 1) * (colour / 2)
        view = (view - 0.5) * math.exp(colour * stretch) + (0.5 + tint)
    if noise:
        grain = torch.randn(view.shape[1:], generator=generator)
        view = view + noise * grain.to(view.device)
    return view


def straight(picture: torch.Tensor, size: int) -> torch.Tensor:
    """See the whole picture (1, 3, H, W) at `size` pixels."""
    if picture.shape[-2:] == (size, size):
        return picture
    return F.interpolate(
        picture, size=(size, size), mode="bilinear", antialias=True, align_corners=False
    )
