"""The app's language: English texts are the keys, gettext catalogues hold the translations.

The names of ImageNet's classes have a table of their own, `assets/class_names_*.tsv`: there, the
English names are the keys too.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

import streamlit as st
from babel import Locale
from babel.messages.pofile import read_po
from babel.numbers import (
    format_decimal,
    format_percent,
    get_decimal_symbol,
    get_group_symbol,
)

from core.export.wording import Wording
from core.images.photos import SAMPLES
from core.problem import Problem, Text, Texts
from core.zoo.labels import ImageNetName, Labels

_ASSETS = Path(__file__).parents[3] / "assets"
LOCALE_FOLDER = _ASSETS / "locale"
LOCALES = {"EN": "en", "PT": "pt_BR"}
"""What the switch shows, and the locale behind it. The first is the language of the source."""
KEY = "language"


def switch() -> None:
    """Show the language switch; the browser's language is chosen at first."""
    st.segmented_control(
        t("Language"),
        list(LOCALES),
        default=_of_the_browser(),
        required=True,
        key=KEY,
        bind="query-params",
        persist_state="session",
        on_change=_push_labels,
        label_visibility="collapsed",
    )


_SPOKEN: ContextVar[str] = ContextVar("spoken", default="")


@contextmanager
def speaking(accepted: str) -> Iterator[None]:
    """Let texts be in the language of whoever asks over HTTP, where there is no session.

    Args:
        accepted: the languages that a browser says it takes, its header `Accept-Language`.
    """
    before = _SPOKEN.set(LOCALES[_of_browser_tag(accepted)])
    try:
        yield
    finally:
        _SPOKEN.reset(before)


def current() -> str:
    """The locale in use, such as "pt_BR"."""
    if spoken := _SPOKEN.get():
        return spoken
    return LOCALES[st.session_state.get(KEY) or _of_the_address() or _of_the_browser()]


def tag() -> str:
    """Return the language in use as browsers name it, such as "pt-BR"."""
    return current().replace("_", "-")


def t(text: str, **fields: object) -> str:
    """Translate a text and fill its named fields in."""
    (translated,) = _catalogue(current()).get(text, (text,))
    return translated.format(**fields) if fields else translated


def tn(one: str, many: str, count: int, **fields: object) -> str:
    """Translate a text that depends on a number, and fill in its fields and the `count`.

    Args:
        one: the English text for one.
        many: the English text for any other number.
        count: the number.
        fields: the other fields.
    """
    singular, plural = _catalogue(current()).get(one, (one, many))
    is_one = Locale.parse(current()).plural_form(count) == "one"
    return (singular if is_one else plural).format(count=number(count), **fields)


def wording() -> Wording:
    """Return how texts are written in the language in use where no page is drawn, as in a download."""
    locale = current()
    return Wording(
        say=lambda text: _catalogue(locale).get(text, (text,))[0],
        percent=lambda share: format_percent(share, format="#,##0.0%", locale=locale),
    )


def say(problem: Problem) -> str:
    """Tell a problem in the language in use."""
    fields = {name: _plain(value) for name, value in problem.fields.items()}
    return t(problem.template, **fields)


def class_name(name: str) -> str:
    """Return the name of a class in the language in use.

    Only ImageNet's own names (`ImageNetName`) are translated: what a visitor has called a class
    stays as it is.
    """
    return _class_words(name)[0]


def class_name_with_english(name: str) -> str:
    """Return a class's name with the English one behind it: "gato siamês (Siamese cat)"."""
    english = english_beside(name)
    return f"{class_name(name)} ({english})" if english else class_name(name)


def english_beside(name: str) -> str:
    """Return a class's English name where it is worth showing beside the other one, else ""."""
    return "" if class_name(name).lower() == name.lower() else str(name)


def class_search_words(labels: Labels, index: int) -> str:
    """Return what else a class may be looked for by: other names, and all of them without accents.

    Whoever types "siames" means "siamês", and not every keyboard has an ê.
    """
    words = (*_class_words(labels[index]), *labels.names(index))
    plain_letters = map(without_accents, words)
    return ", ".join(dict.fromkeys((*words[1:], *plain_letters)))


def class_names(labels: Labels, index: int) -> tuple[str, ...]:
    """Return all names of a class, in every language."""
    tables = (_class_table(locale) for locale in LOCALES.values())
    translated = (name for table in tables for name in table.get(labels[index], ()))
    return tuple(dict.fromkeys((*labels.names(index), *translated)))


def without_accents(text: str) -> str:
    """Leave the letters only: "gato siames" for "gato siamês"."""
    letters = unicodedata.normalize("NFD", text)
    return "".join(c for c in letters if not unicodedata.combining(c))


def _class_words(name: str) -> tuple[str, ...]:
    """Return a class's name in the language in use, then the other words for it there."""
    if not isinstance(name, ImageNetName):
        return (name,)
    return _class_table(current()).get(name, (str(name),))


def percent(share: float, digits: int = 0) -> str:
    """Write a share in [0, 1] as a percentage, as the language does."""
    pattern = "#,##0." + "0" * digits + "%" if digits else "#,##0%"
    return format_percent(share, format=pattern, locale=current())


def fine_percent(share: float) -> str:
    """Write a share in [0, 1] as a percentage that also tells small ones apart."""
    return percent(share, 1 if share >= 0.01 else 3)


def number(value: float, digits: int = 0) -> str:
    """Write a number with a fixed count of digits after the decimal sign, as the language does."""
    pattern = "#,##0." + "0" * digits if digits else "#,##0"
    return _with_minus(format_decimal(value, format=pattern, locale=current()))


def short(value: float) -> str:
    """Write a number with up to six digits after the decimal sign, as few as it needs."""
    return _with_minus(format_decimal(value, format="#,##0.######", locale=current()))


def _with_minus(written: str) -> str:
    """Write what is below 0 with a minus sign, which is as wide as a plus, instead of a hyphen."""
    return written.replace("-", "−")


def separators() -> str:
    """Return the decimal sign and the mark between thousands, as Plotly's layouts want them."""
    return get_decimal_symbol(current()) + get_group_symbol(current())


def sentence(text: str) -> str:
    """Begin a text with a capital letter, leaving the rest ("TV loss") alone."""
    return text[:1].upper() + text[1:]


def photo_title(name: str) -> str:
    """Return the title of one of the app's photos; any other photo is called what its file is."""
    titles = {sample.id: sample.title for sample in SAMPLES}
    return t(titles[name]) if name in titles else name


def plain(text: str) -> str:
    """Return a text that Markdown shows letter by letter: for names that people have chosen."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()<>#+-.!|~$:" else c for c in text)


class _Number(float):
    """A number that texts write as the language does."""

    def __format__(self, spec: str) -> str:
        return super().__format__(spec).replace(".", get_decimal_symbol(current()))


def _plain(value: object) -> object:
    if isinstance(value, Problem):  # one that explains another
        return say(value)
    if isinstance(value, float):
        return _Number(value)
    if isinstance(value, int):
        return value
    if isinstance(value, Texts):
        return ", ".join(str(_plain(text)) for text in value)
    if isinstance(value, Text):
        return t(value)
    text = class_name(value) if isinstance(value, ImageNetName) else str(value)
    # Problems carry names of people's files, and are shown by elements that read Markdown; over
    # HTTP they go to pages that show every letter as it is.
    return text if _SPOKEN.get() else plain(text)


def _of_the_address() -> str:
    # The navigation is laid out before the switch, which takes the address's language.
    asked = st.query_params.get(KEY)
    return asked if asked in LOCALES else ""


def _of_the_browser() -> str:
    return _of_browser_tag(st.context.locale or "")


def _of_browser_tag(tag: str) -> str:
    matching = (shown for shown in LOCALES if tag.lower().startswith(shown.lower()))
    return next(matching, "EN")


@lru_cache(maxsize=len(LOCALES))
def _catalogue(locale: str) -> dict[str, tuple[str, ...]]:
    """Give, by the English text, its translation; for one and for any other number if it has two.

    As in gettext, a text that depends on a number goes by what it is for one.
    """
    path = LOCALE_FOLDER / locale / "LC_MESSAGES" / "messages.po"
    if not path.exists():  # the source language has none
        return {}
    with path.open("rb") as file:
        entries = read_po(file, locale=locale)
    forms = ((_forms(e.id)[0], _forms(e.string)) for e in entries if e.id)
    return {text: said for text, said in forms if all(said)}


def _forms(text: str | Sequence[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


@lru_cache(maxsize=len(LOCALES))
def _class_table(locale: str) -> dict[str, tuple[str, ...]]:
    """Give, by the English name of a class, its name in a language and other words for it."""
    path = _ASSETS / f"class_names_{locale}.tsv"
    if not path.exists():  # the source language has none
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        return {english: (name, *filter(None, also.split(", "))) for english, name, also in rows}


_TRANSLATED_CHOICES = "translated_choices"
"""In the session: the keys of widgets whose options are shown translated."""


def remember_choice(key: str) -> str:
    """Register a widget whose options are shown translated, and give its key back.

    The browser sends the option's label, so after a change of language it must first be told the
    new one; otherwise the choice falls back to the first option.
    """
    st.session_state.setdefault(_TRANSLATED_CHOICES, set()).add(key)
    return key


def _push_labels() -> None:
    for key in st.session_state.get(_TRANSLATED_CHOICES, ()):
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]
