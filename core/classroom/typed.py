"""What people type, made harmless: nicknames, names of classes, answers."""

from __future__ import annotations

import unicodedata

LONGEST_NICKNAME = 20


def plain_nickname(text: str) -> str:
    """Return a nickname's letters, digits and single spaces, 20 characters at most.

    >>> plain_nickname("  <b>Zoë</b> the  1st ")
    'bZoëb the 1st'
    """
    composed = unicodedata.normalize("NFKC", text)
    kept = "".join(c for c in composed if c.isalnum() or c.isspace() or c in "-'")
    return " ".join(kept.split())[:LONGEST_NICKNAME].strip()


def one_line(text: str, longest: int) -> str:
    r"""Return what can be printed of a text, with single spaces, `longest` characters at most.

    >>> one_line("  a\tcup ", 40)
    'a cup'
    """
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * longest])
    return " ".join(printable.split())[:longest].strip()
