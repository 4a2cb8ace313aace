"""A setting is declared once, at the field that holds it.

    @dataclass(frozen=True)
    class Settings:
        size: int = setting(320, N_("size"), 64, 512, label=N_("Size in pixels"))

From this are made the check of its value, its option on the command line, its widget on a page, its
parameter in a link, and its row in a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from typing import Any

from core.problem import Text, check_range

_SETTING = "setting"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is known of a setting beside its value.

    Attributes:
        name: what it is called where a value is refused, and in model cards.
        least, most: its range; of a pair, that of both numbers. None: its class checks it.
        choices: their titles by value, where it is one of several.
        label: its title on pages and in reports; empty where pages do not ask for it.
        help: a sentence on what it does, for pages.
        offered: the range of its widget and of links, where that is narrower.
        step: of its widget.
        marks: the values that its widget offers, where these are few.
        typed: whether its number is typed in, not chosen with a slider.
        unit: what stands behind the number.
        digits: after the decimal sign, in reports; None for as many as it needs.
        option: on the command line, where it is not called as the field is.
        told: a line of help on the command line.
        metavar: what stands for its value there.
        link: its name in links, where it is not called as the field is.
        later: whether recipes from before it lack it, and draw with its default.
    """

    name: Text = Text("")
    least: float | None = None
    most: float | None = None
    choices: Mapping[str, str] | None = None
    label: Text = Text("")
    help: Text = Text("")
    offered: tuple[float, float] | None = None
    step: float | None = None
    marks: tuple[float, ...] = ()
    typed: bool = False
    unit: str = ""
    digits: int | None = None
    option: str = ""
    told: str | None = None
    metavar: str | tuple[str, ...] | None = None
    link: str = ""
    later: bool = False

    def check(self, value: Any) -> None:
        """Refuse a value that is out of the range, or is no choice; None is no value.

        Raises:
            Problem: it is out of the range.
            ValueError: it is no choice.
        """
        if self.choices and value not in self.choices:
            raise ValueError(f"{value} is unknown")
        if self.least is None or self.most is None or value is None:
            return
        for number in value if isinstance(value, tuple) else (value,):
            check_range(self.name, number, self.least, self.most)

    @property
    def range(self) -> tuple[Any, Any]:
        """The least and the greatest value on pages and in links."""
        return self.offered or (self.least, self.most)


def setting(
    default: Any = MISSING,
    name: Text = Text(""),
    least: float | None = None,
    most: float | None = None,
    *,
    kind: type[Setting] = Setting,
    **more: Any,
) -> Any:
    """Return a dataclass's field with its default value; for the rest, see the `kind`."""
    return declared(default, kind(name=name, least=least, most=most, **more))


def declared(default: Any, of: Setting) -> Any:
    """Return a dataclass's field with its default value and what is known of it."""
    return field(default=default, metadata={_SETTING: of})


def settings_of(kind: Any) -> dict[str, Setting]:
    """Return what a dataclass declares of its own fields, by their names."""
    return {f.name: f.metadata[_SETTING] for f in fields(kind) if _SETTING in f.metadata}


def check(settings: Any) -> None:
    """Refuse settings, a dataclass, of which one is out of its range.

    Raises:
        Problem: one is.
        ValueError: one is none of its choices.
    """
    for name, found in settings_of(settings).items():
        found.check(getattr(settings, name))


def with_values(settings: Any) -> dict[str, tuple[Setting, Any]]:
    """Return what is declared with the values, by the fields' names.

    The settings of a dataclass within are among them.
    """
    found: dict[str, tuple[Setting, Any]] = {}
    known = settings_of(settings)
    for f in fields(settings):
        value = getattr(settings, f.name)
        if is_dataclass(value):
            found |= with_values(value)
        elif f.name in known:
            found[f.name] = known[f.name], value
    return found


def asked(settings: Any) -> dict[str, tuple[Setting, Any]]:
    """Return the settings that people are asked for, as `with_values` does."""
    return {name: found for name, found in with_values(settings).items() if found[0].label}


def changed(settings: Any, values: Mapping[str, Any]) -> Any:
    """Return settings with some values changed.

    Args:
        settings: a dataclass.
        values: by the names of fields, also of a dataclass within. None leaves a value as it is.

    Raises:
        Problem: a value is out of its range.
        TypeError: there is no field of a name.
    """
    new = {name: value for name, value in values.items() if value is not None}
    for f in fields(settings):
        within = getattr(settings, f.name)
        if is_dataclass(within) and f.name not in new:
            names = {inner.name for inner in fields(within)} & new.keys()
            new[f.name] = changed(within, {name: new.pop(name) for name in names})
    return replace(settings, **new)
