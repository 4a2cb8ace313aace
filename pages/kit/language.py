"""The app's language: English texts are the keys, gettext catalogues hold the translations."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import streamlit as st
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from core.problem import Problem, Text, Texts

LOCALE_FOLDER = Path(__file__).parents[2] / "assets" / "locale"
LOCALES = {"EN": "en", "PT": "pt_BR"}
"""What the switch shows, and the locale behind it. The first is the language of the source."""
KEY = "language"


def switch() -> None:
    """Show the language switch; the browser's language is chosen at first."""
    st.segmented_control(
        t("Language"),
        list(LOCALES),
        default=_preferred(),
        required=True,
        key=KEY,
        bind="query-params",
        persist_state="session",
        on_change=_push_labels,
        label_visibility="collapsed",
    )


def current() -> str:
    """The locale in use, such as "pt_BR"."""
    return LOCALES[st.session_state.get(KEY) or _preferred()]


def t(text: str, **fields: object) -> str:
    """Translate a text and fill its named fields in."""
    translated = _catalogue(current()).get(text, text)
    return translated.format(**fields) if fields else translated


def say(problem: Problem) -> str:
    """Tell a problem in the language in use."""
    fields = {name: _plain(value) for name, value in problem.fields.items()}
    return t(problem.template, **fields)


def percent(share: float, digits: int = 0) -> str:
    """Write a share in [0, 1] as a percentage, as the language does."""
    pattern = "#,##0." + "0" * digits + "%" if digits else "#,##0%"
    return format_percent(share, format=pattern, locale=current())


def number(value: float, digits: int = 0) -> str:
    """Write a number with a fixed count of digits after the decimal sign, as the language does."""
    pattern = "#,##0." + "0" * digits if digits else "#,##0"
    return format_decimal(value, format=pattern, locale=current())


def sentence(text: str) -> str:
    """Begin a text with a capital letter, leaving the rest ("TV loss") alone."""
    return text[:1].upper() + text[1:]


def plain(text: str) -> str:
    """Give a text that Markdown shows letter by letter: for names that people have chosen."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()<>#+-.!|~$:" else c for c in text)


def _plain(value: object) -> object:
    if isinstance(value, Problem):  # one that explains another
        return say(value)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, Texts):
        return ", ".join(t(text) for text in value)
    # Problems are shown by elements that read Markdown, and carry names of people's files.
    return t(value) if isinstance(value, Text) else plain(str(value))


def _preferred() -> str:
    browser = (st.context.locale or "").lower()
    matching = (shown for shown in LOCALES if browser.startswith(shown.lower()))
    return next(matching, "EN")


@lru_cache(maxsize=len(LOCALES))
def _catalogue(locale: str) -> dict[str, str]:
    path = LOCALE_FOLDER / locale / "LC_MESSAGES" / "messages.po"
    if not path.exists():  # the source language has none
        return {}
    with path.open("rb") as file:
        entries = read_po(file, locale=locale)
    return {str(e.id): str(e.string) for e in entries if e.id and e.string}


TRANSLATED_CHOICES: set[str] = set()
"""Keys of widgets whose options are shown translated; see `remember_choice`."""


def remember_choice(key: str) -> str:
    """Register a widget whose options are shown translated, and give its key back.

    The browser sends the option's label, so after a change of language it must first be told the
    new one; otherwise the choice falls back to the first option.
    """
    TRANSLATED_CHOICES.add(key)
    return key


def _push_labels() -> None:
    for key in TRANSLATED_CHOICES:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]
