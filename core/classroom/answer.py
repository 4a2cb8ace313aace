"""What a student predicted, and what came out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """One question of a lesson, predicted before it was revealed.

    Attributes:
        scene: id of the scene that asks.
        question: as it was asked, in the student's language.
        predicted: the option that the student chose, in that language.
        expected: the option that holds, in that language.
    """

    scene: str
    question: str
    predicted: str
    expected: str

    @property
    def is_right(self) -> bool:
        """Whether the prediction came true."""
        return self.predicted == self.expected
