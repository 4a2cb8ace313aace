"""Two ways of drawing that the app offers side by side: the lesson's, and the best we know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from core.synthesis.loop import Settings
from core.synthesis.objective import OBJECTIVES, ClassObjective
from core.synthesis.view import View


@dataclass(frozen=True)
class Preset:
    """A way of drawing, with all but the class decided.

    Attributes:
        objective_name: key of `objective.OBJECTIVES`.
        settings: the rest.
    """

    objective_name: str
    settings: Settings

    def objective(self, class_id: int, name: str | None = None) -> ClassObjective:
        """Give the objective for a class: the preset's own, or the one of that name."""
        return OBJECTIVES[name or self.objective_name](class_id)

    def changed(self, **settings: Any) -> Settings:
        """Give the settings with some of them changed; None leaves one as it is.

        Raises:
            Problem: a value is out of its range.
        """
        chosen = {name: value for name, value in settings.items() if value is not None}
        return replace(self.settings, **chosen)


LESSON_TV = 19_200
"""The lesson's 10·CE + 0.005·TV, with TV a sum over 224-pixel pictures of 0 to 255, divided by
10: 0.0005 · 255 · 3 · 224² = 19,191 on a mean over pixels of [0, 1]."""

_LESSON = Settings(canvas="pixel", size=224, learning_rate=0.02, tv=2000, view=View())

PRESETS = {
    "best": Preset("logit", Settings()),
    "lesson": Preset("cross_entropy", _LESSON),
    "lesson_noise": Preset("cross_entropy", replace(_LESSON, tv=0)),
}
