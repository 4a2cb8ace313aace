"""A question that a room answers from its phones: counts before the reveal, never who."""

from __future__ import annotations

import csv
import io
import secrets
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TYPE_CHECKING

from core.classroom.typed import one_line
from core.problem import N_, Problem

if TYPE_CHECKING:
    from core.zoo.predictions import Opinion

LONGEST_ANSWER = 40
LEAST_SHOWN = 2
"""How many must have typed a wrong answer for it to be shown: one alone may be meant for nobody."""
_ARTICLES = {"a", "an", "the", "um", "uma", "o"}


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        text: the question, translatable.
        options: what can be chosen, each a translatable text or the name of a class; none where
            people type what they see.
        right: index of the right option; None where nothing was right or wrong.
        names: where people type, all that is right, in any language.
        pictures: JPEGs of what is asked about, at most two.
        series: what it belongs to, for the comparison of people with networks; translatable.
        subject: the name of the class that is asked about, if one is.
        opinions: what networks say of the picture, each asked for `subject`.
        id: tells questions apart.
    """

    text: str
    options: tuple[str, ...] = ()
    right: int | None = None
    names: tuple[str, ...] = ()
    pictures: tuple[bytes, ...] = ()
    series: str = ""
    subject: str = ""
    opinions: tuple[Opinion, ...] = ()
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def is_right(self, answer: int | str) -> bool:
        """Return whether an answer is the right one: an option's index, or what was typed."""
        if isinstance(answer, int):
            return answer == self.right
        return _plain(answer) in {_plain(name) for name in self.names}


@dataclass(frozen=True)
class Row:
    """An answer as it may be shown to the room.

    Attributes:
        answer: an option, or what was typed; empty for all other typed answers together.
        count: how many gave it.
        is_right: whether it is right.
    """

    answer: str
    count: int
    is_right: bool


@dataclass(frozen=True)
class Result:
    """What a room has answered.

    Attributes:
        question: what was asked.
        counts: by answer, how many gave it: option indices, or words as first typed; words that
            differ in upper and lower case, accents, an article or a plural only are the same.
        right: how many were right.
    """

    question: Question
    counts: dict[int | str, int]
    right: int

    @property
    def total(self) -> int:
        """How many have answered."""
        return sum(self.counts.values())

    @property
    def people(self) -> float | None:
        """The fraction of people who were right, in [0, 1]; None if nobody has answered."""
        return self.right / self.total if self.total else None

    @property
    def networks(self) -> float | None:
        """The fraction of networks that were right, in [0, 1]; None if none was asked."""
        opinions = self.question.opinions
        right = sum(opinion.class_name == opinion.target for opinion in opinions)
        return right / len(opinions) if opinions else None

    def rows(self) -> tuple[Row, ...]:
        """Return the answers as they may be shown: options in their order, or typed ones.

        All that is right counts as the subject's name. Of what else was typed, only what several
        have typed is told, the most frequent first.
        """
        question = self.question
        if question.options:
            return tuple(
                Row(option, self.counts.get(number, 0), number == question.right)
                for number, option in enumerate(question.options)
            )
        wrong = [Row(str(a), n, False) for a, n in self.counts.items() if not question.is_right(a)]
        shown = [row for row in wrong if row.count >= LEAST_SHOWN]
        others = sum(row.count for row in wrong) - sum(row.count for row in shown)
        return (
            *([Row(question.subject, self.right, True)] if question.names else []),
            *shown,
            *([Row("", others, False)] if others else []),
        )


class Poll:
    """A question with the answers of a room, one of each member. Safe from several threads."""

    def __init__(self, question: Question) -> None:
        """Begin without answers."""
        self.question = question
        self.revealed = False
        self._votes: dict[str, int | str] = {}
        self._lock = threading.Lock()

    def vote(self, member: str, answer: object) -> None:
        """Take an answer; a member's later one replaces the earlier.

        Args:
            member: id of who answers.
            answer: an option's index, or what was typed; anything, from a stranger.

        Raises:
            Problem: it is none that can be given, or the answer was revealed already.
        """
        checked = self._checked(answer)
        with self._lock:
            if self.revealed:
                raise Problem(N_("The answer is out already. Wait for the next question."))
            self._votes[member] = checked

    def answer_of(self, member: str) -> int | str | None:
        """Return what a member has answered, to be told to that member only."""
        return self._votes.get(member)

    def forget(self, member: str) -> None:
        """Take a member's answer back."""
        with self._lock:
            self._votes.pop(member, None)

    def reveal(self) -> Result:
        """Let the answer be seen, and take no more; return what was answered."""
        with self._lock:
            self.revealed = True
        return self.result()

    def result(self) -> Result:
        """Return what has been answered so far."""
        with self._lock:
            votes = list(self._votes.values())
        first: dict[int | str, int | str] = {}
        for vote in votes:
            first.setdefault(_key(vote), vote)
        return Result(
            self.question,
            dict(Counter(first[_key(vote)] for vote in votes).most_common()),
            sum(self.question.is_right(vote) for vote in votes),
        )

    def _checked(self, answer: object) -> int | str:
        options = self.question.options
        if options and isinstance(answer, int) and not isinstance(answer, bool):
            if 0 <= answer < len(options):
                return answer
        elif (
            not options and isinstance(answer, str) and (typed := one_line(answer, LONGEST_ANSWER))
        ):
            return typed
        raise Problem(N_("This answer cannot be given. Choose again."))


@dataclass(frozen=True)
class SeriesScore:
    """What people and networks got right in the questions of a series, as fractions in [0, 1].

    Attributes:
        series: its name, translatable.
        people: of all answers.
        networks: of all networks' answers.
        guessing: what whoever guesses gets right on average; None where people typed.
    """

    series: str
    people: float
    networks: float
    guessing: float | None


def by_series(results: Iterable[Result]) -> tuple[SeriesScore, ...]:
    """Compare people with networks in each series in which both have answered."""
    of_series: dict[str, list[Result]] = {}
    for result in results:
        if result.people is not None and result.networks is not None:
            of_series.setdefault(result.question.series, []).append(result)
    return tuple(_score(series, told) for series, told in of_series.items())


def _score(series: str, told: Sequence[Result]) -> SeriesScore:
    chances = [1 / len(r.question.options) for r in told if r.question.options]
    return SeriesScore(
        series,
        sum(r.right for r in told) / sum(r.total for r in told),
        fmean(r.networks or 0.0 for r in told),
        fmean(chances) if len(chances) == len(told) else None,
    )


def as_csv(results: Iterable[Result]) -> str:
    """Return results as a table for a spreadsheet: a line for each question, nobody's name."""
    told = list(results)
    networks = list(dict.fromkeys(o.model for r in told for o in r.question.opinions))
    buffer = io.StringIO()
    table = csv.writer(buffer)
    table.writerow(
        [
            *("question", "series", "class", "answers", "right", "people", "networks", "said"),
            *networks,
        ]
    )
    for number, result in enumerate(told, 1):
        opinions = {
            o.model: f"{o.class_name} ({o.probability:.3f})" for o in result.question.opinions
        }
        said = "; ".join(f"{row.answer or 'other'} ({row.count})" for row in result.rows())
        row: Sequence[object] = [
            *(number, result.question.series, result.question.subject, result.total, result.right),
            *(_fraction(result.people), _fraction(result.networks), said),
            *(opinions.get(network, "") for network in networks),
        ]
        table.writerow(_harmless(cell) for cell in row)
    return buffer.getvalue()


def without_pictures(result: Result) -> Result:
    """Return a result that takes no room: what is kept of a question when the next one comes."""
    return replace(result, question=replace(result.question, pictures=()))


def _harmless(cell: object) -> object:
    # A spreadsheet computes what begins with these, also in their wide forms, whoever wrote it.
    if isinstance(cell, str) and unicodedata.normalize("NFKC", cell)[:1] in set("=+-@"):
        return f"'{cell}"
    return cell


def _fraction(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _key(vote: int | str) -> int | str:
    return vote if isinstance(vote, int) else _plain(vote) or vote


def _plain(text: str) -> str:
    """Return what is compared of a typed answer: its letters and digits, without an article."""
    first, *others = text.casefold().split() or [""]
    words = others if first in _ARTICLES and others else [first, *others]
    letters = unicodedata.normalize("NFKD", "".join(words))
    return "".join(c for c in letters if c.isalnum()).removesuffix("s")
