"""Data sets that the app knows by name: where they come from, fetching them, reading a sample."""

from __future__ import annotations

import gzip
import http.client
import re
import shutil
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from weakref import WeakValueDictionary

from core.data import datasets
from core.data.datasets import Dataset
from core.data.photo_files import PhotoFile, in_zip
from core.downloads.fetch import fetch, megabytes, mirrored
from core.downloads.shared import alone, together
from core.images import photos
from core.problem import N_, Problem, Text, Texts
from core.steps import Step, Steps, finish
from core.zoo import weights

MIRROR_VARIABLE = "IDEALCAT_DATA_MIRROR"
MOST_PER_CLASS = 500
"""How many photos of a class are read if nobody says: more hardly make a head any better."""
_PETS_FOLDER = "oxford-iiit-pet"
_SPECIES = {"1": "Cat", "2": "Dog"}
"""By the numbers in the pets' lists."""
_PETS_MEMBER = re.compile(r"images/\w+_\d+\.jpg|annotations/(trainval|test)\.txt", re.ASCII)
_SECONDS_PER_STEP = 0.1


@dataclass(frozen=True)
class Archive:
    """A file that a data set comes in.

    Attributes:
        address: where its makers serve it.
        size: its bytes.
    """

    address: str
    size: int

    @property
    def file(self) -> str:
        """Its name, in the cache as on a mirror."""
        return self.address.rpartition("/")[2]


@dataclass(frozen=True)
class Source:
    """A data set with a name.

    Attributes:
        name: on the command line.
        title: for people, translatable.
        description: what is in it and what it is good for, translatable.
        kind: how it is read.
        classes: how many.
        photos: how many, all classes together.
        credit: who made it, and under which terms it may be used.
        archives: what has to be downloaded first; none where it comes with an installed package.
        grouping: what makes a class, where there is a choice.
    """

    name: str
    title: Text
    description: Text
    kind: Literal["digits", "faces", "zip", "pets"]
    classes: int
    photos: int
    credit: Text
    archives: tuple[Archive, ...] = ()
    grouping: Literal["", "breed", "species"] = ""

    @property
    def is_offline(self) -> bool:
        """Whether it never has to be downloaded."""
        return not self.archives

    @property
    def size(self) -> int:
        """How many bytes have to be downloaded."""
        return sum(archive.size for archive in self.archives)


_PETS = (
    Archive("https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz", 791_918_971),
    Archive("https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz", 19_173_078),
)
_PETS_CREDIT = N_("Parkhi, Vedaldi, Zisserman and Jawahar 2012, University of Oxford, CC BY-SA 4.0")

SOURCES = (
    Source(
        name="digits",
        title=N_("Handwritten digits"),
        description=N_(
            "1,797 digits of 8×8 pixels, from scikit-learn. The network has never seen anything "
            "like them: a fair test of what its layers are good for."
        ),
        kind="digits",
        classes=10,
        photos=1797,
        credit=N_("Alpaydin and Kaynak 1998, UCI, by way of scikit-learn, CC BY 4.0"),
    ),
    Source(
        name="faces",
        title=N_("Faces and no faces"),
        description=N_(
            "100 faces and 100 pieces of background, 25×25 pixels in grey, from scikit-image. "
            "ImageNet has no class for faces: another fair test."
        ),
        kind="faces",
        classes=2,
        photos=200,
        credit=N_(
            "Labeled Faces in the Wild, Huang et al. 2007, by way of scikit-image; for research"
        ),
    ),
    Source(
        name="cats-dogs",
        title=N_("Cats and dogs"),
        description=N_(
            "3,000 photos, the part of the large set that the TensorFlow tutorials use; 1,000 of them are kept apart for validation."
        ),
        kind="zip",
        classes=2,
        photos=3000,
        credit=N_("Asirra: Microsoft and Petfinder, Elson et al. 2007; chosen by Google"),
        archives=(
            Archive(
                "https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip",
                68_606_236,
            ),
        ),
    ),
    Source(
        name="petimages",
        title=N_("Cats and dogs, all of them"),
        description=N_(
            "The lesson's 25,000 photos from animal shelters, with the broken files that it warns "
            "of. A sample of them is read."
        ),
        kind="zip",
        classes=2,
        photos=25_000,
        credit=N_("Asirra: Microsoft and Petfinder, Elson et al. 2007, Microsoft Research licence"),
        archives=(
            Archive(
                "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip",
                824_887_076,
            ),
        ),
    ),
    Source(
        name="ants-bees",
        title=N_("Ants and bees"),
        description=N_(
            "About 400 photos, from PyTorch's tutorial on transfer learning: too few to learn "
            "from without a network that has seen others before."
        ),
        kind="zip",
        classes=2,
        photos=397,
        credit=N_(
            "ImageNet, chosen by the PyTorch tutorials; the photos belong to their photographers"
        ),
        archives=(
            Archive("https://download.pytorch.org/tutorial/hymenoptera_data.zip", 47_286_322),
        ),
    ),
    Source(
        name="pets",
        title=N_("37 breeds of cats and dogs"),
        description=N_(
            "The Oxford-IIIT pets, about 200 photos of each breed, half of them for validation. Many breeds are ImageNet's own classes too. A sample of them is read."
        ),
        kind="pets",
        classes=37,
        photos=7349,
        credit=_PETS_CREDIT,
        archives=_PETS,
        grouping="breed",
    ),
    Source(
        name="pets-cat-dog",
        title=N_("37 breeds, as cats and dogs"),
        description=N_("The same photos of the Oxford-IIIT pets, in two classes."),
        kind="pets",
        classes=2,
        photos=7349,
        credit=_PETS_CREDIT,
        archives=_PETS,
        grouping="species",
    ),
)


def source(name: str) -> Source:
    """Look up a data set by its name.

    Raises:
        Problem: there is none of that name.
    """
    for known in SOURCES:
        if known.name == name:
            return known
    raise Problem(
        N_("There is no data set called {name}. There are: {names}."),
        name=name,
        names=", ".join(known.name for known in SOURCES),
    )


def cache_folder() -> Path:
    """The folder in which downloaded data sets are kept, next to torch's weights."""
    return weights.torch_home() / "datasets"


def path(source: Source) -> Path:
    """Where a data set that has to be downloaded is, or would be: its zip, or its folder."""
    return cache_folder() / (_PETS_FOLDER if source.kind == "pets" else source.archives[0].file)


def is_here(source: Source) -> bool:
    """Whether a data set can be read without a network."""
    if source.is_offline:
        return True
    if source.kind == "pets":
        return all((path(source) / part).is_dir() for part in ("images", "annotations"))
    return path(source).is_file()


def offline() -> tuple[Source, ...]:
    """The data sets that can be read without a network: built in, or downloaded before."""
    return tuple(known for known in SOURCES if is_here(known))


def load(source: Source, *, most_per_class: int = MOST_PER_CLASS, seed: int = 0) -> Steps[Dataset]:
    """Read a sample of a data set, downloading it first if it is not here; see `read`.

    Yields:
        Steps counted in megabytes while downloading, checking and unpacking, and in photos while
        reading; the last one's result is the data set.

    Raises:
        Problem: it could not be downloaded, or is damaged.
    """
    if not is_here(source):
        with closing(download(source)) as steps:
            for step in steps:
                yield Step(step.index, step.total, phase=step.phase)
    yield from _reading(source, most_per_class, seed)


def read(source: Source, *, most_per_class: int = MOST_PER_CLASS, seed: int = 0) -> Dataset:
    """Read a random sample of a data set that is here; zips are not unpacked.

    Args:
        source: the data set.
        most_per_class: how many photos of each class to read, at most, and likewise of each part
            where the data set comes divided; see `datasets.sample`.
        seed: of the sample.

    Raises:
        Problem: it is not here, or damaged.
    """
    return finish(_reading(source, most_per_class, seed))


def download(source: Source) -> Steps[Path]:
    """Download a data set into the cache; it appears there only when it is whole and checked.

    Closing the generator keeps what has come, and the next download goes on from there. Those who
    want the same one at the same time push one download forward together. `IDEALCAT_DATA_MIRROR`
    names another place (an address of a folder) to take the archives from.

    Yields:
        Steps counted in megabytes; the last one's result is where the data set is.

    Raises:
        Problem: the download failed, or what came is damaged.
    """
    if not is_here(source):
        yield from together(path(source), lambda: _download(source))
    size = megabytes(source.size)
    yield Step(size, size, result=cache_folder() if source.is_offline else path(source))


def _download(source: Source) -> Steps[Path]:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder / f"{path(source).name}.lock", source.title):
            if not is_here(source):  # another program may have been quicker
                yield from _DOWNLOADING[source.kind](source)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Problem(
            N_(
                "{name} could not be downloaded ({reason}). Try again, or put {files} into the folder {folder}. "
                "These data sets are here already: {here}."
            ),
            name=source.title,
            reason=getattr(error, "reason", None) or error,
            files=", ".join(archive.file for archive in source.archives),
            folder=folder,
            here=Texts(known.title for known in offline()),
        ) from error


def check(source: Source) -> Steps[Path]:
    """Look through a data set that is here: zips against their checksums, the pets for gaps.

    Yields:
        Steps counted in megabytes.

    Raises:
        Problem: it is damaged, or holds other data.
    """
    try:
        if source.kind == "zip":
            yield from _check_zip(source, path(source))
        elif source.kind == "pets":
            _list_pets(cache_folder(), source)
    except Exception as error:  # each way of packing has errors of its own
        raise _damaged_here(source) from error


def _fetched(archive: Archive, target: Path) -> Steps[Path]:
    """Download an archive if it is not there, going on where it was left."""
    if not target.is_file():
        address = mirrored(archive.address, archive.file, MIRROR_VARIABLE)
        part = target.with_name(f"{archive.file}.part")
        yield from fetch(address, part, expected_bytes=archive.size, resume=True)
        part.replace(target)


# Zips


def _get_zip(source: Source) -> Steps[Path]:
    """Download a zip, and give it its name once all of it has been read."""
    arrived = path(source).with_name(f"{path(source).name}.unchecked")
    yield from _fetched(source.archives[0], arrived)
    try:
        yield from _check_zip(source, arrived)
    except Exception as error:  # each way of packing has errors of its own
        arrived.unlink()
        raise _arrived_damaged(source) from error
    arrived.replace(path(source))


def _check_zip(source: Source, archive: Path) -> Steps[Path]:
    """Read everything in a zip against its checksums, and see that the classes are there."""
    size, done, last = megabytes(archive.stat().st_size), 0, time.monotonic()
    with zipfile.ZipFile(archive) as opened:
        classes = {file.class_name for file in in_zip(opened).photos}
        if len(classes) != source.classes:
            raise ValueError(f"{len(classes)} classes")
        for info in opened.infolist():
            with opened.open(info) as entry:
                while entry.read(1 << 20):
                    pass
            done += info.compress_size
            if time.monotonic() - last > _SECONDS_PER_STEP:
                yield Step(min(megabytes(done), size), size, phase=N_("checking the files"))
                last = time.monotonic()


@contextmanager
def _open_zip(source: Source) -> Iterator[list[PhotoFile]]:
    with zipfile.ZipFile(path(source)) as opened:
        # As in torchvision's ImageFolder, no GIFs: the ants' one says that a photo was not found.
        found = in_zip(opened).photos
        yield [file for file in found if not file.name.lower().endswith(".gif")]


# Oxford-IIIT Pets


def _get_pets(source: Source) -> Steps[Path]:
    """Download the pets and unpack them as torchvision's class wants them.

    A compressed tar can only be read from its beginning to its end, so other than a zip it has to
    be unpacked before a sample can be drawn. The archives are deleted then.
    """
    archives = [cache_folder() / archive.file for archive in source.archives]
    for archive, target in zip(source.archives, archives, strict=True):
        yield from _fetched(archive, target)
    staging = cache_folder() / f"{_PETS_FOLDER}.part"
    shutil.rmtree(staging, ignore_errors=True)  # what a program that was killed has left
    try:
        for part in ("images", "annotations"):
            (staging / _PETS_FOLDER / part).mkdir(parents=True)
        for target in archives:
            yield from _unpack(target, staging / _PETS_FOLDER)
        _list_pets(staging, source)
        (staging / _PETS_FOLDER).replace(path(source))
    except Exception as error:  # damaged archives and lists have many ways to fail
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
            raise  # such as a full disk; the archives are not to blame
        for target in archives:
            target.unlink()
        raise _arrived_damaged(source) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    for target in archives:
        with suppress(OSError):  # they do no harm
            target.unlink()


def _unpack(archive: Path, folder: Path) -> Steps[Path]:
    """Write the photos and lists of a tar.gz, and nothing else that may be in it, into a folder."""
    size, last = megabytes(archive.stat().st_size), time.monotonic()
    with archive.open("rb") as packed, gzip.open(packed) as unpacked:
        with tarfile.open(fileobj=unpacked, mode="r|") as members:
            for member in members:
                name = member.name.removeprefix("./")
                content = members.extractfile(member) if member.isreg() else None
                if content is not None and _PETS_MEMBER.fullmatch(name):
                    if member.size > photos.MAX_BYTES:
                        raise ValueError(f"{name} has {member.size} bytes")
                    (folder / name).write_bytes(content.read())
                if time.monotonic() - last > _SECONDS_PER_STEP:
                    yield Step(
                        min(megabytes(packed.tell()), size), size, phase=N_("unpacking the photos")
                    )
                    last = time.monotonic()
        while unpacked.read(1 << 20):  # to the end, where the checksum is
            pass


def _list_pets(root: Path, source: Source) -> list[PhotoFile]:
    """List the photos as torchvision's `OxfordIIITPet` does, but without decoding them.

    Raises:
        ValueError, KeyError: a list is missing or is none, or names a photo that is not there.
    """
    folder = root / _PETS_FOLDER
    sizes = {file: file.stat().st_size for file in (folder / "images").iterdir()}
    listed: list[PhotoFile] = []
    breeds: dict[str, str] = {}
    for split in ("trainval", "test"):
        lines = folder / "annotations" / f"{split}.txt"
        if not lines.is_file():
            raise ValueError(f"{split}.txt is missing")
        for line in lines.read_text("ascii").splitlines():
            photo, number, species, _ = line.split()
            breed = photo.rpartition("_")[0].replace("_", " ").title()
            if breeds.setdefault(number, breed) != breed:
                raise ValueError(f"{photo} is listed as {breeds[number]}")
            file = folder / "images" / f"{photo}.jpg"
            if file not in sizes:  # which also keeps a name from leading out of the folder
                raise ValueError(f"{file.name} is missing")
            name = breed if source.grouping == "breed" else _SPECIES[species]
            listed.append(PhotoFile(file.name, file.read_bytes, name, split == "test", sizes[file]))
    if set(breeds) != {str(number + 1) for number in range(len(breeds))}:
        raise ValueError("the breeds are not numbered from 1 on")
    return listed


_DOWNLOADING = {"zip": _get_zip, "pets": _get_pets}
_OPENING: dict[str, Callable[[Source], AbstractContextManager[list[PhotoFile]]]] = {
    "digits": lambda source: nullcontext(datasets.in_digits()),
    "faces": lambda source: nullcontext(datasets.in_faces()),
    "pets": lambda source: nullcontext(_list_pets(cache_folder(), source)),
    "zip": _open_zip,
}


_samples: WeakValueDictionary[tuple[object, ...], Dataset] = WeakValueDictionary()
"""What sessions are using now, so that a class that learns from the same photos has them once."""


def _reading(source: Source, most_per_class: int, seed: int) -> Steps[Dataset]:
    key = cache_folder(), source.name, most_per_class, seed
    known = _samples.get(key)
    if known is not None:
        yield Step(len(known.photos), len(known.photos), result=known)
        return
    try:
        with _OPENING[source.kind](source) as files:
            drawn = datasets.sample(files, most_per_class=most_per_class, seed=seed)
            for step in datasets.reading(drawn):
                shared = step.result and _samples.setdefault(key, step.result)
                yield replace(step, result=shared)
    except Problem:
        raise
    except Exception as error:  # a file that was put into the cache by hand can hold anything
        if not is_here(source):
            raise Problem(
                N_("{name} are not on this computer. Download them first."), name=source.title
            ) from error
        raise _damaged_here(source) from error


def _damaged_here(source: Source) -> Problem:
    return Problem(
        N_("{file} is damaged or holds other data. Delete it, and {name} is downloaded again."),
        file=path(source),
        name=source.title,
    )


def _arrived_damaged(source: Source) -> Problem:
    return Problem(
        N_(
            "What was downloaded for {name} is damaged or something else, and was deleted. Try again."
        ),
        name=source.title,
    )
