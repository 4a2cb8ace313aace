"""Questions to the phones of the class's room, wherever in the app the teacher asks them."""

from __future__ import annotations

from core.classroom.poll import Poll, Question
from core.classroom.room import Room
from core.problem import Text
from pages.parts.shared import teacher
from pages.parts.shared.language import class_name, t


def asked(room: Room, question_id: str) -> Poll | None:
    """Return the poll about a question if the room is asked it now."""
    task = room.task
    return task if isinstance(task, Poll) and task.question.id == question_id else None


def ask(room: Room, question: Question) -> None:
    """Put a question to the room's phones; for a callback."""
    teacher.act(lambda: room.begin(Poll(question)))


def answered(room: Room, poll: Poll) -> tuple[int, int]:
    """Return how many have answered, and how many could."""
    count = poll.result().total
    return count, max(count, len(room.members()))


def answer_text(answer: str) -> str:
    """Return an answer in the reader's language: a text of the app, a class's name, typed words."""
    if not answer:
        return t("other answers")
    return t(answer) if isinstance(answer, Text) else class_name(answer)
