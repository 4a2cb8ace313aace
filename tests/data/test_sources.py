"""Data sets by name, from a server of the test's own that has archives of the same layout."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
import tarfile
import threading
import weakref
from pathlib import Path

import pytest
from filelock import Timeout

from core.data import datasets, sources
from core.data.datasets import Dataset
from core.downloads.shared import no_other_program
from core.images import photos
from core.problem import Problem
from core.steps import finish
from core.training.embeddings import EmbeddingCache, embed
from core.training.loop import train
from core.training.settings import Settings
from tests.helpers.files import ANTS_AND_BEES, noise, zipped

BREEDS = (("Abyssinian", 1), ("american_bulldog", 2), ("Bengal", 1), ("pug", 2))
"""Some of the pets' breeds, with their species: 1 for cats, 2 for dogs."""


def tarred(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def pets(photo_of, each: int = 6) -> dict[str, bytes]:
    """Both archives of the pets, with a few breeds and what else the true ones hold.

    `photo_of(species, number)` gives the photos' bytes.
    """
    images, lists = {"images/Abyssinian_101.mat": b"MATLAB"}, {"trainval": "", "test": ""}
    for label, (breed, species) in enumerate(BREEDS, 1):
        for i in range(each):
            images[f"images/{breed}_{i}.jpg"] = photo_of(species, label * each + i)
            lists["trainval" if i % 2 else "test"] += f"{breed}_{i} {label} {species} 1\n"
    annotations = {f"annotations/{part}.txt": text.encode() for part, text in lists.items()}
    annotations |= {"annotations/trimaps/pug_0.png": b"a mask", "annotations/README": b"hello"}
    return {"images.tar.gz": tarred(images), "annotations.tar.gz": tarred(annotations)}


@pytest.fixture
def mirror(server, monkeypatch):
    """A server that stands for all others, with ants and bees on it that are only noise."""
    monkeypatch.setenv(sources.MIRROR_VARIABLE, f"{server.address}/school/data/")
    server.files = {"hymenoptera_data.zip": zipped(ANTS_AND_BEES)}
    server.etag = '"one"'
    return server


@pytest.fixture
def ants() -> sources.Source:
    return sources.source("ants-bees")


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv(sources.MIRROR_VARIABLE, "http://127.0.0.1:9")  # nobody listens there


def cached(torch_home: Path) -> list[str]:
    """What is in the cache, but for the empty files that locks are put on."""
    folder = torch_home / "datasets"
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return sorted(path.relative_to(folder).as_posix() for path in found)


def count(dataset: Dataset) -> dict[tuple[str, bool | None], int]:
    """How many photos there are of each class and part."""
    found: dict[tuple[str, bool | None], int] = {}
    for photo in dataset.photos:
        key = dataset.classes[photo.label], photo.is_validation
        found[key] = found.get(key, 0) + 1
    return found


def leave_midway(source) -> None:
    steps = sources.download(source)
    while next(steps).index < 2:
        pass
    steps.close()


# The table


def test_every_source_says_what_it_is_and_has_a_name_of_its_own():
    names = [source.name for source in sources.SOURCES]
    assert len(set(names)) == len(names)
    for source in sources.SOURCES:
        assert source.title
        assert source.description
        assert source.credit
        assert sources.source(source.name) is source
        assert source.is_offline == (source.size == 0)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(Problem, match=r"no data set called unicorns.*digits, faces, cats-dogs"):
        sources.source("unicorns")


def test_the_pets_come_from_where_torchvision_gets_them():
    from torchvision.datasets import OxfordIIITPet

    ours = [archive.address for archive in sources.source("pets").archives]
    assert ours == [address for address, _ in OxfordIIITPet._RESOURCES]


# Each of them, from the server to a trained network


def real_photo(test_data: Path, folder: str, place: int) -> bytes:
    found = sorted((test_data / "PetImages" / folder).glob("*.jpg"))
    readable = [path for path in found if path.name not in ("666.jpg", "11702.jpg")]
    return readable[place].read_bytes()


def archives(name: str, test_data: Path) -> dict[str, bytes]:
    """Archives of the layout of the true ones, from the photos for tests."""

    def inside(folder: str) -> dict[str, bytes]:
        return {
            path.relative_to(test_data).as_posix(): path.read_bytes()
            for path in (test_data / folder).rglob("*.jpg")
        }

    if name == "ants-bees":
        extra = {"hymenoptera_data/train/ants/imageNotFound.gif": b"GIF89a"}
        return {"hymenoptera_data.zip": zipped(inside("hymenoptera_data") | extra)}
    if name == "petimages":
        extra = {"PetImages/Cat/Thumbs.db": b"\0", "readme[1].txt": b"hello"}
        return {"kagglecatsanddogs_5340.zip": zipped(inside("PetImages") | extra)}
    if name == "cats-dogs":
        files = {
            f"cats_and_dogs_filtered/{part}/{folder.lower()}s/{folder.lower()}.{i}.jpg": real_photo(
                test_data, folder, i
            )
            for folder in ("Cat", "Dog")
            for part, places in (("train", range(20)), ("validation", range(20, 30)))
            for i in places
        }
        files["cats_and_dogs_filtered/vectorize.py"] = b"import nothing"
        return {"cats_and_dogs_filtered.zip": zipped(files)}
    return pets(lambda species, i: real_photo(test_data, "Cat" if species == 1 else "Dog", i))


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("cats-dogs", ("cats", "dogs")),
        ("petimages", ("Cat", "Dog")),
        ("ants-bees", ("ants", "bees")),
        ("pets", ("Abyssinian", "American Bulldog", "Bengal", "Pug")),
        ("pets-cat-dog", ("Cat", "Dog")),
    ],
)
def test_a_source_is_downloaded_read_and_learned_from(
    name, classes, mirror, test_data, tiny, torch_home
):
    mirror.files = archives(name, test_data)
    source = sources.source(name)
    assert not sources.is_here(source)
    steps = list(sources.load(source, most_per_class=12))
    assert {step.phase for step in steps} >= {"downloading", "reading the photos"}
    dataset = steps[-1].result
    assert dataset.classes == classes
    assert max(count(dataset).values()) <= 12
    assert sources.is_here(source)
    assert source in sources.offline()
    assert not [file for file in cached(torch_home) if "part" in file or "unchecked" in file]
    assert len(mirror.asked_for) == len(source.archives)
    training = finish(train(tiny, dataset, Settings(epochs=1), EmbeddingCache()))
    assert training.classifier.labels[:] == classes


def test_what_comes_divided_is_read_divided(mirror, test_data):
    mirror.files = archives("cats-dogs", test_data) | archives("pets", test_data)
    found = finish(sources.load(sources.source("cats-dogs"), most_per_class=15))
    assert count(found) == {
        **{("cats", False): 15, ("dogs", False): 15},
        **{("cats", True): 10, ("dogs", True): 10},
    }
    found = finish(sources.load(sources.source("pets"), most_per_class=2))
    assert set(count(found).values()) == {2}
    assert len(count(found)) == 2 * len(BREEDS)


def test_the_pets_are_torchvisions(mirror, test_data, torch_home):
    from torchvision.datasets import OxfordIIITPet

    mirror.files = archives("pets", test_data)
    ours = finish(sources.load(sources.source("pets")))
    grouped = sources.read(sources.source("pets-cat-dog"))
    assert len(mirror.asked_for) == 2, "both ways to group them share one download"
    for is_validation, part in ((False, "trainval"), (True, "test")):
        theirs = OxfordIIITPet(
            torch_home / "datasets", split=part, target_types=["category", "binary-category"]
        )
        assert theirs.classes == list(ours.classes)
        assert [target for _, target in theirs] == [
            (breed.label, species.label)
            for breed, species in zip(ours.photos, grouped.photos, strict=True)
            if breed.is_validation == is_validation
        ]


def test_the_archives_of_the_pets_go_when_they_are_unpacked(mirror, torch_home):
    mirror.files = pets(lambda species, i: noise(i, 1000))
    list(sources.download(sources.source("pets")))
    assert set(cached(torch_home)) == {
        *(f"oxford-iiit-pet/annotations/{part}.txt" for part in ("test", "trainval")),
        *(f"oxford-iiit-pet/images/{breed}_{i}.jpg" for breed, _ in BREEDS for i in range(6)),
    }


def test_both_broken_pets_are_named(mirror, test_data, tiny):
    mirror.files = archives("petimages", test_data)
    dataset = finish(sources.load(sources.source("petimages")))
    looking = embed(tiny, dataset.photos, EmbeddingCache())
    while True:
        try:
            next(looking)
        except StopIteration as end:
            skipped = [one.file for one in end.value.skipped]
            break
    assert set(skipped) == {"PetImages/Cat/666.jpg", "PetImages/Dog/11702.jpg"}


# The sample


def test_the_sample_depends_on_its_seed_and_grows_without_forgetting(mirror, ants):
    list(sources.download(ants))

    def names(most: int, seed: int) -> set[str]:
        found = sources.read(ants, most_per_class=most, seed=seed)
        assert set(count(found).values()) == {most}
        return {photo.name for photo in found.photos}

    assert names(3, 0) == names(3, 0)
    assert names(3, 0) != names(3, 1)
    assert names(3, 0) < names(5, 0) < names(8, 0)


def test_no_more_is_read_than_fits(mirror, ants, monkeypatch):
    list(sources.download(ants))
    monkeypatch.setattr(datasets, "MAX_PHOTOS", 21)
    assert set(count(sources.read(ants, most_per_class=8)).values()) == {5}
    monkeypatch.setattr(datasets, "MAX_EXPANDED_BYTES", 900_000)
    assert set(count(sources.read(ants, most_per_class=8)).values()) == {2}


def test_sessions_that_use_the_same_sample_have_it_once():
    faces = sources.source("faces")
    one = sources.read(faces, most_per_class=5)
    assert sources.read(faces, most_per_class=5) is one
    assert sources.read(faces, most_per_class=6) is not one
    watched = weakref.ref(one)
    del one
    gc.collect()
    assert watched() is None, "it goes with the last who uses it"


@pytest.mark.parametrize("wrong", [{"most_per_class": 0}, {"seed": -1}], ids=str)
def test_a_sample_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(Problem, match="must lie between"):
        sources.read(sources.source("faces"), **wrong)


# Without a network


def test_digits_and_faces_need_no_network(no_network):
    digits = finish(sources.load(sources.source("digits"), most_per_class=20))
    assert set(count(digits).values()) == {20}
    assert len(digits.classes) == 10
    faces = finish(sources.load(sources.source("faces")))
    assert count(faces) == {("face", None): 100, ("no face", None): 100}
    assert photos.decode(faces.photos[0].data, "face").size == (25, 25)


def test_the_faces_are_scikit_images():
    from skimage.data import lfw_subset

    ours = sources.read(sources.source("faces"))
    for place in (0, 99, 100, 199):
        grey = photos.decode(ours.photos[place].data, "face").convert("L")
        assert list(grey.get_flattened_data()) == pytest.approx(
            (lfw_subset()[place] * 255).ravel().tolist(), abs=0.51
        )


def test_without_a_network_the_sentence_names_what_is_here(no_network, ants, torch_home):
    with pytest.raises(Problem, match="Ants and bees could not be downloaded") as told:
        list(sources.load(ants))
    said = str(told.value)
    assert "put hymenoptera_data.zip into the folder" in said
    assert str(torch_home / "datasets") in said
    assert said.endswith("here already: Handwritten digits, Faces and no faces.")
    assert cached(torch_home) == []


def test_a_cache_that_was_filled_by_hand_needs_no_network(no_network, test_data, torch_home):
    (torch_home / "datasets").mkdir(parents=True)
    for name in ("ants-bees", "pets"):
        for file, content in archives(name, test_data).items():
            (torch_home / "datasets" / file).write_bytes(content)
    assert sources.is_here(sources.source("ants-bees"))
    assert finish(sources.load(sources.source("ants-bees"))).classes == ("ants", "bees")
    assert finish(sources.load(sources.source("pets-cat-dog"))).classes == ("Cat", "Dog")


def test_reading_what_is_not_here_says_so(ants):
    with pytest.raises(Problem, match="Ants and bees are not on this computer"):
        sources.read(ants)


# Downloads that are left, cut off or damaged


def test_a_download_that_was_left_goes_on_where_it_was(mirror, ants, torch_home):
    leave_midway(ants)
    assert not sources.is_here(ants)
    kept = (torch_home / "datasets" / "hymenoptera_data.zip.part").stat().st_size
    assert kept > 1_000_000
    list(sources.download(ants))
    assert mirror.ranges == [None, f"bytes={kept}-"]
    assert len(sources.read(ants).photos) == len(ANTS_AND_BEES)
    assert cached(torch_home) == ["hymenoptera_data.zip"]


def test_an_archive_that_has_changed_meanwhile_is_fetched_anew(mirror, ants):
    leave_midway(ants)
    other = {name: content[::-1] for name, content in ANTS_AND_BEES.items()}
    mirror.files, mirror.etag = {"hymenoptera_data.zip": zipped(other)}, '"two"'
    found = finish(sources.load(ants))
    assert {photo.data for photo in found.photos} == set(other.values())


def test_a_download_that_is_cut_off_is_told_and_goes_on(mirror, ants):
    mirror.sent = 1_500_000
    with pytest.raises(Problem, match="cut off"):
        list(sources.download(ants))
    mirror.sent = 10**9
    list(sources.download(ants))
    assert mirror.ranges == [None, "bytes=1500000-"]


def test_a_download_left_while_it_is_checked_is_not_fetched_again(mirror, ants, monkeypatch):
    monkeypatch.setattr(sources, "_SECONDS_PER_STEP", 0)
    steps = sources.download(ants)
    while next(steps).phase != "checking the files":
        pass
    steps.close()
    assert not sources.is_here(ants)
    list(sources.download(ants))
    assert sources.is_here(ants)
    assert len(mirror.asked_for) == 1


def test_pets_left_while_they_are_unpacked_are_not_fetched_again(mirror, torch_home, monkeypatch):
    monkeypatch.setattr(sources, "_SECONDS_PER_STEP", 0)
    mirror.files = pets(lambda species, i: noise(i, 1000))
    source = sources.source("pets")
    steps = sources.download(source)
    while next(steps).phase != "unpacking the photos":
        pass
    steps.close()
    assert cached(torch_home) == ["annotations.tar.gz", "images.tar.gz"]
    list(sources.download(source))
    assert sources.is_here(source)
    assert len(mirror.asked_for) == 2


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"<html>Please log in</html>", id="login page"),
        pytest.param(flipped(zipped(ANTS_AND_BEES), 1_000_000), id="a wrong byte"),
        pytest.param(zipped(ANTS_AND_BEES)[:-100], id="without its end"),
        pytest.param(zipped({"cats/1.jpg": noise(1)}), id="one class"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_damaged_zip_is_refused_and_leaves_no_trace(mirror, ants, torch_home, content):
    mirror.files = {"hymenoptera_data.zip": content}
    with pytest.raises(Problem, match=r"is damaged or something else, and was deleted\. Try again"):
        list(sources.download(ants))
    assert cached(torch_home) == []
    mirror.files = {"hymenoptera_data.zip": zipped(ANTS_AND_BEES)}
    list(sources.download(ants))
    assert sources.is_here(ants)


def with_lists(changed: bytes):
    def damage(files: dict[str, bytes]) -> None:
        files["annotations.tar.gz"] = tarred(
            {f"annotations/{part}.txt": changed for part in ("trainval", "test")}
        )

    return damage


def with_archive(change):
    def damage(files: dict[str, bytes]) -> None:
        files["images.tar.gz"] = change(files["images.tar.gz"])

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(with_archive(lambda archive: b"<html>"), id="login page"),
        pytest.param(with_archive(lambda archive: archive[:-3000]), id="without its end"),
        pytest.param(with_archive(lambda archive: flipped(archive, 5000)), id="a wrong byte"),
        pytest.param(with_archive(lambda archive: flipped(archive, -8)), id="a wrong checksum"),
        pytest.param(with_lists(b"unicorn_1 1 1 1\n"), id="lists a photo that is not there"),
        pytest.param(with_lists(b"../../secret_1 1 1 1\n"), id="lists a photo elsewhere"),
        pytest.param(with_lists(b"Abyssinian_1 99 1 1\n"), id="a class that there is not"),
        pytest.param(with_lists(b"hello"), id="no lists"),
        pytest.param(
            lambda files: files.update({"annotations.tar.gz": tarred({})}), id="lists are missing"
        ),
    ],
)
def test_damaged_pets_are_refused_and_leave_no_trace(mirror, torch_home, damage):
    torch_home.mkdir()
    (torch_home / "secret_1.jpg").write_bytes(b"not a pet")
    mirror.files = pets(lambda species, i: noise(i, 1000))
    damage(mirror.files)
    with pytest.raises(Problem, match="is damaged or something else, and was deleted"):
        list(sources.download(sources.source("pets")))
    assert cached(torch_home) == []


def test_nothing_in_a_tar_is_written_outside_its_folder(mirror, torch_home, tmp_path):
    mirror.files = pets(lambda species, i: noise(i, 1000))
    with tarfile.open(fileobj=io.BytesIO(mirror.files["images.tar.gz"])) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}
    before = {
        "../images/up_1.jpg": b"x",
        f"{tmp_path}/images/absolute_1.jpg": b"x",
        "images/../../up_2.jpg": b"x",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo("images/link_1.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "elsewhere.jpg")
        archive.addfile(link)
        behind = tarfile.TarInfo("images/link_1.jpg")
        behind.size = 1
        archive.addfile(behind, io.BytesIO(b"x"))
        for name, content in (before | files).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    mirror.files["images.tar.gz"] = buffer.getvalue()
    list(sources.download(sources.source("pets")))
    assert [path.name for path in tmp_path.iterdir()] == [torch_home.name]
    written = {Path(file).name for file in cached(torch_home)}
    assert not {"up_1.jpg", "up_2.jpg", "absolute_1.jpg"} & written
    assert not any(path.is_symlink() for path in torch_home.rglob("*"))


def test_a_damaged_file_in_the_cache_is_named(no_network, ants, torch_home):
    (torch_home / "datasets").mkdir(parents=True)
    sources.path(ants).write_bytes(b"PK\x03\x04")
    with pytest.raises(Problem, match=r"hymenoptera_data\.zip is damaged or holds other data"):
        finish(sources.load(ants))


def test_a_cache_that_cannot_be_written_is_answered_with_a_sentence(mirror, ants, torch_home):
    torch_home.write_text("a file where a folder should be")
    with pytest.raises(Problem, match="could not be downloaded"):
        list(sources.download(ants))


# Several at once


def test_two_who_want_the_same_share_one_download(mirror, ants):
    # Jobs take turns on the compute threads, so two downloads interleave like this.
    one, other = sources.download(ants), sources.download(ants)
    next(one)
    next(other)
    assert list(one)[-1].result == sources.path(ants)
    assert list(other)[-1].result == sources.path(ants)
    assert len(mirror.asked_for) == 1


def test_threads_that_want_the_same_share_one_download(mirror, ants):
    results: list[Path] = []
    threads = [
        threading.Thread(target=lambda: results.append(finish(sources.download(ants))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [sources.path(ants)] * 8
    assert len(mirror.asked_for) == 1


def test_the_breeds_and_the_species_share_one_download(mirror):
    mirror.files = pets(lambda species, i: noise(i, 100_000))
    one = sources.download(sources.source("pets"))
    other = sources.download(sources.source("pets-cat-dog"))
    next(one)
    next(other)
    list(one)
    list(other)
    assert len(mirror.asked_for) == 2


def test_who_leaves_does_not_end_the_download_of_others(mirror, ants):
    one, other = sources.download(ants), sources.download(ants)
    next(one)
    next(other)
    one.close()
    list(other)
    assert sources.is_here(ants)
    assert len(mirror.asked_for) == 1


def test_a_failure_is_told_to_all_who_share_it(mirror, ants):
    mirror.sent = 2_500_000
    one, other = sources.download(ants), sources.download(ants)
    next(one)
    next(other)
    for download in (one, other):
        with pytest.raises(Problem, match="cut off"):
            list(download)
    mirror.sent = 10**9
    list(sources.download(ants))
    assert sources.is_here(ants)


def test_another_program_that_downloads_is_not_disturbed(mirror, ants, torch_home):
    (torch_home / "datasets").mkdir(parents=True)
    lock = torch_home / "datasets" / "hymenoptera_data.zip.lock"
    holding = (
        "import sys; from pathlib import Path; from core.downloads.shared import no_other_program\n"
        "with no_other_program(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(lock)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Problem, match="Another program on this computer is downloading Ants"):
            list(sources.download(ants))
        assert mirror.asked_for == []
        other.kill()  # a lock goes with the program that held it
    list(sources.download(ants))
    assert sources.is_here(ants)


def test_a_lock_is_held_by_one_and_given_back(tmp_path):
    lock = no_other_program(tmp_path / "lock")
    with lock, pytest.raises(Timeout), no_other_program(tmp_path / "lock"):
        pass
    with no_other_program(tmp_path / "lock"):
        pass
