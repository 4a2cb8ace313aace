"""What gradient descent paints on: numbers that can be turned into a picture.

A canvas holds one tensor, `parameters`, for the optimiser, and `picture()` renders it. Which
numbers these are matters as much as the loss: on bare pixels descent finds noise, on
frequencies it finds shapes (Olah, Mordvintsev and Schubert, "Feature Visualization", Distill
2017).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch


class Canvas(ABC):
    """A picture as the function of some numbers.

    Attributes:
        parameters: what the optimiser changes.
    """

    parameters: torch.Tensor

    @abstractmethod
    def picture(self) -> torch.Tensor:
        """Render the picture, (1, 3, size, size) in [0, 1], differentiably."""

    def constrain(self) -> None:  # noqa: B027 - most canvases need nothing
        """Bring the parameters back to where they mean a picture; called after each step."""


class PixelCanvas(Canvas):
    """The lesson's canvas: every pixel is a parameter.

    Starts at mid-grey with normal noise of 0.02; after each step pixels are cut to [0, 1].
    """

    START_NOISE = 0.02

    def __init__(self, size: int, generator: torch.Generator) -> None:
        """Start with noise from `generator` on a square of `size` pixels."""
        noise = torch.randn(1, 3, size, size, generator=generator)
        self.parameters = (0.5 + self.START_NOISE * noise).clamp_(0, 1)

    def picture(self) -> torch.Tensor:
        """The pixels themselves."""
        return self.parameters

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

    START_NOISE = 0.01
    GAIN = 0.125
    """Contrast gained per step, chosen by eye and by what other networks recognise."""

    # Square root of the covariance of RGB in ImageNet photos, from lucid (Apache-2.0).
    COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))

    def __init__(self, size: int, generator: torch.Generator) -> None:
        """Start with noise from `generator` on a square of `size` pixels."""
        self.size = size
        self.parameters = self.START_NOISE * torch.randn(
            3, size, size // 2 + 1, 2, generator=generator
        )
        vertical = torch.fft.fftfreq(size)[:, None]
        horizontal = torch.fft.rfftfreq(size)[None, :]
        frequency = (vertical.square() + horizontal.square()).sqrt()
        # The mean (frequency 0) is treated like the slowest wave.
        self._scale = self.GAIN / frequency.clamp_min(1 / size)
        colours = torch.tensor(self.COLOURS)
        self._colours = colours / colours.norm(dim=0).max()

    def picture(self) -> torch.Tensor:
        """Sum the waves, mix the colours, squash to [0, 1]."""
        spectrum = torch.view_as_complex(self.parameters) * self._scale.to(self.parameters.device)
        components = torch.fft.irfft2(spectrum, s=(self.size, self.size), norm="ortho")
        colours = self._colours.to(components.device)
        return torch.einsum("rc,chw->rhw", colours, components)[None].sigmoid()


CANVASES: dict[str, type[PixelCanvas] | type[FourierCanvas]] = {
    "pixel": PixelCanvas,
    "fourier": FourierCanvas,
}
