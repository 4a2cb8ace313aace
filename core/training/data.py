"""Data sets of every origin in one shape: named classes of photos, as bytes not yet decoded."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps

from core import photos
from core.problem import N_, Problem

MAX_PHOTOS = 5000
MAX_CLASSES = 100
MAX_ARCHIVE_BYTES = 400_000_000
MAX_EXPANDED_BYTES = 600_000_000
MAX_ARCHIVE_ENTRIES = 20_000
_TRAIN = ("train", "training")
_VALIDATION = ("val", "valid", "validation", "test")


@dataclass(frozen=True)
class Photo:
    """One photo of a data set.

    Attributes:
        name: what to call it; never used as a path.
        label: index of its class.
        data: the bytes of its file.
        is_validation: True or False where the data set says so, None where it has no split.
    """

    name: str
    label: int
    data: bytes
    is_validation: bool | None = None


@dataclass(frozen=True)
class Skipped:
    """A file that could not be used, and why, in a sentence."""

    file: str
    reason: Problem


@dataclass(frozen=True)
class Dataset:
    """Named classes of photos.

    Attributes:
        classes: their names, at least two, unique.
        photos: in a fixed order.
    """

    classes: tuple[str, ...]
    photos: tuple[Photo, ...]


@dataclass(frozen=True)
class Split:
    """Photos to learn from, and others to be examined on."""

    train: tuple[Photo, ...]
    validation: tuple[Photo, ...]


def from_folder(folder: Path) -> Dataset:
    """Read a folder with one sub-folder per class, or train/ and val/ of such.

    Raises:
        Problem: there is no such folder, or it has not this layout.
    """
    if not folder.is_dir():
        raise Problem(N_("There is no folder {folder}."), folder=folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return _arranged(
        (PurePosixPath(path.relative_to(folder).as_posix()), path.read_bytes) for path in files
    )


def from_zip(archive: bytes) -> Dataset:
    """Read a zip with one folder per class, or train/ and val/ of such, without unpacking it.

    The names inside serve as names only, so none of them can reach the file system.

    Raises:
        Problem: it is no readable zip, too large, encrypted, or has not this layout.
    """
    if len(archive) > MAX_ARCHIVE_BYTES:
        raise Problem(
            N_("The zip has {megabytes} MB; at most {limit} MB fit. Use fewer or smaller photos."),
            megabytes=round(len(archive) / 1e6),
            limit=MAX_ARCHIVE_BYTES // 10**6,
        )
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = [info for info in opened.infolist() if not info.is_dir()]
            _check_archive(entries)
            return _arranged(
                (PurePosixPath(info.filename), lambda info=info: opened.read(info))
                for info in entries
            )
    except Problem:
        raise
    except Exception as error:  # each way of packing has errors of its own
        raise Problem(N_("This zip cannot be read; it may be damaged. Make it anew.")) from error


def _check_archive(entries: Sequence[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ARCHIVE_ENTRIES:
        raise Problem(
            N_("The zip holds {count} files; at most {limit} fit. Use fewer photos."),
            count=len(entries),
            limit=MAX_ARCHIVE_ENTRIES,
        )
    if any(info.flag_bits & 1 for info in entries):
        raise Problem(N_("This zip is encrypted. Make one without a password."))
    if sum(info.file_size for info in entries) > MAX_EXPANDED_BYTES:
        raise Problem(
            N_("Unpacked, this zip has more than {limit} MB. Use fewer or smaller photos."),
            limit=MAX_EXPANDED_BYTES // 10**6,
        )


def from_files(files: Mapping[str, Sequence[tuple[str, bytes]]]) -> Dataset:
    """Build a data set of uploaded files.

    Args:
        files: by class name, names and contents of its photos.

    Raises:
        Problem: there are fewer than two classes with a photo.
    """
    return _checked(
        [
            (name.strip(), file, data, None)
            for name, of_class in files.items()
            for file, data in of_class
        ]
    )


def digits() -> Dataset:
    """scikit-learn's 1797 handwritten digits (Alpaydin and Kaynak 1998), as if on sheets of paper.

    Their 8 by 8 pixels fill the frame; enlarged to 64 with a margin of 32 they look like
    something that could have been photographed, which is worth six points of accuracy.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return _checked(
        [
            (str(label), f"digit-{i}.png", _digit_png(image), None)
            for i, (image, label) in enumerate(zip(bunch.images, bunch.target, strict=True))
        ]
    )


def _digit_png(image: np.ndarray) -> bytes:
    ink = (255 - image * (255 / 16)).round().astype(np.uint8)
    large = Image.fromarray(ink).resize((64, 64), Image.Resampling.BICUBIC)
    sheet = ImageOps.expand(large, border=32, fill="white")
    return photos.encode_png(np.asarray(sheet.convert("RGB")))


def split(
    dataset: Dataset, *, per_class: int | None, validation_per_class: int | None, seed: int
) -> Split:
    """Divide a data set, class by class, into photos to learn from and photos to be examined on.

    A data set that comes divided stays so. A photo whose very bytes are learned from is never
    examined on.

    Args:
        dataset: the photos.
        per_class: how many to learn from, per class; None for four in five.
        validation_per_class: how many to be examined on, at most; None for all others.
        seed: of the shuffling.

    Raises:
        Problem: nothing would be left to learn from, or to be examined on.
    """
    shuffled = random.Random(seed)
    train: list[Photo] = []
    validation: list[Photo] = []
    for label in range(len(dataset.classes)):
        of_class = [photo for photo in dataset.photos if photo.label == label]
        shuffled.shuffle(of_class)
        learn, examine = _divide(of_class, per_class)
        train += learn
        validation += examine[:validation_per_class]
    learned = {photo.data for photo in train}
    validation = [photo for photo in validation if photo.data not in learned]
    if not train or not validation:
        raise Problem(
            N_(
                "There are not enough photos to learn from some and be examined on others. Add photos, at least two per class."
            )
        )
    return Split(tuple(train), tuple(validation))


def _divide(of_class: list[Photo], per_class: int | None) -> tuple[list[Photo], list[Photo]]:
    if any(photo.is_validation is not None for photo in of_class):
        learn = [photo for photo in of_class if not photo.is_validation]
        return learn[:per_class], [photo for photo in of_class if photo.is_validation]
    count = round(0.8 * len(of_class)) if per_class is None else per_class
    # Keep one to be examined on, as long as that leaves one to learn from.
    count = max(1, min(count, len(of_class) - 1))
    return of_class[:count], of_class[count:]


def _arranged(files: Iterable[tuple[PurePosixPath, object]]) -> Dataset:
    """Sort files into classes by the last folder of their paths."""
    rows: list[tuple[str, str, bytes, bool | None]] = []
    for path, read in files:
        hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
        if hidden or len(path.parts) < 2 or path.suffix[1:].lower() not in photos.EXTENSIONS:
            continue
        above = [part.lower() for part in path.parts[:-2]]
        is_validation = (
            True
            if any(part in _VALIDATION for part in above)
            else False
            if any(part in _TRAIN for part in above)
            else None
        )
        if len(rows) == MAX_PHOTOS:
            raise Problem(N_("There are more than {limit} photos. Use fewer."), limit=MAX_PHOTOS)
        rows.append((path.parts[-2], path.as_posix(), read(), is_validation))  # type: ignore[operator]
    return _checked(rows)


def _checked(rows: Sequence[tuple[str, str, bytes, bool | None]]) -> Dataset:
    classes = tuple(sorted({class_name for class_name, *_ in rows}))
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise Problem(
            N_(
                "{count} classes with photos were found; it takes 2 to {limit}. Put the photos of each class into a folder of its own."
            ),
            count=len(classes),
            limit=MAX_CLASSES,
        )
    index = {name: i for i, name in enumerate(classes)}
    return Dataset(
        classes,
        tuple(Photo(file, index[name], data, part) for name, file, data, part in rows),
    )
