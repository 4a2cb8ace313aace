"""Data sets of every origin in one shape: named classes of photos, as bytes not yet decoded."""

from __future__ import annotations

import bisect
import importlib.util
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from core.data.photo_files import Listing, PhotoFile, Skipped, in_folder, in_zip, one_class_each
from core.images import photos
from core.images.archives import open_zip
from core.limits import LIMITS
from core.problem import N_, Problem, check_range, check_seed
from core.steps import Pixels, Step, Steps, finish

MAX_PHOTOS = LIMITS.photos
MAX_CLASSES = LIMITS.classes
MAX_ARCHIVE_BYTES = LIMITS.zip_mb * 10**6
MAX_EXPANDED_BYTES = LIMITS.unpacked_mb * 10**6
MAX_ARCHIVE_ENTRIES = LIMITS.zip_files
VALIDATION_FRACTION = 0.3
"""Fraction of each class that stays for validation, unless somebody insists on less."""
LEAST_VALIDATION = 5
"""Photos of each class that stay for it, where a class has twice as many."""
_PHOTOS_PER_STEP = 50


@dataclass(frozen=True)
class Photo:
    """One photo of a data set.

    Attributes:
        name: what to call it; never used as a path.
        label: index of its class.
        data: the bytes of its file.
        is_validation: True or False where the data set says so, None where it has no split.
        group: see `PhotoFile`; the split keeps photos of the same group together.
    """

    name: str
    label: int
    data: bytes
    is_validation: bool | None = None
    group: str = ""


@dataclass(frozen=True)
class Dataset:
    """Named classes of photos.

    Attributes:
        classes: their names, at least two, unique.
        photos: in a fixed order.
        left_out: files that were not taken, with the reasons.
        unlabelled: how many photos were left out because nothing tells their class.
    """

    classes: tuple[str, ...]
    photos: tuple[Photo, ...]
    left_out: tuple[Skipped, ...] = ()
    unlabelled: int = 0


@dataclass(frozen=True)
class Split:
    """Training photos, and others for validation."""

    train: tuple[Photo, ...]
    validation: tuple[Photo, ...]


def from_folder(folder: Path) -> Dataset:
    """Read a folder with one sub-folder per class, or train/ and val/ of such.

    Raises:
        Problem: there is no such folder, or it has not this layout.
    """
    return _read(in_folder(folder))


def from_zip(archive: bytes) -> Dataset:
    """Read a zip with one folder per class, or train/ and val/ of such, without unpacking it.

    The names inside serve as names only, so none of them can reach the file system.

    Raises:
        Problem: it is no readable zip, too large, one of a stranger's tricks (see `open_zip`), or
            has not this layout.
    """
    with _opened(archive) as listing:
        return _read(listing)


@dataclass(frozen=True)
class Found:
    """What is in a zip, before any of its photos is decoded.

    Attributes:
        counts: photos by class; at least two classes.
        parts: training and validation photos, where the zip says which; else None.
        left_out: files that were not taken, with the reasons.
        unlabelled: photos left out because nothing tells their class.
    """

    counts: Mapping[str, int]
    parts: tuple[int, int] | None
    left_out: tuple[Skipped, ...]
    unlabelled: int


def found_in_zip(archive: bytes) -> Found:
    """List what `from_zip` would read.

    Raises:
        Problem: as there.
    """
    with _opened(archive) as listing:
        files = listing.photos
        skipped = [*_without_class(listing.unlabelled), *listing.left_out]
        _check_count(files)
        counts = dict.fromkeys(_class_names(files, skipped), 0)
        for file in files:
            counts[file.class_name] += 1
        validation = sum(bool(file.is_validation) for file in files)
        is_divided = 0 < validation < len(files)
        parts = (len(files) - validation, validation) if is_divided else None
        return Found(counts, parts, tuple(skipped), len(listing.unlabelled))


@contextmanager
def _opened(archive: bytes) -> Iterator[Listing]:
    if len(archive) > MAX_ARCHIVE_BYTES:
        raise Problem(
            N_("The zip has {megabytes} MB; at most {limit} MB fit. Use fewer or smaller photos."),
            megabytes=round(len(archive) / 1e6),
            limit=MAX_ARCHIVE_BYTES // 10**6,
        )
    try:
        with open_zip(archive, MAX_ARCHIVE_ENTRIES) as opened:
            listing = in_zip(opened)
            _check_size(listing)
            yield listing
    except Problem:
        raise
    except Exception as error:  # each way of packing has errors of its own
        raise Problem(N_("This zip cannot be read; it may be damaged. Make it anew.")) from error


def _check_size(listing: Listing) -> None:
    if sum(file.size for file in listing.photos) > MAX_EXPANDED_BYTES:
        raise Problem(
            N_("Unpacked, this zip has more than {limit} MB. Use fewer or smaller photos."),
            limit=MAX_EXPANDED_BYTES // 10**6,
        )


def _read(listing: Listing) -> Dataset:
    return finish(reading(listing.photos, listing.left_out, listing.unlabelled))


Upload = tuple[str, bytes] | tuple[str, bytes, str]
"""The name and the content of a photo, and the group of one that belongs to others."""


def from_files(files: Mapping[str, Sequence[Upload]]) -> Dataset:
    """Build a data set of uploaded files.

    Args:
        files: by class name, its photos.

    Raises:
        Problem: there are fewer than two classes with a photo, or too many photos.
    """
    found = [
        PhotoFile(file, partial(bytes, data), name, None, len(data), *group)
        for name, of_class in files.items()
        for file, data, *group in of_class
    ]
    return finish(reading(one_class_each(found)))


def digits() -> Dataset:
    """Read all of `in_digits`."""
    return finish(reading(in_digits()))


def in_digits() -> list[PhotoFile]:
    """List scikit-learn's 1797 handwritten digits (Alpaydin and Kaynak 1998), as if on paper.

    Their 8 by 8 pixels fill the frame; enlarged to 64 with a margin of 32 they look like
    something that could have been photographed, which is worth six points of accuracy.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return [
        PhotoFile(f"digit-{i}.png", partial(_digit_png, image), str(label), size=image.size)
        for i, (image, label) in enumerate(zip(bunch.images, bunch.target, strict=True))
    ]


def _digit_png(image: NDArray[np.float64]) -> bytes:
    ink = (255 - image * (255 / 16)).round().astype(np.uint8)
    large = Image.fromarray(ink).resize((64, 64), Image.Resampling.BICUBIC)
    sheet = ImageOps.expand(large, border=32, fill="white")
    return photos.encode_png(np.asarray(sheet.convert("RGB")))


def in_faces() -> list[PhotoFile]:
    """List scikit-image's 100 faces and 100 pieces of background, 25 by 25 pixels, in grey.

    Both are cut out of Labeled Faces in the Wild (Huang et al. 2007). The file is only located in
    its package, not fetched through scikit-image, which would take a second.

    Raises:
        Problem: scikit-image is not installed, or comes without the file.
    """
    spec = importlib.util.find_spec("skimage")
    places = spec.submodule_search_locations if spec else None
    path = Path(next(iter(places or [""]))) / "data" / "lfw_subset.npy"
    if not path.is_file():
        raise Problem(
            N_("The faces come with the package {package}, which is not installed whole."),
            package="scikit-image",
        )
    images = (np.load(path, allow_pickle=False) * 255).round().astype(np.uint8)
    half = len(images) // 2  # faces first
    return [
        PhotoFile(f"{name}-{i}.png", partial(_grey_png, image), name, size=image.size)
        for name, of_class in (("face", images[:half]), ("no face", images[half:]))
        for i, image in enumerate(of_class)
    ]


def _grey_png(image: Pixels) -> bytes:
    return photos.encode_png(np.stack([image] * 3, axis=-1))


def to_learn_from(count: int, wanted: int | None = None, *, reserve: bool = True) -> int:
    """Return how many of a class's photos are learned from; the others are for validation.

    >>> to_learn_from(20), to_learn_from(20, 19), to_learn_from(20, 19, reserve=False)
    (14, 14, 19)

    Args:
        count: photos of the class.
        wanted: how many are to be learned from; None for all that need not stay apart.
        reserve: whether `VALIDATION_FRACTION` of them and `LEAST_VALIDATION` stay for validation,
            however many are wanted. In any case one does, as long as one is left to learn from.
    """
    if wanted is None or reserve:
        least = math.ceil(round(VALIDATION_FRACTION * count, 6))
        most = count - max(least, min(LEAST_VALIDATION, count // 2))
        wanted = most if wanted is None else min(wanted, most)
    return max(1, min(wanted, count - 1))


def split(
    dataset: Dataset,
    *,
    per_class: int | None,
    validation_per_class: int | None,
    seed: int,
    reserve: bool = False,
) -> Split:
    """Divide a data set, class by class, into training and validation photos.

    A data set that comes divided into both parts stays so. Photos of one group stay on one side,
    in whatever class they are. A class with a single group is cut in time: what was taken
    last is for validation. A photo whose very bytes are trained on is never validated on.

    Args:
        dataset: the photos; those of a group in the order in which they were taken.
        per_class: how many to learn from, per class; None for as many as `to_learn_from` says.
        validation_per_class: how many to validate on, at most; None for all others.
        seed: of the shuffling.
        reserve: see `to_learn_from`.

    Raises:
        Problem: no photo would be left for training, or for validation.
    """
    is_divided = len({bool(photo.is_validation) for photo in dataset.photos}) == 2
    shuffled = random.Random(seed)
    train: list[Photo] = []
    validation: list[Photo] = []
    groups = set[str]() if is_divided else _validation_groups(dataset, shuffled)
    for label in range(len(dataset.classes)):
        of_class = [photo for photo in dataset.photos if photo.label == label]
        in_time = list(of_class)
        shuffled.shuffle(of_class)
        if is_divided:
            learn = [photo for photo in of_class if not photo.is_validation]
            validate = [photo for photo in of_class if photo.is_validation]
        elif not any(photo.group for photo in of_class):
            count = to_learn_from(len(of_class), per_class, reserve=reserve)
            learn, validate = of_class[:count], of_class[count:]
        elif len({_group(photo) for photo in of_class}) == 1:
            count = to_learn_from(len(in_time))
            learn, validate = in_time[:count], in_time[count:]
        else:
            learn = [photo for photo in of_class if _group(photo) not in groups]
            validate = [photo for photo in of_class if _group(photo) in groups]
        train += learn[:per_class]
        validation += validate[:validation_per_class]
    learned = {photo.data for photo in train}
    apart = [photo for photo in validation if photo.data not in learned]
    if validation and not apart:
        raise Problem(
            N_(
                "Every validation photo is also a training photo, byte for byte. Add photos that differ."
            )
        )
    validation = apart
    if not train or not validation:
        raise Problem(
            N_(
                "There are too few photos to train on some and validate on others. Add photos, at least two per class."
            )
        )
    return Split(tuple(train), tuple(validation))


def _group(photo: Photo) -> str:
    """Return the group of a photo; one that stands alone is a group by itself."""
    return f"group {photo.group}" if photo.group else f"alone {id(photo)}"


def _validation_groups(dataset: Dataset, shuffled: random.Random) -> set[str]:
    """Choose about `VALIDATION_FRACTION` of each class for validation, and never all of its groups."""
    if not any(photo.group for photo in dataset.photos):
        return set()
    groups: dict[str, Counter[int]] = {}
    for photo in dataset.photos:
        groups.setdefault(_group(photo), Counter())[photo.label] += 1
    totals = sum(groups.values(), Counter[int]())
    groups_left = Counter(label for size in groups.values() for label in size)
    chosen: set[str] = set()
    seen: Counter[int] = Counter()

    def choose(group: str) -> None:
        size = groups[group]
        if group not in chosen and all(groups_left[label] > 1 for label in size):
            chosen.add(group)
            seen.update(size)
            groups_left.subtract(dict.fromkeys(size, 1))

    order = list(groups)
    shuffled.shuffle(order)
    for group in order:
        size = groups[group]
        is_wanted = any(seen[label] < round(VALIDATION_FRACTION * totals[label]) for label in size)
        if is_wanted and all(seen[i] + size[i] <= totals[i] / 2 for i in size):
            choose(group)
    for group in sorted(order, key=lambda group: groups[group].total()):
        if any(not seen[label] for label in groups[group]):  # of this class, only long takes
            choose(group)
    return chosen


def takes(classes: int, of: Iterable[Photo]) -> tuple[int, ...]:
    """Count the groups of photos of each class; 0 for a class with photos that stand alone."""
    found: list[set[str]] = [set() for _ in range(classes)]
    alone: set[int] = set()
    for photo in of:
        found[photo.label].add(photo.group)
        if not photo.group:
            alone.add(photo.label)
    return tuple(0 if i in alone else len(groups) for i, groups in enumerate(found))


def sample(files: Sequence[PhotoFile], *, most_per_class: int, seed: int) -> list[PhotoFile]:
    """Draw at random as many photos of each class as wanted, and as fit.

    Where a data set comes divided, each class of each part is drawn from by itself. With the same
    seed, fewer photos are always some of the more ones, so that those known already are met again.

    Args:
        files: what to draw from.
        most_per_class: how many, at most; fewer where a class has fewer, or where all together
            would be too many photos or bytes.
        seed: of the drawing.

    Returns:
        The drawn ones, in their order in `files`.

    Raises:
        Problem: a number is out of its range.
    """
    check_range(N_("number of photos per class"), most_per_class, 1, MAX_PHOTOS)
    check_seed(seed)
    groups: dict[tuple[str, bool | None], list[int]] = {}
    for place, file in enumerate(files):
        groups.setdefault((file.class_name, file.is_validation), []).append(place)
    shuffled = random.Random(seed)
    for places in groups.values():
        shuffled.shuffle(places)

    def drawn(most: int) -> list[PhotoFile]:
        return [files[i] for i in sorted(i for places in groups.values() for i in places[:most])]

    def is_too_much(most: int) -> bool:
        together = drawn(most)
        size = sum(file.size for file in together)
        return len(together) > MAX_PHOTOS or size > MAX_EXPANDED_BYTES

    most = min(most_per_class, max(map(len, groups.values()), default=1))
    fitting = bisect.bisect_left(range(1, most + 1), True, key=is_too_much)
    return drawn(max(1, fitting))


def reading(
    files: Sequence[PhotoFile],
    left_out: Sequence[Skipped] = (),
    unlabelled: Sequence[PhotoFile] = (),
) -> Steps[Dataset]:
    """Read the photos of a data set; those that cannot be read are left out.

    Args:
        files: the photos.
        left_out: files that were left out before.
        unlabelled: photos without a class; they are counted, folder by folder, and not read.

    Yields:
        Steps counted in photos; the last one's result is the data set.

    Raises:
        Problem: there are too many photos, or too few or too many classes.
    """
    _check_count(files)
    skipped = [*_without_class(unlabelled), *left_out]
    _class_names(files, skipped)  # refused before anything is read
    read: list[tuple[PhotoFile, bytes]] = []
    for done, file in enumerate(files, start=1):
        try:
            read.append((file, file.read()))
        except Problem as reason:
            skipped.append(Skipped(file.name, reason))
        if done % _PHOTOS_PER_STEP == 0:
            yield Step(done, len(files), phase=N_("reading the photos"))
    classes = _class_names([file for file, _ in read], skipped)
    index = {name: i for i, name in enumerate(classes)}
    labelled = tuple(
        Photo(file.name, index[file.class_name], content, file.is_validation, file.group)
        for file, content in read
    )
    yield Step(
        len(files),
        len(files),
        phase=N_("reading the photos"),
        result=Dataset(classes, labelled, tuple(skipped), len(unlabelled)),
    )


def _check_count(files: Sequence[PhotoFile]) -> None:
    if len(files) > MAX_PHOTOS:
        raise Problem(N_("There are more than {limit} photos. Use fewer."), limit=MAX_PHOTOS)


def _without_class(unlabelled: Sequence[PhotoFile]) -> list[Skipped]:
    folders = Counter(file.name.rpartition("/")[0] for file in unlabelled)
    return [
        Skipped(
            folder or ".",
            Problem(
                N_("Photos in the folder {folder} that belong to no class, left out: {count}.")
                if folder
                else N_(
                    "Photos outside of the folders, which belong to no class, left out: {count}."
                ),
                folder=folder,
                count=count,
            ),
        )
        for folder, count in folders.items()
    ]


def _class_names(files: Sequence[PhotoFile], left_out: Sequence[Skipped]) -> tuple[str, ...]:
    classes = tuple(sorted({file.class_name for file in files}))
    if not 2 <= len(classes) <= MAX_CLASSES:
        few = len(classes) < 2 and left_out
        raise Problem(
            N_(
                "Classes with photos that were found: {count}. It takes 2 to {limit}; put the photos of each class into a folder of its own. Left out: {reason}"
            )
            if few
            else N_(
                "Classes with photos that were found: {count}. It takes 2 to {limit}; put the photos of each class into a folder of its own."
            ),
            count=len(classes),
            limit=MAX_CLASSES,
            **({"reason": left_out[0].reason} if few else {}),
        )
    if not all(name.strip() for name in classes):
        raise Problem(N_("A class has photos but no name. Give it one."))
    return classes
