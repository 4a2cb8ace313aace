"""A setting's widget, and what a report says of it, from its declaration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import streamlit as st

from core.setting import Setting
from pages.parts.shared.language import number, remember_choice, short, t


def widget(
    setting: Setting,
    value: Any,
    key: str,
    *,
    captioned: bool = True,
    on_change: Callable[[], None] | None = None,
    disabled: bool = False,
) -> Any:
    """Show the widget of a setting, and return what is chosen.

    Args:
        setting: what is asked for.
        value: what the widget begins with.
        key: of the widget.
        captioned: whether the help stands below the widget, or is shown when it is asked for.
        on_change: called when something else is chosen.
        disabled: whether nothing else can be chosen.
    """
    known: dict[str, Any] = {
        "key": key,
        "on_change": on_change,
        "persist_state": "session",
        "disabled": disabled,
        "help": t(setting.help) if setting.help and not captioned else None,
    }
    chosen = _chosen(setting, value, known)
    if setting.help and captioned:
        st.caption(t(setting.help))
    return chosen


def _chosen(setting: Setting, value: Any, known: dict[str, Any]) -> Any:
    label = t(setting.label)
    if titles := setting.choices:
        remember_choice(known["key"])
        index = list(titles).index(value)
        return st.selectbox(
            label, list(titles), index, lambda one: t(titles.get(one, one)), **known
        )
    if setting.marks:
        # A way of drawing, a recipe or a link may have a value between them.
        marks = sorted({*setting.marks, value, st.session_state.get(known["key"], value)})
        remember_choice(known["key"])
        return float(st.select_slider(label, marks, value, short, **known))
    if isinstance(value, bool):
        return st.toggle(label, value, **known)
    if setting.typed:
        return st.number_input(label, *setting.range, value, step=setting.step, **known)
    form = None if isinstance(value, int) else f"%d{setting.unit}" if setting.unit else "localized"
    return st.slider(label, *setting.range, value, step=setting.step, format=form, **known)


def by_column(
    columns: Sequence[Sequence[str]], names: Iterable[str], apart: Sequence[str]
) -> list[Sequence[str]]:
    """Return the names of settings by column; those that have no place follow in the last one.

    Args:
        columns: what has a place.
        names: of all settings.
        apart: those that are asked for elsewhere.
    """
    *first, last = columns
    placed = {*apart, *chain(*columns)}
    return [*first, (*last, *(name for name in names if name not in placed))]


def segments(label: str, titles: Mapping[str, str], key: str, **more: Any) -> str:
    """Show a few choices beside each other, and return which is chosen; the first one at first.

    Args:
        label: what is asked.
        titles: of the choices, untranslated.
        key: of the widget.
        more: what else the widget takes.
    """
    chosen: str = st.segmented_control(
        label,
        list(titles),
        format_func=lambda one: t(titles[one]),
        default=next(iter(titles)),
        required=True,
        key=remember_choice(key),
        persist_state="session",
        **more,
    )
    return chosen


def told(setting: Setting, value: Any) -> str:
    """Return a value of a setting in words, as reports have it."""
    if setting.choices:
        return t(setting.choices[value])
    if isinstance(value, tuple):
        return "–".join(told(setting, part) for part in value)
    if setting.digits is None:
        return short(value) if isinstance(value, float) else str(value)
    return number(value, setting.digits) + setting.unit
