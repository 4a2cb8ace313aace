"""What a student hands in: one HTML file with everything in it, and nothing that runs.

The file (`assets/report.html`) has no scripts and fetches nothing, and its own content security
policy says so to the browser. Jinja escapes every text that is put into it. This module knows no
language: whoever calls it has translated already.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from core.images.photos import data_uri

LONGEST_AUTHOR = 60
_LONGEST_FILE_NAME = 40
_ASSETS = Path(__file__).parents[2] / "assets"
_KINDS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg"}


@dataclass(frozen=True)
class Figure:
    """A picture, as PNG or JPEG, with what stands below it and what is read aloud for it."""

    data: bytes
    caption: str
    alt: str

    @property
    def address(self) -> str:
        """An address that carries the picture.

        Raises:
            ValueError: it is neither PNG nor JPEG.
        """
        for start, kind in _KINDS.items():
            if self.data.startswith(start):
                return data_uri(self.data, kind)
        raise ValueError("a figure is PNG or JPEG")


@dataclass(frozen=True)
class Table:
    """Rows under headings."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Part:
    """One thing that was done.

    Attributes:
        title: what; empty where the section's own title says it.
        facts: names and values, such as settings.
        figures: its pictures.
        text: a sentence on what came of it.
        table: numbers.
    """

    title: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    figures: tuple[Figure, ...] = ()
    text: str = ""
    table: Table | None = None


@dataclass(frozen=True)
class Section:
    """Things of one kind, under a title."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class HandIn:
    """All that a student hands in.

    Attributes:
        language: of the texts, as browsers name it, such as "pt-BR".
        title: of the report.
        author: whatever the student has typed; perhaps empty.
        about: a line with the date and where it was made.
        sections: what was done.
    """

    language: str
    title: str
    author: str
    about: str
    sections: tuple[Section, ...]


def to_html(handed: HandIn) -> bytes:
    """Return the file, in UTF-8.

    Raises:
        ValueError: a figure is neither PNG nor JPEG.
    """
    environment = Environment(
        autoescape=True,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    style = (_ASSETS / "report.css").read_text("utf-8")
    page = environment.from_string((_ASSETS / "report.html").read_text("utf-8")).render(
        handed=handed,
        author=" ".join(handed.author.split())[:LONGEST_AUTHOR],
        style=style,
        digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )
    return page.encode("utf-8", "replace")


def file_name(author: str) -> str:
    """Return a name for the file that any system takes, with the author's in it.

    >>> file_name("Zoë / da Silva")
    'ideal-cat-zoe-da-silva.html'
    """
    plain = unicodedata.normalize("NFKD", author).encode("ascii", "ignore").decode().lower()
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    return "-".join(["ideal-cat", *words])[:_LONGEST_FILE_NAME].rstrip("-") + ".html"


def _printable(text: str) -> str:
    """Leave out what XML calls no character; what is markup already is ours."""
    if isinstance(text, Markup):
        return text
    return "".join(c for c in text if c.isprintable() or c in "\n\t")
