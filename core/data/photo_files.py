"""The photos in a folder or a zip that may come from anyone: which there are, and of which class.

Nothing here reads a whole photo, and no name is used as a path.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from core.images import archives, photos, signatures
from core.problem import N_, Problem

_MACHINE_MADE = {
    *("__macosx", "_ds_store", "icon\r"),  # macOS, and what Kaggle makes of .DS_Store
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),
    *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),  # Synology, QNAP
    *("lost+found", "__pycache__"),
}
_TRAIN = {"train", "training", "treino", "treinamento"}
_VALIDATION = {"val", "valid", "validation", "validacao", "test", "testing", "teste"} | {
    *("dev", "eval", "evaluation", "avaliacao", "holdout")
}
_WITHOUT_LABELS = {"unlabeled", "unlabelled", "pred", "predict", "prediction", "predictions"}
_FILLERS = {"set", "data", "dataset", "split", "images", "photos", "imagens", "fotos"} | {
    *("conjunto", "dados", "de", "e", "the", "and")
}
_NAME_AND_NUMBER = re.compile(r"(?P<name>[^\d]*[^\W\d_])[\W_]*\d+\)?")
_CAMERA_NAMES = {"img", "image", "imagem", "dsc", "dscn", "dscf", "pxl", "photo", "foto"} | {
    *("picture", "pic", "screenshot", "webcam", "frame", "scan", "download", "file", "video"),
    *("vid", "sam", "gopr", "dji", "p", "untitled", "unnamed", "train", "test", "val", "sample"),
}


@dataclass(frozen=True)
class PhotoFile:
    """A photo that has not been read yet.

    Attributes:
        name: what to call it; never used as a path.
        read: return the bytes of its file, or raise a `Problem`.
        class_name: what it shows; empty where that is not known.
        is_validation: True or False where the data set says so, None where it is not divided.
        size: bytes of its file, as far as is known without reading it.
        group: a name shared by photos that belong together, such as those of one take; empty for a
            photo that stands alone.
    """

    name: str
    read: Callable[[], bytes]
    class_name: str = ""
    is_validation: bool | None = None
    size: int = 0
    group: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the photo itself: its file may not be where this is read."""
        read: Callable[[], bytes]
        try:
            read = partial(bytes, self.read())
        except Problem as problem:
            read = partial(_refuse, problem)
        others = (self.class_name, self.is_validation, self.size, self.group)
        return PhotoFile, (self.name, read, *others)


def _refuse(problem: Problem) -> bytes:
    raise problem


@dataclass(frozen=True)
class Skipped:
    """A file that could not be used, and why, in a sentence."""

    file: str
    reason: Problem


@dataclass(frozen=True)
class Listing:
    """What was found in a folder or a zip.

    Attributes:
        photos: those with a class, in the order in which they were found.
        unlabelled: photos whose class is not known.
        left_out: files that are no photos or cannot be read, and folders without a photo.
    """

    photos: tuple[PhotoFile, ...]
    unlabelled: tuple[PhotoFile, ...] = ()
    left_out: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class _File:
    """A file as it was found: the parts of its path, its size, and how to read it."""

    parts: tuple[str, ...]
    size: int
    read: Callable[[], bytes]
    head: Callable[[], bytes]


@dataclass
class _Finds:
    """Everything that a walk through a folder or a zip comes across."""

    files: list[_File] = field(default_factory=list)
    folders: list[tuple[str, ...]] = field(default_factory=list)
    left_out: list[Skipped] = field(default_factory=list)

    def leave_out(self, parts: Sequence[str], reason: Problem) -> None:
        self.left_out.append(Skipped("/".join(parts), reason))


def in_folder(folder: Path) -> Listing:
    """List the photos of a folder; see `_labels` for the classes.

    Links are followed, except for those that lead back to a folder above them. What cannot be
    read is left out.

    Raises:
        Problem: there is no such folder.
    """
    if not folder.is_dir():
        raise Problem(N_("There is no folder {folder}."), folder=folder)
    finds = _Finds()
    _walk(folder, (), (), finds)
    return _listing(finds)


def in_zip(opened: zipfile.ZipFile) -> Listing:
    """List the photos of an open zip; see `_labels` for the classes."""
    finds = _Finds()
    entries = opened.infolist()
    for info, name in zip(entries, archives.names(entries), strict=True):
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if name.endswith("/"):
            finds.folders.append(parts)
        elif parts:
            read = partial(_read_in_zip, opened, info, "/".join(parts), -1)
            head = partial(_read_in_zip, opened, info, "/".join(parts), signatures.HEAD_BYTES)
            finds.files.append(_File(parts, info.file_size, read, head))
    return _listing(finds)


def name_of(folder: Path) -> str:
    """Return the name of a folder as text that can be written anywhere, whatever its encoding."""
    return archives.decoded([os.fsencode(folder.resolve().name)])[0]


def _read_in_zip(opened: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, count: int) -> bytes:
    try:
        with opened.open(info) as entry:
            return entry.read(count)
    except Exception as error:  # each way of packing has errors of its own
        raise Problem(N_("In this zip, {file} is damaged. Pack it anew."), file=name) from error


def _walk(
    folder: Path, above: tuple[str, ...], ancestors: tuple[tuple[int, int], ...], finds: _Finds
) -> None:
    """Collect what is in a folder and below, in the order of the names."""
    try:
        status = folder.stat()
        paths = sorted(folder.iterdir())
    except OSError as error:
        finds.leave_out(above or (folder.name,), _unreadable("/".join(above), error))
        return
    identity = status.st_dev, status.st_ino
    if identity in ancestors:
        return
    names = archives.decoded([os.fsencode(path.name) for path in paths])
    for path, name in zip(paths, names, strict=True):
        parts = (*above, name)
        if _is_machine_made(parts):
            continue
        try:
            status = path.stat()
        except OSError as error:
            finds.leave_out(parts, _unreadable("/".join(parts), error))
            continue
        if stat.S_ISDIR(status.st_mode):
            finds.folders.append(parts)
            _walk(path, parts, (*ancestors, identity), finds)
        elif stat.S_ISREG(status.st_mode):
            read = partial(_read, path, "/".join(parts), -1)
            head = partial(_read, path, "/".join(parts), signatures.HEAD_BYTES)
            finds.files.append(_File(parts, status.st_size, read, head))
        else:  # a pipe would keep its reader waiting
            finds.leave_out(parts, Problem(N_("{file} is no ordinary file."), file="/".join(parts)))


def _read(path: Path, name: str, count: int) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(count)
    except OSError as error:
        raise _unreadable(name, error) from None


def _unreadable(name: str, error: OSError) -> Problem:
    return Problem(N_("{file} cannot be read: {reason}."), file=name, reason=error.strerror)


# What is a photo


def _listing(finds: _Finds) -> Listing:
    """Separate photos from other files, and sort them by class."""
    found: list[PhotoFile] = []
    paths: list[tuple[str, ...]] = []
    left_out = finds.left_out
    for file in finds.files:
        if _is_machine_made(file.parts):
            continue
        name = "/".join(file.parts)
        try:
            _check_is_photo(file, name)
            if file.size > photos.MAX_BYTES:
                raise photos.too_many_bytes(name, file.size)
        except Problem as reason:
            left_out.append(Skipped(name, reason))
            continue
        found.append(PhotoFile(name, file.read, size=file.size))
        paths.append(file.parts)
    for folder in _without_photos(finds, paths):
        finds.leave_out(
            folder,
            Problem(N_("There is no photo in the folder {folder}."), folder="/".join(folder)),
        )
    labels = _labels(paths)
    labelled = [
        replace(file, class_name=labels[place].class_name, is_validation=labels[place].part)
        for place, file in enumerate(found)
        if place in labels
    ]
    return Listing(
        tuple(one_class_each(labelled)),
        tuple(file for place, file in enumerate(found) if place not in labels),
        tuple(left_out),
    )


def _check_is_photo(file: _File, name: str) -> None:
    """Refuse what is no photo by its extension, nor by how it begins.

    What only has the extension of a photo is found out when it is decoded.

    Raises:
        Problem: it is none, or cannot be read.
    """
    if name.rpartition(".")[2].lower() in photos.EXTENSIONS:
        return
    head = file.head()
    if not signatures.is_photo(name, head):
        kind = signatures.kind(head)
        raise Problem(
            kind.refusal if kind and kind.refusal else N_("{file} is no photo."), file=name
        )


def _is_machine_made(parts: Sequence[str]) -> bool:
    """Return whether a program has put a file there by itself: thumbnails, a trash, hidden files."""
    return any(part.startswith(".") or part.lower() in _MACHINE_MADE for part in parts)


def _without_photos(finds: _Finds, paths: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Return the folders that hold no photo, but not those inside of such."""
    known = {parts[:depth] for parts in paths for depth in range(len(parts))}
    folders = {*finds.folders, *(file.parts[:-1] for file in finds.files)}
    empty = {
        folder[:depth]
        for folder in folders
        if not _is_machine_made(folder)
        for depth in range(1, len(folder) + 1)
        if folder[:depth] not in known
    }
    empty -= {tuple(skipped.file.split("/")) for skipped in finds.left_out}
    return (folder for folder in sorted(empty) if folder[:-1] not in empty)


# Classes and divisions


@dataclass(frozen=True)
class _Label:
    """The class of a photo, which part it belongs to, and whether only its name says so."""

    class_name: str
    part: bool | None
    by_name: bool = False


@dataclass
class _Folder:
    """Photos by their places, and the folders in it that hold photos, by their keys."""

    name: str = ""
    photos: list[tuple[int, str]] = field(default_factory=list)
    folders: dict[str, _Folder] = field(default_factory=dict)

    def everything(self) -> Iterator[int]:
        yield from (place for place, _ in self.photos)
        yield from chain.from_iterable(map(_Folder.everything, self.folders.values()))

    def inside(self) -> set[str]:
        """Return the keys of its folders, behind any that only wrap others."""
        return set(_unwrapped(self).folders)


def class_key(name: str) -> str:
    """Return what two spellings of the same class have in common: `Cat`, `cat` and `cat `."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).strip().casefold())


def one_class_each(files: Sequence[PhotoFile]) -> list[PhotoFile]:
    """Unite classes whose names differ in case, outer spaces or composition under the commonest."""
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for file in files:
        name = unicodedata.normalize("NFC", file.class_name).strip()
        spellings[class_key(file.class_name)][name] += 1
    names = {key: max(sorted(found), key=found.__getitem__) for key, found in spellings.items()}
    return [replace(file, class_name=names[class_key(file.class_name)]) for file in files]


def _labels(paths: Sequence[tuple[str, ...]]) -> dict[int, _Label]:
    """Find the classes of photos by the folders that they are in.

    1. A class is a folder, together with all folders in it (as in torchvision's `ImageFolder`):
       the first below the top folder. A folder that holds one folder and nothing else but loose
       photos is a wrapper, however many there are of them, and the top folder is inside.
    2. Where two or more folders beside each other are called like the parts of a data set
       (`train`, `test_set`, `validação` …) and classes are in one of them, the data set is
       divided, and each of them is a top folder of its own. If such folders are nested, the one
       nearest to the class decides. What stands beside them has no class. Names such as
       `seg_train` and `seg_test` count too, if they hold the same classes. A folder called like a
       part among others that are not is a class like them.
    3. If every class holds `train` and `test` and nothing else, it is divided inside.
    4. Photos in one folder without others, all of which are called like `cat.0.jpg`, have these
       names for classes, if there are several with several photos each.

    Args:
        paths: of the photos, the file's name last.

    Returns:
        The labels by the photo's place in `paths`; photos without a class have none.
    """
    root = _Folder()
    for place, parts in enumerate(paths):
        folder = root
        for name in parts[:-1]:
            folder = folder.folders.setdefault(class_key(name), _Folder(name.strip()))
        folder.photos.append((place, parts[-1]))
    labels = dict(_labelled(root, None))
    classes = {class_key(label.class_name) for label in labels.values() if not label.by_name}
    return {
        place: label
        for place, label in labels.items()
        if not label.by_name or not classes or class_key(label.class_name) in classes
    }


def _labelled(top: _Folder, part: bool | None) -> Iterator[tuple[int, _Label]]:
    while (inner := _wrapped(top)) is not top:
        part = _in_part(inner, part)
        top = inner
    folders = list(top.folders.values())
    if not folders:
        yield from _by_name(top, part)
    elif parts := _parts(folders):
        for folder, of_folder in parts:
            if of_folder is not None:
                yield from _labelled(folder, of_folder)
    elif len(folders) == 1 and (named := list(_by_name(folders[0], part))):
        yield from named
    elif _are_divided_inside(folders):
        for folder in folders:
            for inside in folder.folders.values():
                label = _Label(folder.name, _in_part(inside, part))
                yield from ((place, label) for place in inside.everything())
    else:
        for folder in folders:
            label = _Label(folder.name, part)
            yield from ((place, label) for place in folder.everything())


def _wrapped(folder: _Folder) -> _Folder:
    """Return the only folder in a folder if classes can be in it, else the folder itself."""
    if len(folder.folders) == 1:
        (only,) = folder.folders.values()
        if only.folders:
            return only
    return folder


def _unwrapped(folder: _Folder) -> _Folder:
    while (inner := _wrapped(folder)) is not folder:
        folder = inner
    return folder


def _parts(folders: Sequence[_Folder]) -> list[tuple[_Folder, bool | None]]:
    """Pair the folders that divide a data set with whether they are for validation.

    Returns:
        None stands for photos without labels; an empty list for a data set that is not divided.
    """
    called = [(folder, words) for folder in folders if (words := _words(folder.name))]
    named = [(f, _part(words)) for f, words in called if words <= _PART_WORDS and len(words) == 1]
    if len(named) == len(folders) or (len(named) > 1 and any(f.folders for f, _ in named)):
        return named
    loosely = [(f, _part(words)) for f, words in called if len(words & _PART_WORDS) == 1]
    inside = {
        is_validation: set[str]().union(*(f.inside() for f, p in loosely if p is is_validation))
        for is_validation in (False, True)
    }
    return loosely if len(inside[False] & inside[True]) > 1 else []


_PART_WORDS = _TRAIN | _VALIDATION | _WITHOUT_LABELS


def _words(name: str) -> set[str]:
    """Return the words of a folder's name that say something, without accents and numbers."""
    letters = unicodedata.normalize("NFD", name)
    letters = "".join(c for c in letters if not unicodedata.combining(c))
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", letters).lower()  # TrainingSet
    words = {re.sub(r"(?<=.)set$", "", word) for word in re.findall(r"[^\W\d_]+", spaced)}
    return words - _FILLERS


def _part(words: set[str]) -> bool | None:
    """Return whether words say "validation"; None where they say "without labels"."""
    if words & _WITHOUT_LABELS:
        return None
    return bool(words & _VALIDATION)


def _in_part(folder: _Folder, part: bool | None) -> bool | None:
    """Return the part that a folder's name means, or the one of the folders above."""
    words = _words(folder.name)
    return _part(words) if words and words <= _TRAIN | _VALIDATION and len(words) == 1 else part


def _are_divided_inside(classes: Sequence[_Folder]) -> bool:
    parts = [_in_part(inside, None) for folder in classes for inside in folder.folders.values()]
    return {True, False} == set(parts) and all(
        folder.folders and not folder.photos for folder in classes
    )


def _by_name(folder: _Folder, part: bool | None) -> Iterator[tuple[int, _Label]]:
    """Label the photos of a folder without others by their names, if these are classes."""
    if folder.folders:
        return
    names: dict[int, str] = {}
    for place, file in folder.photos:
        matched = _NAME_AND_NUMBER.fullmatch(file.rpartition(".")[0])
        if not matched or class_key(matched["name"]) in _CAMERA_NAMES:
            return
        names[place] = matched["name"].strip()
    counts = Counter(map(class_key, names.values()))
    if len(counts) < 2 or min(counts.values()) < 2:
        return
    for place, name in names.items():
        yield place, _Label(name, part, by_name=True)
