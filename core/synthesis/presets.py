"""Ways of drawing with everything but the class decided: the lesson's, and the best we know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from core import setting
from core.problem import N_, Text
from core.setting import Setting
from core.synthesis.loop import STEPS, Settings
from core.synthesis.objective import OBJECTIVE, OBJECTIVES, ClassObjective
from core.synthesis.regularisers import TV_MARKS
from core.synthesis.schedule import Schedule
from core.synthesis.view import View


@dataclass(frozen=True)
class Preset:
    """A way of drawing, with all but the class decided.

    Attributes:
        objective_name: key of `objective.OBJECTIVES`.
        settings: the rest.
        title: its name on pages; empty where they do not offer it.
        tv_marks: weights of the total variation that tell apart with it.
    """

    objective_name: str
    settings: Settings
    title: Text = Text("")
    tv_marks: tuple[float, ...] = TV_MARKS

    @property
    def asked(self) -> dict[str, tuple[Setting, Any]]:
        """What people are asked for, with what the preset has; see `setting.asked`."""
        return {"objective": (OBJECTIVE, self.objective_name), **setting.asked(self.settings)}

    def objective(self, class_id: int, name: str | None = None) -> ClassObjective:
        """Return the objective for a class: the preset's own, or the one of that name."""
        return OBJECTIVES[name or self.objective_name](class_id)

    def changed(self, **settings: Any) -> Settings:
        """Return the settings with some of them changed, as `setting.changed` does.

        With another number of steps, the schedule is as long as that: a short run is a whole one.

        Raises:
            Problem: a value is out of its range.
        """
        steps = settings.get("steps")
        if steps is not None and self.settings.schedule.length:
            # Settings refuse wrong steps themselves, with the range.
            length = min(max(steps, STEPS[0]), STEPS[1])
            # Who asks for fewer steps does not want to wait for more.
            is_short = length < self.settings.steps
            patience = 0 if is_short else self.settings.schedule.patience
            schedule = replace(self.settings.schedule, length=length, patience=patience)
            settings = {"schedule": schedule} | settings
        return setting.changed(self.settings, settings)


LESSON_TV = 19_200.0
"""The lesson's 10·CE + 0.005·TV, with TV a sum over 224-pixel pictures of 0 to 255, divided by
10: 0.0005 · 255 · 3 · 224² = 19,191 on a mean over pixels of [0, 1]."""
_LESSON_TV_MARKS = (0.0, 100.0, 500.0, 2000.0, LESSON_TV)
"""Where the loss is the lesson's own, weights count in nats."""

_LESSON = Settings(canvas="pixel", size=224, learning_rate=0.02, tv=2000.0, view=View())

_BEST = Settings(
    canvas="soft",
    steps=216,
    learning_rate=0.003,
    tv=30.0,
    view=View(scale=(1.25, 2.1), rotation=7.0, shift=True),
    descent="momentum",
    schedule=Schedule(
        length=216,
        coarse=0.49,
        coarse_size=5 / 7,
        patience=250,
        noise=0.12,
        colour=(0.3, 0.1),
        calm=0.8,
        contrast=(0.25, 0.65),
        boldness=4.0,
        rate=0.2,
        details=0.8,
        details_rate=20.0,
    ),
    relative=True,
)

_PIXELS = Settings(
    canvas="pixel",
    size=224,
    steps=160,
    learning_rate=0.05,
    view=View(scale=(0.9, 1.3), rotation=8.0, shift=True),
    schedule=Schedule(length=160, noise=0.1, colour=(0.25, 0.1), rate=0.3),
    relative=True,
)
"""Total variation can be seen on bare pixels, with the logit: cross-entropy fades as soon as the
network is sure, and total variation wins, whatever its weight; the picture turns grey."""

TV_LADDER = (0.0, 1000.0, 3000.0, 10_000.0, 30_000.0)
"""Those that show on bare pixels how noise turns into shapes, and shapes into a pale sheet."""

PRESETS = {
    "best": Preset("logit", _BEST, N_("At its best")),
    # Seen from one place only: what fits one grid of pixels is enough to be sure, and is noise.
    "without_tv": Preset(
        "logit", replace(_PIXELS, view=View(), schedule=Schedule(length=160, rate=0.3))
    ),
    "with_tv": Preset("logit", replace(_PIXELS, tv=5000.0)),
    "lesson": Preset("cross_entropy", _LESSON, N_("As in the lesson"), _LESSON_TV_MARKS),
}
