"""The one exception that is meant for people."""

from __future__ import annotations

from functools import partial


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

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the template and its fields; an exception would be made of its text otherwise."""
        return partial(type(self), self.template, **self.fields), ()


MOST_SEED = 2**31 - 1
_GREATEST = 1e300


class Text(str):
    """An English text that has translations, as opposed to a name that somebody chose."""

    __slots__ = ()


class Texts(tuple[str, ...]):
    """Several texts, or names of classes, one after the other in a sentence.

    >>> str(Texts([Text("cats"), Text("dogs")]))
    'cats, dogs'
    """

    __slots__ = ()

    def __str__(self) -> str:
        return ", ".join(self)


def check_range(name: Text, value: float, least: float, most: float) -> None:
    """Refuse a setting that is out of its range.

    Raises:
        Problem: it is.
    """
    if not least <= value <= most:
        raise Problem(
            N_("The {setting} must lie between {least:g} and {most:g}, not {value:g}."),
            setting=name,
            least=least,
            most=most,
            value=_writable(value),
        )


def check_least(name: Text, value: float, least: float = 1) -> None:
    """Refuse a number that is less than it must be.

    Raises:
        Problem: it is.
    """
    if not value >= least:
        raise Problem(
            N_("The {setting} must be at least {least:g}, not {value:g}."),
            setting=name,
            least=least,
            value=_writable(value),
        )


def _writable(value: float) -> float:
    """A number that `:g` can write: whole ones may have any number of digits."""
    return min(max(value, -_GREATEST), _GREATEST) if isinstance(value, int) else value


def check_seed(seed: int) -> None:
    """Refuse a seed that the random generators cannot take.

    Raises:
        Problem: it is negative or too large.
    """
    check_range(N_("seed"), seed, 0, MOST_SEED)


def N_(text: str) -> Text:  # noqa: N802 - the name that gettext's tools look for
    """Mark a text for translation without translating it here."""
    return Text(text)
