"""How the way of drawing changes from the first step to the last: roughly at first, then finely.

Large shapes come first: the network is shown few pixels, which is quick and leaves it nothing but
large shapes to look at. Noise and changes of colour keep it from settling on fragments; they fade,
so that the details come back. The steps grow short, and at last Adam, which moves fine waves as far as
broad ones, adds the details by which networks tell classes apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.limits import LIMITS
from core.problem import N_
from core.setting import check, setting

_LAST_DETAILS = 0.1


@dataclass(frozen=True)
class Moment:
    """How one step is made.

    Attributes:
        size: share of the usual pixels, along a side, that are painted and shown.
        noise: standard deviation of the noise on what the network sees.
        colour: how much its colours change; see `view.disturbed`.
        contrast: how much the nearest other classes count; see `objective.nearest`.
        boldness: by what the most contrast of a soft canvas is multiplied.
        rate: by what the learning rate is multiplied.
        details: whether it is Adam's turn to add details.
    """

    size: float = 1.0
    noise: float = 0.0
    colour: float = 0.0
    contrast: float = 0.0
    boldness: float = 1.0
    rate: float = 1.0
    details: bool = False


@dataclass(frozen=True)
class Schedule:
    """Values at the first step and from step `length` on; straight lines between them.

    It has a length of its own, so that a picture does not depend on how many steps are planned:
    going on stays at the last values.

    Attributes:
        length: number of steps until everything is at its end; 0 for no change at all.
        coarse: share of these steps in which only `coarse_size` of the pixels is shown.
        coarse_size: share of the pixels along a side, of the canvas and of the network's view.
        patience: how many steps more the coarse ones may be, where the network does not yet see
            the class: what is not there when the details come becomes a cloud.
        waited: how many steps more they were, on the way of a run that is drawn again; beyond
            these and `patience`, no step is waited.
        noise: standard deviation at the beginning; it is gone at `calm`.
        colour: strength of the changes of colour at the beginning and at `calm`.
        calm: share of the steps after which noise and colours are at their end.
        contrast: how much the nearest other classes count at the beginning and at the end.
        boldness: how many times its usual contrast a soft canvas may have in the coarse steps;
            none is left of this at `calm`. Where a class excites the network little at first, as
            a railway car does, a picture that must stay pale never gets beyond clouds.
        rate: by what the learning rate is multiplied at the end, but for the details.
        details: share of the steps after which Adam adds the details; 1 for never.
        details_rate: by what the learning rate is multiplied at the first of these steps; at the
            end a tenth of it is left.
    """

    length: int = setting(0, N_("length of the schedule"), 0, LIMITS.drawing_steps)
    coarse: float = setting(0.0, N_("share of coarse steps"), 0.0, 1.0)
    coarse_size: float = setting(1.0, N_("coarse size"), 0.25, 1.0)
    patience: int = setting(0, N_("number of coarse steps"), 0, LIMITS.drawing_steps, later=True)
    waited: int = setting(0, N_("number of coarse steps"), 0, LIMITS.drawing_steps, later=True)
    noise: float = setting(0.0, N_("noise"), 0.0, 1.0)
    colour: tuple[float, float] = setting((0.0, 0.0), N_("change of colour"), 0.0, 1.0)
    calm: float = setting(1.0, N_("share of disturbed steps"), 0.01, 1.0)
    contrast: tuple[float, float] = setting((0.0, 0.0), N_("contrast"), 0.0, 1.0)
    boldness: float = setting(1.0, N_("boldness"), 1.0, 10.0, later=True)
    rate: float = setting(1.0, N_("last learning rate"), 1e-3, 1.0)
    details: float = setting(1.0, N_("share of steps before the details"), 0.01, 1.0)
    details_rate: float = setting(1.0, N_("learning rate of the details"), 1e-3, 1000.0)

    def __post_init__(self) -> None:
        """Refuse what cannot be followed.

        Raises:
            Problem: a value is out of its range.
        """
        check(self)

    def at(self, step: int) -> Moment:
        """Return how the step is made that follows `step` others."""
        if not self.length:
            return Moment()
        done = min(1.0, self.clock(step) / self.length)
        disturbed = min(1.0, done / self.calm)
        detailed = self.details < 1 and done >= self.details
        if detailed:
            share = (done - self.details) / (1 - self.details)
            rate = self.details_rate * _between((1.0, _LAST_DETAILS), share)
        else:
            rate = _between((1.0, self.rate), done)
        return Moment(
            size=self.coarse_size if done < self.coarse else 1.0,
            noise=self.noise * (1 - disturbed),
            colour=_between(self.colour, disturbed),
            contrast=_between(self.contrast, done),
            boldness=_between((self.boldness, 1.0), self._softened(done)),
            rate=rate,
            details=detailed,
        )

    def clock(self, step: int) -> int:
        """Return how far the schedule is after so many steps: it stands still while one waits."""
        return step - min(self.waited, max(0, step - self.last_coarse))

    def may_wait(self, step: int) -> bool:
        """Return whether, after so many steps, the coarse part is over and one more may be waited."""
        is_over = self.clock(step) == self.last_coarse + 1
        return is_over and self.waited < self.patience and step < LIMITS.drawing_steps

    @property
    def last_coarse(self) -> int:
        """After how many steps, without waiting, the last coarse one is made."""
        return max(0, math.ceil(round(self.coarse * self.length, 6)) - 1)

    def _softened(self, done: float) -> float:
        """Return how far a soft canvas is on its way from bold to usual, in [0, 1]."""
        room = max(self.calm - self.coarse, 0.01)
        return min(1.0, max(0.0, (done - self.coarse) / room))


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] * (1 - share) + ends[1] * share
