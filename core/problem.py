"""The one exception that is meant for people."""

from __future__ import annotations


class Problem(Exception):  # noqa: N818 - it is what people meet, not a programmer's error
    """Something a person did or met that has a clear sentence for an answer.

    The template is an English sentence with named fields, and it is also the key under which
    the pages look up its translation, so `core` needs to know no language:

    >>> str(Problem("{file} is empty.", file="cat.jpg"))
    'cat.jpg is empty.'

    Args:
        template: what happened, what was kept, what to do next.
        **fields: the values for the names in the template.
    """

    def __init__(self, template: str, **fields: object) -> None:
        self.template = template
        self.fields = fields
        super().__init__(template.format(**fields))


class Text(str):
    """An English text that has translations, as opposed to a name that somebody chose."""

    __slots__ = ()


def N_(text: str) -> Text:  # noqa: N802 - the name that gettext's tools look for
    """Mark a text for translation without translating it here."""
    return Text(text)
