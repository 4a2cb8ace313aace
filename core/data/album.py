"""Photos to measure on and what they show: the samples, those of a folder, somebody's own."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from core.data import photo_files
from core.data.photo_files import Listing, PhotoFile
from core.images import photos
from core.problem import N_, Problem
from core.steps import Step, returned
from core.zoo.classifier import Classifier
from core.zoo.labels import imagenet

MOST_PHOTOS = 200


@dataclass(frozen=True)
class Album:
    """Photos to measure on.

    Attributes:
        pictures: (N, 3, size, size) in [0, 1].
        classes: what they show.
        names: their files' names.
        from_network: whether what they show is not known, so that what the network sees without
            an attack counts as right.
        skipped: files that could not be read, with the reason.
    """

    pictures: torch.Tensor
    classes: tuple[int, ...]
    names: tuple[str, ...]
    from_network: bool
    skipped: tuple[tuple[str, Problem], ...] = ()


def reading(
    classifier: Classifier, files: Listing | Iterable[PhotoFile], *, most: int = MOST_PHOTOS
) -> Generator[Step[Any], None, Album]:
    """Read photos for a network.

    Where every one is known to show one of the network's classes, that is what it shows; else
    the network is asked.

    Args:
        classifier: gives the size, and is asked.
        files: the photos; some of them evenly spread if there are more than `most`. What a listing
            has left out counts as skipped.
        most: how many are read.

    Yields:
        A step per photo.

    Returns:
        The album.

    Raises:
        Problem: none of them can be read.
    """
    if isinstance(files, Listing):
        left_out = files.left_out
        files = sorted((*files.photos, *files.unlabelled), key=lambda file: file.name)
    else:
        left_out = ()
    chosen = _spread(list(files), most)
    is_known = all(file.class_name in classifier.labels for file in chosen)
    pictures: list[torch.Tensor] = []
    classes: list[int] = []
    names: list[str] = []
    skipped = [(one.file, one.reason) for one in left_out]
    for done, file in enumerate(chosen, start=1):
        try:
            picture = photos.prepare(photos.decode(file.read(), file.name), classifier.input_size)
        except Problem as problem:
            skipped.append((file.name, problem))
        else:
            pictures.append(picture)
            names.append(file.name)
            classes.append(
                classifier.labels.index(file.class_name)
                if is_known
                else int(classifier.probabilities(picture).argmax())
            )
        yield Step(done, len(chosen), phase=N_("looking at the photos"))
    if not pictures:
        raise Problem(N_("There is no photo that can be read. Choose others."))
    return Album(torch.cat(pictures), tuple(classes), tuple(names), not is_known, tuple(skipped))


def _spread(files: list[PhotoFile], most: int) -> list[PhotoFile]:
    if len(files) <= most:
        return files
    return [files[i * len(files) // most] for i in range(most)]


def samples() -> list[PhotoFile]:
    """List the 20 ImageNet photos that foolbox brings along; the package is not imported.

    Their file names give their classes.

    Raises:
        Problem: foolbox is not installed.
    """
    spec = importlib.util.find_spec("foolbox")
    if spec is None or not spec.submodule_search_locations:
        raise Problem(
            N_("The sample photos come with the package foolbox, which is not installed.")
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "data"
    labels = imagenet()
    return [
        PhotoFile(file.name, file.read_bytes, labels[int(file.stem.split("_")[-1])])
        for file in sorted(folder.glob("imagenet_*.jpg"))
    ]


def in_folder(folder: Path) -> Listing:
    """List the photos of a folder, sub-folders included, which may be named like classes.

    Raises:
        Problem: there is no such folder, or no photo in it.
    """
    listing = photo_files.in_folder(folder)
    if not listing.photos and not listing.unlabelled:
        raise Problem(N_("There is no photo in {folder} that can be read."), folder=folder)
    return listing


def read(classifier: Classifier, files: Listing | Iterable[PhotoFile]) -> Album:
    """Read photos for a network, all at once; see `reading`."""
    return returned(reading(classifier, files))
