"""What classes really bring: zips and folders of every packer, camera, NAS and data set."""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import unicodedata
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import __main__ as command_line
from core.data import album, photo_files
from core.data.datasets import (
    Dataset,
    Photo,
    from_files,
    from_folder,
    from_zip,
    reading,
    split,
    takes,
)
from core.data.overview import survey
from core.images import photos
from core.problem import Problem
from core.steps import finish
from core.training.embeddings import EmbeddingCache
from core.training.loop import train
from core.training.settings import Settings

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
FILM = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(100)


def png(seed: int = 0) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (8, 8, 3))
    return photos.encode_png(noise.astype(np.uint8))


PHOTO = png()


def as_format(name: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(buffer, name)
    return buffer.getvalue()


def zipped(*names: str | tuple[str, bytes]) -> bytes:
    """A zip of files; those given by their names only are photos."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            if isinstance(name, str):
                archive.writestr(name, b"" if name.endswith("/") else PHOTO)
            else:
                archive.writestr(*name)
    return buffer.getvalue()


class Bare(zipfile.ZipInfo):
    """An entry whose name is written as bytes of any encoding, and no flag says which."""

    def __init__(self, name: bytes, extra: bytes = b"") -> None:
        super().__init__(name.hex())
        self.bytes = name
        self.extra = extra

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's name
        return self.bytes, 0


def packed(*names: bytes, extra: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(Bare(name, extra), PHOTO)
    return buffer.getvalue()


def unpacked(folder: Path, *names: str | tuple[str, bytes]) -> Path:
    """The same files in a folder."""
    for name in names:
        file, content = (name, PHOTO) if isinstance(name, str) else name
        path = folder / file
        if file.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return folder


def count(dataset: Dataset) -> dict[str, tuple[int, int]]:
    """By class, how many photos are to learn from (or undivided), and how many for validation."""
    found = Counter((photo.label, bool(photo.is_validation)) for photo in dataset.photos)
    return {name: (found[i, False], found[i, True]) for i, name in enumerate(dataset.classes)}


def reasons(dataset: Dataset) -> dict[str, str]:
    return {skipped.file: str(skipped.reason) for skipped in dataset.left_out}


# Names


WORDS = {
    "utf-8": ("cão", "gato", "maçã", "coração", "Ônibus", "猫", "кошка"),
    "cp850": ("cão", "gato", "maçã", "avião", "pássaros", "Ônibus", "vovô", "lingüiça", "Ñandú"),
    "cp437": ("café", "gato", "Bären", "niño"),
    "cp1252": ("cão", "gato", "maçãs", "coração", "pássaro"),
    "cp932": ("猫", "犬", "ねこ", "イヌ"),
    "gbk": ("猫咪", "小狗"),
    "cp866": ("кошка", "собака"),
}


@pytest.mark.parametrize("encoding", WORDS)
def test_names_in_a_zip_are_as_people_typed_them(encoding):
    raw = [f"fotos/{word}/{i}.jpg".encode(encoding) for word in WORDS[encoding] for i in (1, 2)]
    assert from_zip(packed(*raw)).classes == tuple(sorted(WORDS[encoding]))


@pytest.mark.parametrize("word", ["cão", "maçã", "pé", "avô", "irmã", "três"])
def test_a_single_name_from_windows_is_told(word):
    assert word in from_zip(packed(f"{word}/1.jpg".encode("cp850"), b"dog/1.jpg")).classes


def test_a_zip_of_a_mac_has_composed_names_without_the_flag_that_would_say_so():
    mac = [
        unicodedata.normalize("NFD", f"animais/{name}").encode()
        for name in ("cão/á1.jpg", "cão/2.jpg", "gato/1.jpg", "__MACOSX/cão/._á1.jpg")
    ]
    dataset = from_zip(packed(*mac))
    assert dataset.classes == ("cão", "gato")
    assert dataset.photos[0].name == "animais/cão/á1.jpg"


def test_the_unicode_name_in_an_extra_field_counts_if_it_is_of_this_name():
    def named(crc: int) -> bytes:
        content = struct.pack("<BI", 1, crc) + "キツネ/1.jpg".encode()
        extra = struct.pack("<HH", 0x7075, len(content)) + content
        return packed(b"?/1.jpg", extra=extra)

    def classes(archive: bytes) -> set[str]:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            return {file.name for file in photo_files.in_zip(opened).photos}

    assert classes(named(zlib.crc32(b"?/1.jpg"))) == {"キツネ/1.jpg"}
    assert classes(named(7)) == {"?/1.jpg"}


@pytest.mark.parametrize("other", ["Cat", "cat ", " CAT", "cat\u200a"])
def test_spellings_of_one_class_are_one_class(tmp_path, other):
    names = ("train/cat/1.jpg", "train/cat/2.jpg", f"val/{other}/3.jpg", "train/dog/4.jpg")
    for dataset in (from_zip(zipped(*names)), from_folder(unpacked(tmp_path, *names))):
        assert count(dataset) == {"cat": (2, 1), "dog": (1, 0)}


def test_composed_and_decomposed_spellings_are_one_class(tmp_path):
    names = ("cão/1.jpg", unicodedata.normalize("NFD", "cão/2.jpg"), "gato/1.jpg")
    for dataset in (from_zip(zipped(*names)), from_folder(unpacked(tmp_path, *names))):
        assert count(dataset) == {"cão": (2, 0), "gato": (1, 0)}
    by_hand = from_files(
        {
            "cão": [("1", PHOTO)],
            unicodedata.normalize("NFD", "Cão"): [("2", PHOTO)],
            "b": [("3", PHOTO)],
        }
    )
    assert len(by_hand.classes) == 2


# Layouts

LAYOUTS: dict[str, tuple[list[str], dict[str, tuple[int, int]], int]] = {
    "classes": (["cat/1.jpg", "dog/1.jpg"], {"cat": (1, 0), "dog": (1, 0)}, 0),
    "wrappers": (["a/b/cat/1.jpg", "a/b/dog/1.jpg", "a/x.jpg"], {"cat": (1, 0), "dog": (1, 0)}, 1),
    "folders in a class": (
        ["cat/1.jpg", "cat/in/2.jpg", "cat/in/deep/3.jpg", "dog/out/1.jpg", "dog/out/test/2.jpg"],
        {"cat": (3, 0), "dog": (2, 0)},
        0,
    ),
    "both": (
        ["t/train/cat/a/1.jpg", "t/train/dog/1.jpg", "t/val/cat/2.jpg", "t/val/dog/2.jpg"],
        {"cat": (1, 1), "dog": (1, 1)},
        0,
    ),
    "a flat test beside": (
        [f"{p}/{c}/1.jpg" for p in ("train", "validation") for c in ("cat", "dog")]
        + ["test/1.jpg", "test/2.jpg"],
        {"cat": (1, 1), "dog": (1, 1)},
        2,
    ),
    "Kaggle's cats and dogs": (
        [f"train/{c}.{i}.jpg" for c in ("cat", "dog") for i in range(3)]
        + [f"test1/{i}.jpg" for i in range(4)],
        {"cat": (3, 0), "dog": (3, 0)},
        4,
    ),
    "Kaggle's, unpacked twice": (
        [f"dogs-vs-cats/train/train/{c}.{i}.jpg" for c in ("cat", "dog") for i in range(3)]
        + [f"dogs-vs-cats/test1/test1/{i}.jpg" for i in range(4)],
        {"cat": (3, 0), "dog": (3, 0)},
        4,
    ),
    "a course's training_set": (
        [
            f"dataset/{p}/{p}/{c}/{c}.{i}.jpg"
            for p, n in (("training_set", 3), ("test_set", 2))
            for c in ("cats", "dogs")
            for i in range(n)
        ]
        + ["dataset/single_prediction/cat_or_dog_1.jpg"],
        {"cats": (3, 2), "dogs": (3, 2)},
        1,
    ),
    "Intel's scenes": (
        [f"seg_{p}/seg_{p}/{c}/1.jpg" for p in ("train", "test") for c in ("sea", "forest")]
        + ["seg_pred/seg_pred/1.jpg"],
        {"forest": (1, 1), "sea": (1, 1)},
        1,
    ),
    "fruits": (
        [f"f/{p}/{c}/1.jpg" for p in ("Training", "Test") for c in ("Apple", "Kiwi")]
        + ["f/test-multiple_fruits/1.jpg"],
        {"Apple": (1, 1), "Kiwi": (1, 1)},
        1,
    ),
    "Portuguese": (
        [f"{p}/{c}/1.jpg" for p in ("Treinamento", "Validação", "Teste") for c in ("cão", "gato")],
        {"cão": (1, 2), "gato": (1, 2)},
        0,
    ),
    "the nearest decides": (
        [f"my_test/test/train/{c}/1.jpg" for c in ("cat", "dog")]
        + [f"my_test/test/val/{c}/2.jpg" for c in ("cat", "dog")],
        {"cat": (1, 1), "dog": (1, 1)},
        0,
    ),
    "divided inside the classes": (
        [f"{c}/{p}/1.jpg" for c in ("cat", "dog") for p in ("train", "test")],
        {"cat": (1, 1), "dog": (1, 1)},
        0,
    ),
    "a class called train": (
        ["train/1.jpg", "bus/1.jpg", "car/1.jpg"],
        {"bus": (1, 0), "car": (1, 0), "train": (1, 0)},
        0,
    ),
    "a class called train, with folders": (
        ["v/train/steam/1.jpg", "v/train/fast/1.jpg", "v/bus/1.jpg"],
        {"bus": (1, 0), "train": (2, 0)},
        0,
    ),
    "a divided class called train": (
        [f"{p}/{c}/1.jpg" for p in ("train", "val") for c in ("train", "bus")],
        {"bus": (1, 1), "train": (1, 1)},
        0,
    ),
    "classes with words of parts": (
        ["train station/a/1.jpg", "test tube/a/1.jpg"],
        {"test tube": (1, 0), "train station": (1, 0)},
        0,
    ),
    "as Windows renames": (
        ["cat (1).jpg", "cat (2).jpg", "dog (1).jpg", "dog (2).jpg"],
        {"cat": (2, 0), "dog": (2, 0)},
        0,
    ),
    "named photos beside classes": (
        ["train/cats/1.jpg", "train/dogs/1.jpg"]
        + [f"test/{c}.{i}.jpg" for c in "ab" for i in (1, 2)],
        {"cats": (1, 0), "dogs": (1, 0)},
        4,
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_classes_and_divisions_are_told_from_folders(tmp_path, layout):
    names, expected, unlabelled = LAYOUTS[layout]
    for dataset in (from_zip(zipped(*names)), from_folder(unpacked(tmp_path / "x", *names))):
        assert count(dataset) == expected
        assert dataset.unlabelled == unlabelled
        assert bool(unlabelled) == bool(dataset.left_out)


@pytest.mark.parametrize(
    "part",
    [
        "training",
        "training_set",
        "TrainSet",
        "train-data",
        "Treino",
        "TREINAMENTO",
        "train2017",
        "train_images",
    ],
)
@pytest.mark.parametrize(
    "other", ["valid", "Val-Set", "validacao", "testing", "test_set", "dev", "eval", "Teste"]
)
def test_parts_are_called_in_many_ways(part, other):
    names = [f"{p}/{c}/1.jpg" for p in (part, other) for c in ("cat", "dog")]
    assert count(from_zip(zipped(*names))) == {"cat": (1, 1), "dog": (1, 1)}


@pytest.mark.parametrize(
    "names",
    [
        ["train/1.jpg", "test/1.jpg"],
        ["IMG_1.jpg", "IMG_2.jpg", "DSC_1.jpg", "DSC_2.jpg"],
        ["cat.1.jpg", "cat.2.jpg"],
        ["all/cat.1.jpg", "all/cat.2.jpg", "all/holiday.jpg", "all/dog.1.jpg"],
    ],
    ids=str,
)
def test_where_no_class_can_be_told_the_sentence_says_the_layout(names):
    with pytest.raises(Problem, match=r"photos of each class into a folder of its own"):
        from_zip(zipped(*names))


# What is a photo


def test_photos_are_told_by_their_content_and_the_rest_is_listed(tmp_path):
    files = (
        *(("cat/a.jfif", as_format("JPEG")), ("cat/b.JPE", as_format("JPEG"))),
        *(("cat/c.avif", as_format("AVIF")), ("cat/no extension", as_format("PNG"))),
        *(("dog/a.heic", HEIC), ("dog/b.png", PHOTO), ("dog/film.mp4", FILM)),
        *(("labels.csv", b"a,b"), ("dog/Thumbs.db", b"x"), "empty/"),
    )
    for dataset in (from_zip(zipped(*files)), from_folder(unpacked(tmp_path, *files))):
        assert count(dataset) == {"cat": (4, 0), "dog": (2, 0)}
        told = reasons(dataset)
        assert set(told) == {"dog/film.mp4", "labels.csv", "empty"}
        assert "film" in told["dog/film.mp4"]
        seen = finish(survey(dataset))
        assert seen.counts == (4, 1)
        assert {skipped.file for skipped in seen.unreadable} == {*told, "dog/a.heic"}


def test_what_no_person_put_there_is_no_class_and_no_photo(tmp_path):
    junk = (
        *("@eaDir/cat/SYNOPHOTO_THUMB_M.jpg", "cat/@eaDir/1.jpg/SYNOPHOTO_THUMB_XL.jpg"),
        *(
            "#recycle/1.jpg",
            "$RECYCLE.BIN/1.jpg",
            ".thumbnails/1.jpg",
            "cat/.ipynb_checkpoints/1.jpg",
        ),
        *("__MACOSX/cat/1.jpg", ("Thumbs.db", b"x"), ("cat/desktop.ini", b"x"), "lost+found/1.jpg"),
        *(("_DS_Store", b"x"), ("cat/.DS_Store", b"x"), ".@__thumb/1.jpg", "@Recycle/1.jpg"),
    )
    names = ("cat/1.jpg", "dog/1.jpg")
    for dataset in (
        from_zip(zipped(*names, *junk)),
        from_folder(unpacked(tmp_path, *names, *junk)),
    ):
        assert count(dataset) == {"cat": (1, 0), "dog": (1, 0)}
        assert not dataset.left_out


def test_only_what_will_be_read_is_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(photos, "MAX_BYTES", 1000)
    monkeypatch.setattr("core.data.datasets.MAX_EXPANDED_BYTES", 2000)
    large = [("cat/film.mov", FILM + bytes(5000)), ("dog/large.png", PHOTO + bytes(2000))]
    files = ("cat/1.png", "dog/1.png", *large)
    for dataset in (from_zip(zipped(*files)), from_folder(unpacked(tmp_path, *files))):
        assert count(dataset) == {"cat": (1, 0), "dog": (1, 0)}
        assert "at most" in reasons(dataset)["dog/large.png"]


@pytest.mark.parametrize("layout", ["{}/{}.heic", "train/{}/{}.HEIC", "{}/{}.jpg"])
def test_a_zip_of_heic_says_so_and_what_to_do(tiny, layout):
    archive = zipped(
        *(
            (layout.format(c, i), HEIC + f"{c}{i}".encode())
            for c in ("cat", "dog")
            for i in range(3)
        )
    )
    dataset = from_zip(archive)
    assert len(finish(survey(dataset)).unreadable) == 6
    with pytest.raises(Problem, match="HEIC") as told:
        for _ in train(tiny, dataset, Settings(), EmbeddingCache()):
            pass
    assert "cat" in str(told.value)


def test_a_zip_without_photos_says_what_it_holds():
    with pytest.raises(Problem, match=r"found: 0\..*film"):
        from_zip(zipped(("cat/1.mp4", FILM), ("dog/1.mp4", FILM)))


# Folders as they are


def test_links_are_followed_and_rings_are_not(tmp_path):
    store = unpacked(tmp_path / "store", "tabby/1.jpg", "tabby/2.jpg", "pug/1.jpg")
    wanted = tmp_path / "set"
    wanted.mkdir()
    (wanted / "cat").symlink_to(store / "tabby")
    (wanted / "dog").symlink_to("../store/pug")
    (store / "tabby" / "back").symlink_to(wanted)
    (store / "pug" / "self").symlink_to(".")
    (store / "pug" / "linked.jpg").symlink_to("1.jpg")
    (store / "pug" / "gone.jpg").symlink_to("nowhere.jpg")
    dataset = from_folder(wanted)
    assert [photo.name for photo in dataset.photos if photo.label == 1] == [
        "dog/1.jpg",
        "dog/linked.jpg",
    ]
    assert dataset.classes == ("cat", "dog")
    assert "dog/gone.jpg" in reasons(dataset)


def test_a_pipe_is_left_out(tmp_path):
    folder = unpacked(tmp_path, "cat/1.jpg", "dog/1.jpg")
    os.mkfifo(folder / "cat" / "pipe.jpg")
    assert reasons(from_folder(folder)) == {"cat/pipe.jpg": "cat/pipe.jpg is no ordinary file."}


def test_what_vanishes_or_may_not_be_read_is_left_out(tmp_path, monkeypatch):
    folder = unpacked(tmp_path, *(f"{c}/{i}.jpg" for c in ("cat", "dog") for i in range(3)))
    listing = photo_files.in_folder(folder)
    (folder / "cat" / "1.jpg").unlink()
    (folder / "dog" / "1.jpg").unlink()
    (folder / "dog" / "1.jpg").mkdir()  # which cannot be opened either
    dataset = finish(reading(listing.photos))
    assert count(dataset) == {"cat": (2, 0), "dog": (2, 0)}
    assert set(reasons(dataset)) == {"cat/1.jpg", "dog/1.jpg"}


def test_a_folder_that_may_not_be_listed_is_left_out(tmp_path, monkeypatch):
    folder = unpacked(tmp_path, "cat/1.jpg", "dog/1.jpg", "shut/1.jpg")
    listed = Path.iterdir

    def refuse(path: Path):
        if path.name == "shut":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert "Permission denied" in reasons(from_folder(folder))["shut"]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses such names")
def test_names_that_are_not_utf_8_are_repaired_before_anything_is_learned(tmp_path, capsysbinary):
    folder = tmp_path / os.fsdecode("fotos_\xe3".encode("latin-1"))
    for name in ("cão", "gato"):
        of_class = folder / os.fsdecode(name.encode("cp850"))
        unpacked(of_class, *((f"{i}.png", png(i + len(name))) for i in range(3)))
    assert from_folder(folder).classes == ("cão", "gato")
    zip_file = tmp_path / "own.zip"
    command = ["train", str(folder), "--export", str(zip_file), "--epochs", "1", "--json"]
    assert command_line.main(command) == 0
    assert json.loads(capsysbinary.readouterr().out)["classes"] == ["cão", "gato"]
    with zipfile.ZipFile(zip_file) as opened:
        assert opened.read("labels.txt").decode() == "cão\ngato\n"


def test_the_command_line_tells_what_was_left_out(tmp_path, capsys):
    names = [f"{p}/{c}/{i}.png" for p in ("treino", "teste") for c in ("a", "b") for i in range(2)]
    folder = unpacked(tmp_path, *names, "extra/1.jpg", ("film.mp4", FILM))
    assert command_line.main(["data", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["parts"] == {"train": 4, "validate": 4}
    assert told["unlabelled"] == 1
    assert {one["file"] for one in told["unreadable"]} == {"extra", "film.mp4"}


def test_photos_to_measure_on_are_found_in_the_same_way(tiny, tmp_path):
    folder = unpacked(
        tmp_path,
        *(("class 1/a.jfif", as_format("JPEG")), "class 2/@eaDir/a.jpg/thumb.jpg"),
        *("class 2/b.png", ("class 2/c.heic", HEIC), ("class 2/d.mp4", FILM)),
    )
    (folder / "class 3").symlink_to(folder / "class 1")
    found = album.read(tiny, album.in_folder(folder))
    assert found.classes == (1, 2, 3)
    assert {name for name, _ in found.skipped} == {"class 2/c.heic", "class 2/d.mp4"}


# Photos that belong together


def burst(label: int, group: str, length: int) -> list[Photo]:
    return [
        Photo(f"{group} {i}", label, f"{label} {group} {i}".encode(), group=group)
        for i in range(length)
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("per_class", "most"), [(None, None), (60, 30), (3, None)])
def test_takes_are_never_on_both_sides(seed, per_class, most):
    rows = [p for label in (0, 1) for take in range(5) for p in burst(label, f"{label}-{take}", 20)]
    dataset = Dataset(("a", "b"), tuple(rows))
    parts = split(dataset, per_class=per_class, validation_per_class=most, seed=seed)
    learned, examined = ({p.group for p in part} for part in (parts.train, parts.validation))
    assert not learned & examined
    for label in (0, 1):
        assert sum(p.label == label for p in parts.validation) == min(40, most or 40)
        learn = sum(p.label == label for p in parts.train)
        assert learn == min(60, per_class or 60)


@pytest.mark.parametrize("seed", range(5))
def test_photos_of_a_person_in_several_classes_stay_together(seed):
    rows = [p for label in (0, 1, 2) for s in range(8) for p in burst(label, f"student {s}", 4)]
    dataset = Dataset(("a", "b", "c"), tuple(rows))
    parts = split(dataset, per_class=None, validation_per_class=None, seed=seed)
    examined = {p.group for p in parts.validation}
    assert len(examined) == 3
    assert not {p.group for p in parts.train} & examined


def test_a_single_take_is_cut_in_time_and_a_long_one_is_learned_from():
    photos_ = (*burst(0, "only", 50), *burst(1, "long", 60), *burst(1, "short", 5))
    parts = split(Dataset(("a", "b"), photos_), per_class=None, validation_per_class=None, seed=0)
    first = [p.name for p in parts.train if p.label == 0]
    assert first == [f"only {i}" for i in range(35)]
    assert [p.name for p in parts.validation if p.label == 0] == [
        f"only {i}" for i in range(35, 50)
    ]
    assert {p.group for p in parts.validation if p.label == 1} == {"short"}
    assert takes(2, photos_) == (1, 2)


def test_photos_that_stand_alone_may_be_among_takes():
    alone = [Photo(f"{i}", 0, f"{i}".encode()) for i in range(10)]
    photos_ = (*burst(0, "x", 10), *alone, *(Photo(f"b{i}", 1, f"b{i}".encode()) for i in range(9)))
    parts = split(Dataset(("a", "b"), photos_), per_class=None, validation_per_class=None, seed=3)
    assert (
        len({p.group for p in parts.train if p.label == 0} & {"x"})
        + len({p.group for p in parts.validation if p.label == 0} & {"x"})
        == 1
    )
    assert {p.label for p in parts.validation} == {0, 1}
