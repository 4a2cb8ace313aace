"""The names of a network's classes, and finding one by what a person typed."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import overload

from core.problem import N_, Problem

_MOST_SUGGESTIONS = 8
_MOST_DIGITS = 18

_TOLD_APART = {
    134: "crane (bird)",
    264: "Cardigan Welsh corgi",
    517: "crane (machine)",
    639: "tank suit",
}
"""ImageNet's classes whose first name another class has too."""


class ImageNetName(str):
    """The name of one of ImageNet's classes, which has translations.

    A class that a visitor has named has none, though the name may be the same word.
    """

    __slots__ = ()


class Labels(Sequence[str]):
    """Unique names of classes, each with the other names it is known by.

    Behaves as a sequence of the names: `labels[284] == "Siamese cat"`.
    """

    def __init__(self, names: Sequence[str], synonyms: Sequence[Sequence[str]] = ()) -> None:
        """Take the names, and per class the other names it is known by.

        Raises:
            ValueError: two classes have the same name.
        """
        self._names = tuple(names)
        self._synonyms = tuple(tuple(s) for s in synonyms) or ((),) * len(self._names)
        if len(set(self._names)) != len(self._names):
            raise ValueError("two classes have the same name")

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        return self._names[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def names(self, index: int) -> tuple[str, ...]:
        """Return all the names that a class is known by, its own first."""
        return tuple(dict.fromkeys((self._names[index], *self._synonyms[index])))

    def called(self, name: str) -> int | None:
        """Return the one class that goes by a name, also in the plural; None if there is none.

        >>> Labels(["ant", "bee"], [["ant", "emmet"], ["bee"]]).called("Emmets")
        0
        """
        exact = (i for i, own in enumerate(self._names) if own == name)
        wanted = _singular(_folded(name))
        close = (i for i in range(len(self)) if wanted in map(_singular, self._all_names(i)))
        found = list(exact) or list(close)
        return found[0] if len(found) == 1 else None

    def find(self, query: str) -> int:
        """Find the class that a person means by a name or a number.

        Args:
            query: a class's name, its number, one of its other names, or a word or beginning
                that only one class has; upper and lower case are the same where no two classes
                differ in nothing else. A name wins over a number: where classes are called 1, 2
                and 3, or 01, 02 and 03, "1" is the first of them.

        Raises:
            Problem: none or several fit; the nearest are listed.
        """
        wanted = _folded(query)
        number = _whole_number(wanted)
        # From the strictest reading to the loosest, so that "tabby" is no riddle.
        readings = (
            (i for i, name in enumerate(self._names) if query == name),
            (i for i, name in enumerate(self._names) if wanted == _folded(name)),
            (i for i, name in enumerate(self._names) if number == _whole_number(name) is not None),
            (i for i in range(len(self)) if i == number),
            (i for i in range(len(self)) if wanted in self._all_names(i)),
            (i for i in range(len(self)) if wanted and self._contains(i, wanted)),
        )
        matches = next((found for found in map(list, readings) if found), [])
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise Problem(
                N_("Several classes are called {name}: {names}. Which one?"),
                name=query,
                names=self._listed(matches),
            )
        raise Problem(
            N_("There is no class called {name}. The nearest are: {names}."),
            name=query,
            names=self._listed(self._nearest(wanted)),
        )

    def _all_names(self, index: int) -> list[str]:
        return [_folded(name) for name in (self._names[index], *self._synonyms[index])]

    def _contains(self, index: int, wanted: str) -> bool:
        return any(f" {wanted} " in f" {name} " for name in self._all_names(index))

    def _nearest(self, wanted: str) -> list[int]:
        owners = {name: i for i in range(len(self)) for name in self._all_names(i)}
        inside = [i for name, i in owners.items() if wanted and wanted in name]
        similar = difflib.get_close_matches(wanted, owners, n=_MOST_SUGGESTIONS, cutoff=0.5)
        nearest = list(dict.fromkeys(inside + [owners[name] for name in similar]))
        return nearest or list(range(min(len(self), _MOST_SUGGESTIONS)))

    def _listed(self, indices: Sequence[int]) -> str:
        # Beside names that are numbers themselves, a number of ours would confuse.
        numbered = all(_whole_number(name) is None for name in self._names)
        shown = "; ".join(
            f"{i} {self._names[i]}" if numbered else self._names[i]
            for i in indices[:_MOST_SUGGESTIONS]
        )
        return shown + ("; …" if len(indices) > _MOST_SUGGESTIONS else "")


def _folded(text: str) -> str:
    """A text as it is compared: composed, in lower case, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split()).lower()


def _singular(text: str) -> str:
    return text.removesuffix("s")


def _whole_number(text: str) -> int | None:
    """The whole number that a text is, leading zeros or not; None if it is none."""
    digits = text.strip()
    return int(digits) if digits.isdecimal() and len(digits) <= _MOST_DIGITS else None


@lru_cache(maxsize=1)
def imagenet() -> Labels:
    """The 1000 classes of ImageNet, from timm's metadata.

    The first of a class's names is its label, but for those that share it with another.
    """
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    synonyms = [info.index_to_description(i).split(", ") for i in range(1000)]
    names = [ImageNetName(_TOLD_APART.get(i, own[0])) for i, own in enumerate(synonyms)]
    return Labels(names, synonyms)
