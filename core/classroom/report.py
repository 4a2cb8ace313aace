"""What a student hands in: one HTML file with everything in it, and nothing that runs.

The file has no scripts and fetches nothing, and its own content security policy says so to the
browser. Every text is escaped here, in one place. This module knows no language: whoever calls
it has translated already.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from core.photos import data_uri

LONGEST_AUTHOR = 60
_LONGEST_FILE_NAME = 40
_KINDS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg"}
_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #16232b; background: #fff; margin: 0 auto;
  max-width: 60rem; padding: 2rem 1.2rem 4rem; }
h1 { margin: 0; font-size: 1.9rem; }
h2 { margin: 2.4rem 0 0.6rem; padding-top: 0.8rem; border-top: 2px solid #dce4e8; }
h3 { margin: 1.6rem 0 0.4rem; font-size: 1.05rem; }
h1, h2, h3, p, dd, figcaption { overflow-wrap: anywhere; }
.about { margin: 0.2rem 0 0; color: #4a5a63; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1.2rem; margin: 0.4rem 0; }
dt { color: #4a5a63; }
dd { margin: 0; }
.figures { display: grid; gap: 0.9rem; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr));
  margin: 0.6rem 0; }
figure { margin: 0; break-inside: avoid; }
figure img { display: block; width: 100%; border-radius: 0.5rem; }
figcaption { font-size: 0.9rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.6rem; text-align: left; border-bottom: 1px solid #dce4e8;
  vertical-align: top; }
th { background: #f3f6f8; }
th, td { max-width: 11rem; overflow-wrap: break-word; }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: 0.4rem; } }
@page landscape { size: A4 landscape; margin: 1cm; }
@media print { body { max-width: none; padding: 0; }
  .wide { overflow: visible; page: landscape; }
  .wide table { width: 100%; font-size: 0.62rem; line-height: 1.3; }
  .wide :is(th, td) { max-width: 8rem; padding: 0.15rem 0.3rem; } }
"""


@dataclass(frozen=True)
class Figure:
    """A picture, as PNG or JPEG, with what stands below it and what is read aloud for it."""

    data: bytes
    caption: str
    alt: str


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
    """Write the file, in UTF-8.

    Raises:
        ValueError: a figure is neither PNG nor JPEG.
    """
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    author = " ".join(handed.author.split())[:LONGEST_AUTHOR]
    body = "\n".join(_section(section) for section in handed.sections)
    name = f'<p class="about"><strong>{_text(author)}</strong></p>' if author else ""
    page = f"""<!DOCTYPE html>
<html lang="{_text(handed.language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_text(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(" · ".join(filter(None, (handed.title, author))))}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{_text(handed.title)}</h1>
{name}
<p class="about">{_text(handed.about)}</p>
{body}
</main>
</body>
</html>
"""
    return page.encode("utf-8", "replace")


def file_name(author: str) -> str:
    """Give a name for the file that any system takes, with the author's in it.

    >>> file_name("Zoë / da Silva")
    'ideal-cat-zoe-da-silva.html'
    """
    plain = unicodedata.normalize("NFKD", author).encode("ascii", "ignore").decode().lower()
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    return "-".join(["ideal-cat", *words])[:_LONGEST_FILE_NAME].rstrip("-") + ".html"


def _section(section: Section) -> str:
    parts = "\n".join(_part(part) for part in section.parts)
    return f"<section>\n<h2>{_text(section.title)}</h2>\n{parts}\n</section>"


def _part(part: Part) -> str:
    pieces = []
    if part.title:
        pieces.append(f"<h3>{_text(part.title)}</h3>")
    if part.figures:
        pieces.append(f'<div class="figures">{"".join(map(_figure, part.figures))}</div>')
    if part.text:
        pieces.append(f"<p>{_text(part.text)}</p>")
    if part.facts:
        rows = (f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in part.facts)
        pieces.append(f"<dl>{''.join(rows)}</dl>")
    if part.table:
        pieces.append(_table(part.table))
    return "\n".join(pieces)


def _figure(figure: Figure) -> str:
    kind = next((k for start, k in _KINDS.items() if figure.data.startswith(start)), None)
    if kind is None:
        raise ValueError("a figure is PNG or JPEG")
    return (
        f'<figure><img src="{data_uri(figure.data, kind)}" alt="{_text(figure.alt)}">'
        f"<figcaption>{_text(figure.caption)}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    head = _row("th", table.columns)
    body = "".join(_row("td", row) for row in table.rows)
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in cells) + "</tr>"


def _text(text: str) -> str:
    """Escape a text for HTML, also within quotes; what XML calls no character is left out."""
    return escape("".join(c for c in text if c.isprintable() or c in "\n\t"), quote=True)
