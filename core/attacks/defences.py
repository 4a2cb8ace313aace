"""What is put before a network to help it, and the attacks that go straight through.

Each defence changes the picture before the network sees it. Cheap ones seem to work as long as
the attacker does not know of them. One who does takes the gradient through the defence: as it is
where it has one, past it where it has none (BPDA), and averaged over random draws where it is
randomised (EOT; all from Athalye, Carlini and Wagner, "Obfuscated gradients give a false sense of
security", 2018).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from core.attacks.goal import Goal
from core.attacks.loop import Network, Settings, attack_all
from core.images import photos
from core.problem import N_, Text
from core.steps import Step, Steps

DRAWS = 8
"""How many answers of a randomised defence are averaged."""
EOT_DRAWS = 4


class Defence(Protocol):
    """What a picture goes through on its way to a network; see the classes below."""

    @property
    def title(self) -> Text:
        """The name, translatable."""

    @property
    def random(self) -> bool:
        """Whether it is randomised."""

    def apply(self, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Change pictures, (N, 3, H, W) in [0, 1], keeping their size; gradients flow back."""


class _StraightThrough(torch.autograd.Function):
    """Forward through a function without a gradient, backward past it (BPDA, section 4.1)."""

    @staticmethod
    def forward(
        context: object,
        pictures: torch.Tensor,
        change: Callable[[torch.Tensor], torch.Tensor],
    ) -> torch.Tensor:
        """Return the changed pictures."""
        return change(pictures)

    @staticmethod
    def backward(context: object, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Pass the gradient on as if nothing had been changed."""
        return gradients[0], None


def _straight_through(
    pictures: torch.Tensor, change: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    changed: torch.Tensor = _StraightThrough.apply(pictures, change)
    return changed


@dataclass(frozen=True)
class Jpeg:
    """Saved as JPEG and read back (Dziugaite, Ghahramani and Roy, 2016); has no gradient."""

    quality: int = 75
    title: ClassVar[Text] = N_("JPEG")
    random: ClassVar[bool] = False

    def apply(self, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """See `Defence`."""
        return _straight_through(pictures, self._saved)

    def _saved(self, pictures: torch.Tensor) -> torch.Tensor:
        files = [photos.encode_jpeg(photos.to_pixels(one), self.quality) for one in pictures]
        read = [photos.to_tensor(Image.open(io.BytesIO(file))) for file in files]
        return torch.cat(read).to(pictures)


@dataclass(frozen=True)
class Blur:
    """Blurred by a Gaussian of that many pixels; has a gradient of its own."""

    sigma: float = 1.0
    title: ClassVar[Text] = N_("blur")
    random: ClassVar[bool] = False

    def apply(self, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """See `Defence`."""
        reach = min(max(1, round(3 * self.sigma)), min(pictures.shape[-2:]) - 1)
        places = torch.arange(-reach, reach + 1, device=pictures.device, dtype=pictures.dtype)
        weights = (-(places**2) / (2 * self.sigma**2)).exp()
        weights = (weights / weights.sum()).expand(3, 1, -1)
        padded = F.pad(pictures, (reach,) * 4, mode="reflect")
        across = F.conv2d(padded, weights.unsqueeze(2), groups=3)
        return F.conv2d(across, weights.unsqueeze(3), groups=3)


@dataclass(frozen=True)
class BitDepth:
    """Rounded to that many bits per colour (Xu, Evans and Qi, 2018); has no useful gradient."""

    bits: int = 4
    title: ClassVar[Text] = N_("fewer bits")
    random: ClassVar[bool] = False

    def apply(self, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """See `Defence`."""
        return _straight_through(pictures, lambda p: photos.quantised(p, 2**self.bits))


@dataclass(frozen=True)
class ResizeAndPad:
    """Made a little smaller and laid anywhere on grey (Xie et al., 2018); randomised."""

    least: float = 0.85
    title: ClassVar[Text] = N_("resize and pad")
    random: ClassVar[bool] = True

    def apply(self, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """See `Defence`."""
        height, width = pictures.shape[-2:]
        scale, *place = _uniform(3, generator)
        scale = self.least + (1 - self.least) * scale
        rows, columns = max(1, round(scale * height)), max(1, round(scale * width))
        smaller = F.interpolate(
            pictures, size=(rows, columns), mode="bilinear", align_corners=False, antialias=True
        )
        top, left = round(place[0] * (height - rows)), round(place[1] * (width - columns))
        sides = (left, width - columns - left, top, height - rows - top)
        return F.pad(smaller, sides, value=0.5)


@dataclass(frozen=True)
class RandomCrop:
    """A random cut-out, made as large as the photo (Guo et al., 2018); randomised."""

    share: float = 0.85
    title: ClassVar[Text] = N_("random crops")
    random: ClassVar[bool] = True

    def apply(self, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """See `Defence`."""
        height, width = pictures.shape[-2:]
        rows, columns = max(1, round(self.share * height)), max(1, round(self.share * width))
        down, right = _uniform(2, generator)
        top, left = round(down * (height - rows)), round(right * (width - columns))
        cut = pictures[..., top : top + rows, left : left + columns]
        return F.interpolate(cut, size=(height, width), mode="bilinear", align_corners=False)


def _uniform(count: int, generator: torch.Generator) -> list[float]:
    drawn: list[float] = torch.rand(count, generator=generator).tolist()
    return drawn


DEFENCES: Mapping[str, Defence] = {
    "jpeg": Jpeg(),
    "blur": Blur(),
    "bits": BitDepth(),
    "resize": ResizeAndPad(),
    "crops": RandomCrop(),
}


class Defended:
    """A network behind a defence; it can be asked, and attacked through the defence.

    Where the defence is randomised, probabilities are averaged over several draws, which is both
    what the defender does and the attacker's expectation over transformations (EOT).
    """

    def __init__(
        self, network: Network, defence: Defence, *, draws: int = DRAWS, seed: int = 0
    ) -> None:
        """Put a defence before a network.

        Args:
            network: it is not changed.
            defence: what every picture goes through.
            draws: how many answers are averaged; one is enough where nothing is random.
            seed: of the draws.
        """
        self._network = network
        self._defence = defence
        self._draws = draws if defence.random else 1
        self._generator = torch.Generator().manual_seed(seed)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._network.device

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities, (N, classes), which serve as logits, of pictures in [0, 1]."""
        drawn = [
            self._network(self._defence.apply(pictures, self._generator)).log_softmax(dim=-1)
            for _ in range(self._draws)
        ]
        if len(drawn) == 1:
            return drawn[0]
        return torch.stack(drawn).logsumexp(dim=0) - float(np.log(len(drawn)))


@dataclass(frozen=True)
class Finding:
    """What a defence is worth, as fractions of the photos in [0, 1].

    Attributes:
        defence: its name in `DEFENCES`; empty for none.
        clean: classified correctly, without an attack.
        attacked: classified correctly, attacked by one who does not know of the defence.
        adaptive: classified correctly, attacked through the defence. For no defence the same as
            `attacked`.
        fooled, fooled_adaptive: classified as the attackers wanted, by the two attacks.
        photos: on how many it was measured.
    """

    defence: str
    clean: float
    attacked: float
    adaptive: float
    fooled: float
    fooled_adaptive: float
    photos: int


def compare(
    network: Network,
    pictures: torch.Tensor,
    classes: Sequence[int],
    settings: Settings,
    *,
    names: Sequence[str] = tuple(DEFENCES),
    goals: Sequence[Goal] | None = None,
) -> Steps[tuple[Finding, ...]]:
    """Measure defences: their cost on clean photos, their gain, and what is left of it.

    All is measured on pictures rounded to 8 bits. The evaluation draws other random numbers than
    the attack.

    Args:
        network: what is defended.
        pictures: (N, 3, H, W) in [0, 1].
        classes: what they really show.
        settings: of the attacks. "Stop at first success" is left out: an attack on a
            randomised defence must not stop at a lucky draw.
        names: of the defences.
        goals: what the attackers want, one for each photo; None: anything but the true class.

    Yields:
        A step whenever an attack made some. The result has a finding for none and for every
        defence that is done.
    """
    wanted = goals or [Goal(c, targeted=False, true_id=c) for c in classes]
    settings = replace(settings, stop_early=False)
    runs = ["", *names]
    findings: list[Finding] = []
    unaware = pictures
    for number, name in enumerate(runs):
        attacked: Network = network
        evaluated: Network = network
        if name:
            defence = DEFENCES[name]
            attacked = Defended(network, defence, draws=EOT_DRAWS, seed=settings.seed)
            evaluated = Defended(network, defence, seed=settings.seed + 1)
        adversarial = pictures
        for step in attack_all(attacked, pictures, wanted, settings):
            if step.result:
                adversarial = torch.cat([attempt.adversarial for attempt in step.result])
            share = (number + step.index / step.total) / len(runs)
            yield Step(
                round(1000 * share),
                1000,
                phase=DEFENCES[name].title if name else "",
                picture=step.picture,
                result=tuple(findings) or None,
            )
        adversarial = photos.quantised(adversarial)
        if not name:
            unaware = adversarial
        clean, _ = _seen(evaluated, pictures, classes, wanted)
        attacked_right, fooled = _seen(evaluated, unaware, classes, wanted)
        adaptive_right, fooled_adaptive = _seen(evaluated, adversarial, classes, wanted)
        findings.append(
            Finding(
                name,
                clean,
                attacked_right,
                adaptive_right,
                fooled,
                fooled_adaptive,
                photos=len(pictures),
            )
        )
        yield Step(round(1000 * (number + 1) / len(runs)), 1000, result=tuple(findings))


@torch.no_grad()
def _seen(
    network: Network, pictures: torch.Tensor, classes: Sequence[int], goals: Sequence[Goal]
) -> tuple[float, float]:
    """Return the fractions of pictures classified correctly, and as the attacker wants."""
    logits = torch.cat([network(picture[None].to(network.device)) for picture in pictures])
    right = (logits.argmax(-1).cpu() == torch.tensor(list(classes))).float().mean()
    rows = zip(goals, logits, strict=True)
    fooled = [bool(goal.reached(row[None]).item()) for goal, row in rows]
    return right.item(), sum(fooled) / len(fooled)
