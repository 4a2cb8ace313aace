"""What gradient descent paints on: numbers that can be turned into a picture.

A canvas holds one tensor, `parameters`, for the optimiser, and `picture()` renders it. Which
numbers these are matters as much as the loss: on bare pixels descent finds noise, on
frequencies it finds shapes (Olah, Mordvintsev and Schubert, "Feature Visualization", Distill
2017).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch

from core.problem import N_, Text
from core.synthesis.view import straight


class Canvas(ABC):
    """A picture as the function of some numbers.

    Attributes:
        title: its name, translatable.
        parameters: what the optimiser changes.
        boldness: by what the most contrast is multiplied that the canvas can show, where it has
            a limit.
    """

    title: ClassVar[Text]
    parameters: torch.Tensor
    boldness: float = 1.0

    @abstractmethod
    def picture(self, size: int | None = None) -> torch.Tensor:
        """Render the picture, (1, 3, size, size) in [0, 1], differentiably.

        Args:
            size: its side in pixels, at most that of the canvas, which is meant without it. A
                smaller picture shows the same without its fine detail.
        """

    @abstractmethod
    def paint(self, picture: torch.Tensor) -> None:
        """Start from a picture (1, 3, size, size) in [0, 1] instead of from noise."""

    def constrain(self) -> None:  # noqa: B027 - most canvases need nothing
        """Bring the parameters back to where they mean a picture; called after each step."""


class PixelCanvas(Canvas):
    """The lesson's canvas: every pixel is a parameter.

    Starts at mid-grey with normal noise of 0.02; after each step pixels are cut to [0, 1].
    """

    title = N_("Pixels")
    START_NOISE = 0.02

    def __init__(self, size: int, generator: torch.Generator) -> None:
        """Start with noise from `generator` on a square of `size` pixels."""
        noise = torch.randn(1, 3, size, size, generator=generator)
        self.parameters = (0.5 + self.START_NOISE * noise).clamp_(0, 1)

    def picture(self, size: int | None = None) -> torch.Tensor:
        """The pixels themselves, or their means."""
        return self.parameters if size is None else straight(self.parameters, size)

    def paint(self, picture: torch.Tensor) -> None:
        """Take the pixels."""
        self.parameters = picture.clone()

    def constrain(self) -> None:
        """Cut pixels to [0, 1]."""
        with torch.no_grad():
            self.parameters.clamp_(0, 1)


class FourierCanvas(Canvas):
    """Frequencies instead of pixels, in colours that vary independently.

    Each frequency is scaled by 1/f, as in photographs, so that one optimiser step moves broad
    shapes as readily as fine ones. The three channels are the principal components of natural
    colours. A sigmoid keeps the picture in [0, 1]. Starts within about 0.02 of mid-grey.
    """

    title = N_("Waves")
    START_NOISE = 0.01
    GAIN = 0.125
    """Contrast gained per step, chosen by eye and by what other networks recognise."""

    def __init__(self, size: int, generator: torch.Generator) -> None:
        """Start with noise from `generator` on a square of `size` pixels."""
        self.size = size
        noise = torch.randn(3, size, size // 2 + 1, 2, generator=generator)
        self.parameters = self.START_NOISE * noise
        self._scale = self.GAIN * _one_over_f(size)

    def picture(self, size: int | None = None) -> torch.Tensor:
        """Sum the waves, mix the colours, squash to [0, 1]."""
        return _mix_colours(self._components(size))

    def _components(self, size: int | None) -> torch.Tensor:
        """Return the sums of the waves, (3, size, size): brightness and two of colour."""
        scale = self._scale.to(self.parameters.device)
        return _sum(torch.view_as_complex(self.parameters) * scale, self.size, size)

    def paint(self, picture: torch.Tensor) -> None:
        """Take the waves that add up to the picture, but for its blackest and whitest parts."""
        waves = torch.fft.rfft2(_unmix_colours(picture), norm="ortho") / self._scale
        self.parameters = torch.view_as_real(waves).contiguous()


class SoftCanvas(FourierCanvas):
    """Waves as in `FourierCanvas`, with no more contrast than a soft photo has.

    Descent goes on making everything stronger, until the picture is burnt to black and white.
    Here it can only make one thing stronger at the cost of another.
    """

    title = N_("Waves, soft contrast")
    CONTRAST = (1.0, 0.6, 0.6)
    """Greatest standard deviations of the components: about half of those of photos, which are
    2.0, 1.3 and 1.4 (medians of 133)."""

    def _components(self, size: int | None) -> torch.Tensor:
        components = super()._components(size)
        most = self.boldness * components.new_tensor(self.CONTRAST)[:, None, None]
        spread = components.std(dim=(1, 2), keepdim=True)
        return components * (most / spread).clamp_max(1)


class PhaseCanvas(Canvas):
    """Waves whose strength is fixed, at that of photographs; only where they lie is drawn.

    MACO (Fel et al. 2023): with the magnitude of the spectrum held at a natural 1/f, noise of
    high frequency cannot be drawn at all. Starts as coloured clouds.
    """

    title = N_("Phases only")
    CONTRAST = 1.0
    """Standard deviation of the colour components before they are squashed."""

    def __init__(self, size: int, generator: torch.Generator) -> None:
        """Start with random phases from `generator` on a square of `size` pixels."""
        self.size = size
        turns = torch.rand(3, size, size // 2 + 1, generator=generator)
        self.parameters = 2 * torch.pi * (turns - 0.5)
        self._magnitude = _one_over_f(size)
        self._magnitude[0, 0] = 0  # the mean stays grey

    def picture(self, size: int | None = None) -> torch.Tensor:
        """Sum the waves, bring them to equal contrast, mix the colours, squash to [0, 1]."""
        magnitude = self._magnitude.to(self.parameters.device).expand_as(self.parameters)
        components = _sum(torch.polar(magnitude, self.parameters), self.size, size)
        spread = components.std(dim=(1, 2), keepdim=True)
        return _mix_colours(self.CONTRAST * components / spread)

    def paint(self, picture: torch.Tensor) -> None:
        """Take the phases of a picture: its outlines, under the strengths of an average photo."""
        self.parameters = torch.fft.rfft2(_unmix_colours(picture), norm="ortho").angle()


# Square root of the covariance of RGB in ImageNet photos, from lucid (Apache-2.0).
_COLOURS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
_COLOURS /= _COLOURS.norm(dim=0).max()
_DARKEST = 0.02
"""The sigmoid never gets to black and white; a picture is painted from here to 1 - this."""


def _mix_colours(components: torch.Tensor) -> torch.Tensor:
    """Turn independent colour components (3, H, W) into a picture (1, 3, H, W) in [0, 1]."""
    colours = _COLOURS.to(components.device)
    return torch.einsum("rc,chw->rhw", colours, components)[None].sigmoid()


def _unmix_colours(picture: torch.Tensor) -> torch.Tensor:
    """Undo `_mix_colours`, on the processor."""
    logits = picture[0].cpu().clamp(_DARKEST, 1 - _DARKEST).logit()
    return torch.einsum("cr,rhw->chw", torch.linalg.inv(_COLOURS), logits)


def _sum(waves: torch.Tensor, side: int, size: int | None) -> torch.Tensor:
    """Sum the waves of a real picture.

    Args:
        waves: (C, side, side // 2 + 1), as `torch.fft.rfft2` orders them.
        side: of the picture that they make up.
        size: of the picture that is wanted, where it is a smaller one: finer waves are left out.

    Returns:
        (C, size, size).
    """
    if size is None or size == side:
        return torch.fft.irfft2(waves, s=(side, side), norm="ortho")
    rising, falling = (size + 1) // 2, size // 2
    kept = torch.cat([waves[:, :rising], waves[:, side - falling :]], dim=1)
    kept = kept[..., : size // 2 + 1] * (size / side)
    return torch.fft.irfft2(kept, s=(size, size), norm="ortho")


def _one_over_f(size: int) -> torch.Tensor:
    """1/frequency of the waves of a real picture, (size, size // 2 + 1); in cycles per pixel.

    The mean (frequency 0) is treated like the slowest wave.
    """
    vertical = torch.fft.fftfreq(size)[:, None]
    horizontal = torch.fft.rfftfreq(size)[None, :]
    frequency = (vertical.square() + horizontal.square()).sqrt()
    return 1 / frequency.clamp_min(1 / size)


CanvasName = Literal["soft", "fourier", "pixel", "phase"]
CANVASES: dict[CanvasName, type[PixelCanvas] | type[FourierCanvas] | type[PhaseCanvas]] = {
    "soft": SoftCanvas,
    "fourier": FourierCanvas,
    "pixel": PixelCanvas,
    "phase": PhaseCanvas,
}
