"""Data sets of every origin in one shape: named classes of photos, as bytes not yet decoded."""

from __future__ import annotations

import bisect
import importlib.util
import random
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from core import photos
from core.archives import open_zip
from core.limits import LIMITS
from core.problem import N_, Problem, check_range, check_seed
from core.steps import Pixels, Step, Steps, finish

MAX_PHOTOS = LIMITS.photos
MAX_CLASSES = LIMITS.classes
MAX_ARCHIVE_BYTES = LIMITS.zip_mb * 10**6
MAX_EXPANDED_BYTES = LIMITS.unpacked_mb * 10**6
MAX_ARCHIVE_ENTRIES = LIMITS.zip_files
_PHOTOS_PER_STEP = 50
_TRAIN = {"train", "training"}
_VALIDATION = {"val", "valid", "validation", "test"}


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
class PhotoFile:
    """A photo of a data set that has not been read yet.

    Attributes:
        name: what to call it; never used as a path.
        class_name: the name of its class.
        is_validation: see `Photo`.
        size: bytes of its file, as far as is known without reading it.
        read: gives these bytes.
    """

    name: str
    class_name: str
    is_validation: bool | None
    size: int
    read: Callable[[], bytes]


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
    return finish(reading(in_folder(folder)))


def in_folder(folder: Path) -> list[PhotoFile]:
    """List the photos of a folder by class, without reading them; see `from_folder`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return _by_class(
        (path.relative_to(folder).as_posix(), path.stat().st_size, path.read_bytes)
        for path in files
    )


def from_zip(archive: bytes) -> Dataset:
    """Read a zip with one folder per class, or train/ and val/ of such, without unpacking it.

    The names inside serve as names only, so none of them can reach the file system.

    Raises:
        Problem: it is no readable zip, too large, one of a stranger's tricks (see `open_zip`), or
            has not this layout.
    """
    if len(archive) > MAX_ARCHIVE_BYTES:
        raise Problem(
            N_("The zip has {megabytes} MB; at most {limit} MB fit. Use fewer or smaller photos."),
            megabytes=round(len(archive) / 1e6),
            limit=MAX_ARCHIVE_BYTES // 10**6,
        )
    try:
        with open_zip(archive, MAX_ARCHIVE_ENTRIES) as opened:
            _check_sizes(opened)
            return finish(reading(in_zip(opened)))
    except Problem:
        raise
    except Exception as error:  # each way of packing has errors of its own
        raise Problem(N_("This zip cannot be read; it may be damaged. Make it anew.")) from error


def in_zip(opened: zipfile.ZipFile) -> list[PhotoFile]:
    """List the photos of an open zip by class, without reading them; see `from_zip`."""
    return _by_class(
        # Some packers on Windows write the folders as Windows does.
        (info.filename.replace("\\", "/"), info.file_size, partial(opened.read, info))
        for info in opened.infolist()
        if not info.is_dir()
    )


def _check_sizes(opened: zipfile.ZipFile) -> None:
    for info in opened.infolist():
        if info.file_size > photos.MAX_BYTES:
            raise photos.too_many_bytes(info.filename, info.file_size)
    if sum(info.file_size for info in opened.infolist()) > MAX_EXPANDED_BYTES:
        raise Problem(
            N_("Unpacked, this zip has more than {limit} MB. Use fewer or smaller photos."),
            limit=MAX_EXPANDED_BYTES // 10**6,
        )


def from_files(files: Mapping[str, Sequence[tuple[str, bytes]]]) -> Dataset:
    """Build a data set of uploaded files.

    Args:
        files: by class name, names and contents of its photos.

    Raises:
        Problem: there are fewer than two classes with a photo, or too many photos.
    """
    return finish(
        reading(
            [
                PhotoFile(file, name.strip(), None, len(data), partial(bytes, data))
                for name, of_class in files.items()
                for file, data in of_class
            ]
        )
    )


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
        PhotoFile(f"digit-{i}.png", str(label), None, image.size, partial(_digit_png, image))
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
        PhotoFile(f"{name}-{i}.png", name, None, image.size, partial(_grey_png, image))
        for name, of_class in (("face", images[:half]), ("no face", images[half:]))
        for i, image in enumerate(of_class)
    ]


def _grey_png(image: Pixels) -> bytes:
    return photos.encode_png(np.stack([image] * 3, axis=-1))


def split(
    dataset: Dataset, *, per_class: int | None, validation_per_class: int | None, seed: int
) -> Split:
    """Divide a data set, class by class, into photos to learn from and photos to be examined on.

    A data set that comes divided into both parts stays so. A photo whose very bytes are learned
    from is never examined on.

    Args:
        dataset: the photos.
        per_class: how many to learn from, per class; None for four in five.
        validation_per_class: how many to be examined on, at most; None for all others.
        seed: of the shuffling.

    Raises:
        Problem: nothing would be left to learn from, or to be examined on.
    """
    is_divided = len({bool(photo.is_validation) for photo in dataset.photos}) == 2
    shuffled = random.Random(seed)
    train: list[Photo] = []
    validation: list[Photo] = []
    for label in range(len(dataset.classes)):
        of_class = [photo for photo in dataset.photos if photo.label == label]
        shuffled.shuffle(of_class)
        learn, examine = _divide(of_class, per_class, is_divided=is_divided)
        train += learn
        validation += examine[:validation_per_class]
    learned = {photo.data for photo in train}
    apart = [photo for photo in validation if photo.data not in learned]
    if validation and not apart:
        raise Problem(
            N_(
                "Every photo to be examined on is also one to learn from, byte for byte. Add photos that differ."
            )
        )
    validation = apart
    if not train or not validation:
        raise Problem(
            N_(
                "There are not enough photos to learn from some and be examined on others. Add photos, at least two per class."
            )
        )
    return Split(tuple(train), tuple(validation))


def _divide(
    of_class: list[Photo], per_class: int | None, *, is_divided: bool
) -> tuple[list[Photo], list[Photo]]:
    if is_divided:
        learn = [photo for photo in of_class if not photo.is_validation]
        return learn[:per_class], [photo for photo in of_class if photo.is_validation]
    count = round(0.8 * len(of_class)) if per_class is None else per_class
    # Keep one to be examined on, as long as that leaves one to learn from.
    count = max(1, min(count, len(of_class) - 1))
    return of_class[:count], of_class[count:]


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


def reading(files: Sequence[PhotoFile]) -> Steps[Dataset]:
    """Read the photos of a data set.

    Yields:
        Steps counted in photos; the last one's result is the data set.

    Raises:
        Problem: there are too many photos, or too few or too many classes.
    """
    if len(files) > MAX_PHOTOS:
        raise Problem(N_("There are more than {limit} photos. Use fewer."), limit=MAX_PHOTOS)
    classes = _class_names(files)
    index = {name: i for i, name in enumerate(classes)}
    read: list[Photo] = []
    for file in files:
        read.append(Photo(file.name, index[file.class_name], file.read(), file.is_validation))
        if len(read) % _PHOTOS_PER_STEP == 0:
            yield Step(len(read), len(files), phase=N_("reading the photos"))
    yield Step(
        len(files),
        len(files),
        phase=N_("reading the photos"),
        result=Dataset(classes, tuple(read)),
    )


def _class_names(files: Sequence[PhotoFile]) -> tuple[str, ...]:
    classes = tuple(sorted({file.class_name for file in files}))
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise Problem(
            N_(
                "{count} classes with photos were found; it takes 2 to {limit}. Put the photos of each class into a folder of its own."
            ),
            count=len(classes),
            limit=MAX_CLASSES,
        )
    if not all(name.strip() for name in classes):
        raise Problem(N_("A class has photos but no name. Give it one."))
    return classes


def _by_class(files: Iterable[tuple[str, int, Callable[[], bytes]]]) -> list[PhotoFile]:
    """Sort files into classes by the last folder of their paths."""
    found: list[PhotoFile] = []
    for name, size, read in files:
        path = PurePosixPath(name)
        parts = [part for part in path.parts if part != "/"]
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
        if hidden or len(parts) < 2 or path.suffix[1:].lower() not in photos.EXTENSIONS:
            continue
        found.append(PhotoFile(name, parts[-2], _part(parts[:-2]), size, read))
    return found


def _part(above: Sequence[str]) -> bool | None:
    """Tell from the folders above a class whether its photos are to be examined on."""
    names = {name.lower() for name in above}
    if names & _VALIDATION:
        return True
    return False if names & _TRAIN else None
