"""A look at the data first: counts, balance, unreadable files, copies, a few samples."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from core.data.datasets import Dataset, Photo, takes
from core.data.photo_files import Skipped
from core.images import photos
from core.problem import N_, Problem
from core.steps import Step, Steps

_BATCH = 16
_SAMPLES = 12


@dataclass(frozen=True)
class Copies:
    """Photos of a data set whose files are the same, byte for byte.

    Attributes:
        photos: two or more of them, in the data set's order.
    """

    photos: tuple[Photo, ...]

    @property
    def contradict(self) -> bool:
        """Whether the same photo is said to be of several classes: at least one label is wrong."""
        return len({photo.label for photo in self.photos}) > 1

    @property
    def leak(self) -> bool:
        """Whether the photo is both a training and a validation photo."""
        return {True, False} <= {photo.is_validation for photo in self.photos}

    @property
    def extra(self) -> int:
        """How many of them add nothing."""
        return len(self.photos) - 1


@dataclass(frozen=True)
class Overview:
    """What is known of a data set before anything is learned from it.

    Attributes:
        classes: their names.
        counts: readable photos of each class.
        unreadable: files that are left out or cannot be read, with the reasons.
        copies: groups of identical photos.
        samples: some readable photos of each class, no two of them copies.
        parts: readable training and validation photos, where the data set says which; else None.
        takes: groups of photos of each class; 0 where photos stand alone.
        unlabelled: photos left out because nothing tells their class.
    """

    classes: tuple[str, ...]
    counts: tuple[int, ...]
    unreadable: tuple[Skipped, ...]
    copies: tuple[Copies, ...]
    samples: tuple[tuple[Photo, ...], ...]
    parts: tuple[int, int] | None = None
    takes: tuple[int, ...] = ()
    unlabelled: int = 0

    @property
    def total(self) -> int:
        """How many photos are readable."""
        return sum(self.counts)

    @property
    def balance(self) -> float:
        """Photos in the smallest class per photo in the largest, in [0, 1]; 1 is balanced."""
        return min(self.counts) / max(1, max(self.counts))

    @property
    def smallest(self) -> tuple[str, int]:
        """The class with the fewest photos, and how many."""
        return min(zip(self.classes, self.counts, strict=True), key=lambda pair: pair[1])

    @property
    def largest(self) -> tuple[str, int]:
        """The class with the most photos, and how many."""
        return max(zip(self.classes, self.counts, strict=True), key=lambda pair: pair[1])

    @property
    def always_largest(self) -> float:
        """Fraction of right answers for always naming the largest class: what has to be beaten."""
        return max(self.counts) / max(1, self.total)

    @property
    def extra_copies(self) -> int:
        """How many photos add nothing, since another one is the same."""
        return sum(group.extra for group in self.copies)

    @property
    def contradictions(self) -> tuple[Copies, ...]:
        """The same photo under several classes."""
        return tuple(group for group in self.copies if group.contradict)

    @property
    def leaks(self) -> tuple[Copies, ...]:
        """The same photo for training and for validation."""
        return tuple(group for group in self.copies if group.leak)


def survey(dataset: Dataset, *, samples: int = _SAMPLES, seed: int = 0) -> Steps[Overview]:
    """Look through a data set: decode each photo once, and find the ones that are there twice.

    Decoding whole photos, as training does, is the only check that finds files that are cut off.

    Args:
        dataset: the photos.
        samples: how many to show per class, at most.
        seed: of the choice of samples.

    Yields:
        Steps counted in photos; the last one has the result.
    """
    readable: list[Photo] = []
    unreadable: list[Skipped] = []
    total = len(dataset.photos)
    if not total:
        yield Step(1, 1, result=_overview(dataset, [], (), samples, seed))
    for start in range(0, total, _BATCH):
        batch = dataset.photos[start : start + _BATCH]
        for photo in batch:
            try:
                photos.decode(photo.data, photo.name)
                readable.append(photo)
            except Problem as reason:
                unreadable.append(Skipped(photo.name, reason))
        done = start + len(batch)
        result = None
        if done == total:
            result = _overview(dataset, readable, tuple(unreadable), samples, seed)
        yield Step(done, total, phase=N_("checking the photos"), result=result)


def _overview(
    dataset: Dataset,
    readable: list[Photo],
    unreadable: tuple[Skipped, ...],
    samples: int,
    seed: int,
) -> Overview:
    groups: dict[bytes, list[Photo]] = defaultdict(list)
    for photo in readable:
        groups[hashlib.sha256(photo.data).digest()].append(photo)
    labels = range(len(dataset.classes))
    validation = sum(bool(photo.is_validation) for photo in readable)
    is_divided = 0 < validation < len(readable)
    return Overview(
        classes=dataset.classes,
        counts=tuple(sum(photo.label == label for photo in readable) for label in labels),
        unreadable=(*dataset.left_out, *unreadable),
        copies=tuple(Copies(tuple(group)) for group in groups.values() if len(group) > 1),
        samples=tuple(
            _some((group[0] for group in groups.values()), label, samples, seed) for label in labels
        ),
        parts=(len(readable) - validation, validation) if is_divided else None,
        takes=takes(len(dataset.classes), readable),
        unlabelled=dataset.unlabelled,
    )


def _some(distinct: Iterable[Photo], label: int, count: int, seed: int) -> tuple[Photo, ...]:
    of_class = [photo for photo in distinct if photo.label == label]
    return tuple(random.Random(seed).sample(of_class, min(count, len(of_class))))
