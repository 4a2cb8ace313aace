"""A scene: one page with its photo, network and settings, as a link that a whole class can open.

A link is from a stranger. Whatever it says is looked up in a table or checked against a range
before anything is made of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias
from urllib.parse import quote, urlencode

from core.images import photos
from core.problem import N_, Problem
from core.setting import Setting
from core.zoo import catalogue

Value: TypeAlias = bool | int | float | str | tuple[float, float] | None
_LONGEST = 60
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Parameter:
    """A setting that may travel in a link.

    Attributes:
        default: what the page shows at first; None where the page decides.
        setting: what it may be: one of its choices, or within the range that pages offer, which
            for two numbers is that of both. With neither it is on or off, or a name whose table is
            not at hand, such as that of a layer: letters, digits, dots, bars.
    """

    default: Value = None
    setting: Setting = Setting()

    def read(self, text: str) -> Value:
        """Return the value that a text stands for.

        Raises:
            ValueError: it stands for none that the setting can have.
        """
        least, most = self.setting.range
        if self.setting.choices is not None:
            return _looked_up(text, {name: name for name in self.setting.choices})
        if isinstance(self.default, bool):
            return _looked_up(text, {"0": False, "1": True})
        if least is None:
            return _name(text)
        numbers = tuple(_number(part) for part in text.split(",", 1))
        if not all(one <= other for one, other in pairwise((least, *numbers, most))):
            raise ValueError(text)
        if isinstance(self.default, tuple):
            first, second = numbers
            return first, second
        (value,) = numbers
        if not isinstance(least if self.default is None else self.default, int):
            return value
        if value != int(value):
            raise ValueError(text)
        return int(value)

    def write(self, value: Value) -> str:
        """Return the shortest text that reads as a value.

        Raises:
            ValueError: it is of another kind.
        """
        if isinstance(self.default, bool):
            return "1" if value else "0"
        if self.setting.choices is not None or self.setting.range[0] is None:
            return str(value)
        if isinstance(self.default, tuple) != isinstance(value, tuple):
            raise ValueError(value)
        return ",".join(_digits(part) for part in (value if isinstance(value, tuple) else [value]))


def one_of(names: Iterable[str], default: str | None = None) -> Parameter:
    """Return a parameter that is one of some names; the first of them at first, if none is given."""
    choices = dict.fromkeys(names, "")
    return Parameter(next(iter(choices)) if default is None else default, Setting(choices=choices))


def number(least: float, most: float, default: float | None = None) -> Parameter:
    """Return a parameter that is a number, a whole one if its least value is."""
    return Parameter(default, Setting(least=least, most=most))


@dataclass(frozen=True)
class Scene:
    """What a link opens.

    Attributes:
        page: the page's address.
        language: as the switch shows it ("EN"), empty for the reader's own.
        photo: id of a sample photo; empty for the page's own.
        network: name of a network of the catalogue.
        question: id of a part of the lesson, whose question is to be asked; empty for none.
        settings: by their names in links, those that are not as the page shows them at first. The
            seed is among them.
    """

    page: str
    language: str = ""
    photo: str = ""
    network: str = catalogue.DEFAULT
    question: str = ""
    settings: Mapping[str, Value] = field(default_factory=dict)

    def query(self, parameters: Mapping[str, Parameter]) -> dict[str, str]:
        """Write the scene as the parameters of a link, leaving out what is so anyway.

        Args:
            parameters: of the page, by name.
        """
        named = {
            "question": self.question,
            "network": "" if self.network == catalogue.DEFAULT else self.network,
            "photo": self.photo,
            "language": self.language,
        }
        query = {name: text for name, text in named.items() if text}
        for name, parameter in parameters.items():
            value = self.settings.get(name, parameter.default)
            if value != parameter.default:
                query[name] = parameter.write(value)
        return query

    def address(self, parameters: Mapping[str, Parameter]) -> str:
        """Write the scene as a link, relative to the app's own address.

        >>> of_page = {"class": Parameter(284, Setting(least=0, most=999))}
        >>> Scene("ideal_class", settings={"class": 340}).address(of_page)
        'ideal_class?class=340'
        """
        query = urlencode(self.query(parameters), quote_via=quote, safe=",")
        return f"{self.page}?{query}" if query else self.page


def read(
    page: str,
    query: Mapping[str, str],
    parameters: Mapping[str, Parameter],
    *,
    questions: Sequence[str] = (),
    languages: Sequence[str] = (),
) -> Scene:
    """Read a scene from the parameters of a link, which anyone may have written.

    Names that nobody knows are passed over: messengers add some of their own.

    Args:
        page: the page's address.
        query: name and text of each parameter.
        parameters: of the page, by name.
        questions: ids of those that may be asked on that page.
        languages: as the switch shows them.

    Raises:
        Problem: a value is none that its setting can have.
    """
    named = {
        "question": one_of(questions, ""),
        "language": one_of(languages, ""),
        "network": one_of((entry.name for entry in catalogue.ENTRIES), catalogue.DEFAULT),
        "photo": one_of((sample.id for sample in photos.SAMPLES), ""),
    }
    values = {
        name: _checked(name, parameter, query[name]) if name in query else parameter.default
        for name, parameter in {**named, **parameters}.items()
    }
    return Scene(
        page,
        language=str(values["language"]),
        photo=str(values["photo"]),
        network=str(values["network"]),
        question=str(values["question"]),
        settings={n: values[n] for n, one in parameters.items() if values[n] != one.default},
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


def _checked(name: str, parameter: Parameter, text: str) -> Value:
    try:
        if len(text) > _LONGEST:
            raise ValueError(text)
        return parameter.read(text)
    except ValueError as error:
        raise refuse(name, text) from error


def _looked_up(text: str, known: Mapping[str, Value]) -> Value:
    if text not in known:
        raise ValueError(text)
    return known[text]


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.]{1,60}", text):
        raise ValueError(text)
    return text


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


def _digits(value: Value) -> str:
    if not isinstance(value, (int, float)):
        raise ValueError(value)
    return repr(float(value)).removesuffix(".0").replace("+", "")
