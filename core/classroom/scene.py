"""A scene: one page with its photo, network and settings, as a link that a whole class can open.

A link is from a stranger. Whatever it says is looked up in a table or checked against a range
before anything is made of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias
from urllib.parse import quote, urlencode

from core.images import photos
from core.problem import N_, Problem
from core.zoo import catalogue

Value: TypeAlias = bool | int | float | str | tuple[float, float] | None
_LONGEST = 60
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?", re.ASCII)


class Dial(Protocol):
    """A setting that may travel in a link; see the classes below."""

    @property
    def default(self) -> Value:
        """What the page shows when nobody has touched it; None where the page decides."""

    def read(self, text: str) -> Value:
        """Return the value that a text stands for.

        Raises:
            ValueError: it stands for none that the dial can have.
        """

    def write(self, value: Value) -> str:
        """Return the text of a value."""


@dataclass(frozen=True)
class Choice:
    """One of some names, or of some whole numbers."""

    options: tuple[str, ...] | tuple[int, ...]
    default: str | int

    def read(self, text: str) -> str | int:
        """Look a text up."""
        found = {str(option): option for option in self.options}
        if text not in found:
            raise ValueError(text)
        return found[text]

    def write(self, value: Value) -> str:
        """Return the name."""
        return str(value)


@dataclass(frozen=True)
class Whole:
    """A whole number."""

    least: int
    most: int
    default: int | None

    def read(self, text: str) -> int:
        """Read a number with nothing around it."""
        value = _number(text)
        if value != int(value) or not self.least <= value <= self.most:
            raise ValueError(text)
        return int(value)

    def write(self, value: Value) -> str:
        """Write it in digits."""
        return _digits(value)


@dataclass(frozen=True)
class Real:
    """A number."""

    least: float
    most: float
    default: float | None

    def read(self, text: str) -> float:
        """Read a number with nothing around it."""
        value = _number(text)
        if not self.least <= value <= self.most:
            raise ValueError(text)
        return value

    def write(self, value: Value) -> str:
        """Write the shortest text that reads as the same number."""
        return _digits(value)


@dataclass(frozen=True)
class Span:
    """Two numbers, from one to the other."""

    least: float
    most: float
    default: tuple[float, float]

    def read(self, text: str) -> tuple[float, float]:
        """Read "0.9,1.6"."""
        first, second = (_number(part) for part in text.split(",", 1))
        if not self.least <= first <= second <= self.most:
            raise ValueError(text)
        return first, second

    def write(self, value: Value) -> str:
        """Write both, with a comma between."""
        if not isinstance(value, tuple):
            raise ValueError(value)
        return ",".join(_digits(part) for part in value)


@dataclass(frozen=True)
class Switch:
    """On or off."""

    default: bool

    def read(self, text: str) -> bool:
        """Read "1" or "0"."""
        if text not in ("0", "1"):
            raise ValueError(text)
        return text == "1"

    def write(self, value: Value) -> str:
        """Write "1" or "0"."""
        return "1" if value else "0"


@dataclass(frozen=True)
class Name:
    """A name whose table is not at hand, such as that of a layer: letters, digits, dots, bars."""

    default: None = None

    def read(self, text: str) -> str:
        """Accept what looks like a name."""
        if not re.fullmatch(r"[A-Za-z0-9_.]{1,60}", text):
            raise ValueError(text)
        return text

    def write(self, value: Value) -> str:
        """Return the name."""
        return str(value)


@dataclass(frozen=True)
class Scene:
    """What a link opens.

    Attributes:
        page: the page's address.
        language: as the switch shows it ("EN"), empty for the reader's own.
        photo: id of a sample photo; empty for the page's own.
        network: name of a network of the catalogue.
        question: id of a part of the lesson, whose question is to be asked; empty for none.
        settings: by the dial's name, those that are not as the page shows them at first. The
            seed is among them.
    """

    page: str
    language: str = ""
    photo: str = ""
    network: str = catalogue.DEFAULT
    question: str = ""
    settings: Mapping[str, Value] = field(default_factory=dict)

    def query(self, dials: Mapping[str, Dial]) -> dict[str, str]:
        """Write the scene as the parameters of a link, leaving out what is so anyway.

        Args:
            dials: of the page, by name.
        """
        named = {
            "question": self.question,
            "network": "" if self.network == catalogue.DEFAULT else self.network,
            "photo": self.photo,
            "language": self.language,
        }
        query = {name: text for name, text in named.items() if text}
        for name, dial in dials.items():
            value = self.settings.get(name, dial.default)
            if value != dial.default:
                query[name] = dial.write(value)
        return query

    def address(self, dials: Mapping[str, Dial]) -> str:
        """Write the scene as a link, relative to the app's own address.

        >>> Scene("ideal_class", settings={"class": 340}).address({"class": Whole(0, 999, 284)})
        'ideal_class?class=340'
        """
        query = urlencode(self.query(dials), quote_via=quote, safe=",")
        return f"{self.page}?{query}" if query else self.page


def read(
    page: str,
    query: Mapping[str, str],
    dials: Mapping[str, Dial],
    *,
    questions: Sequence[str] = (),
    languages: Sequence[str] = (),
) -> Scene:
    """Read a scene from the parameters of a link, which anyone may have written.

    Names that nobody knows are passed over: messengers add some of their own.

    Args:
        page: the page's address.
        query: name and text of each parameter.
        dials: of the page, by name.
        questions: ids of those that may be asked on that page.
        languages: as the switch shows them.

    Raises:
        Problem: a value is none that its setting can have.
    """
    named: dict[str, Dial] = {
        "question": Choice(tuple(questions), ""),
        "language": Choice(tuple(languages), ""),
        "network": Choice(tuple(entry.name for entry in catalogue.ENTRIES), catalogue.DEFAULT),
        "photo": Choice(tuple(sample.id for sample in photos.SAMPLES), ""),
    }
    values = {
        name: _checked(name, dial, query[name]) if name in query else dial.default
        for name, dial in {**named, **dials}.items()
    }
    return Scene(
        page,
        language=str(values["language"]),
        photo=str(values["photo"]),
        network=str(values["network"]),
        question=str(values["question"]),
        settings={name: values[name] for name in dials if values[name] != dials[name].default},
    )


def refuse(name: str, text: str) -> Problem:
    """Return the sentence for a link that wants what cannot be."""
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return Problem(
        N_(
            "This link wants {setting} to be “{value}”, which cannot be. Nothing was changed; ask for the link again."
        ),
        setting=name,
        value=shown,
    )


def _checked(name: str, dial: Dial, text: str) -> Value:
    try:
        if len(text) > _LONGEST:
            raise ValueError(text)
        return dial.read(text)
    except ValueError as error:
        raise refuse(name, text) from error


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


def _digits(value: Value) -> str:
    if not isinstance(value, (int, float)):
        raise ValueError(value)
    return repr(float(value)).removesuffix(".0").replace("+", "")
