"""Photos of many phones: counted once, bounded, without metadata, and gone when they are taken back."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from core.classroom import collection as collecting
from core.classroom.collection import MOST_BYTES, Collection
from core.classroom.room import Room
from core.data import datasets
from core.problem import Problem
from core.zoo import catalogue


def picture(seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A blurred picture of random colours: as different from others as photos are."""
    colours = np.random.default_rng(seed).integers(0, 255, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize(size, Image.Resampling.BILINEAR)


def jpeg(seed: int, quality: int = 90, **more) -> bytes:
    buffer = io.BytesIO()
    picture(seed).save(buffer, "JPEG", quality=quality, **more)
    return buffer.getvalue()


@pytest.fixture
def collection() -> Collection:
    return Collection(["cup", "pen"])


@pytest.mark.parametrize(
    "names", [[], ["cup"], ["cup", " cup "], ["cup", "\u202e"], list("abcdefghijk")]
)
def test_classes_are_two_to_ten_with_different_names(names):
    with pytest.raises(Problem):
        Collection(names)


def test_a_name_is_one_short_line(collection):
    long = "a" * 100
    assert Collection(["  cup \n of\ttea ", long]).classes == ("cup of tea", "a" * 40)


def test_a_photo_that_is_sent_again_is_not_counted_again(collection):
    for _ in range(3):
        collection.add("ana", "1", 0, jpeg(1))
    assert collection.counts() == (1, 0)


def test_the_same_ids_of_two_phones_are_two_photos(collection):
    collection.add("ana", "1", 0, jpeg(1))
    collection.add("ben", "1", 1, jpeg(2))
    assert collection.counts() == collection.phones() == (1, 1)


def test_the_very_photo_of_another_phone_is_refused_and_the_first_one_stays(collection):
    collection.add("ana", "1", 0, jpeg(1))
    with pytest.raises(Problem, match="not counted twice"):
        collection.add("ben", "2", 1, jpeg(1))
    assert [sent.member for sent in collection.photos()] == ["ana"]


@pytest.mark.parametrize("label", [-1, 2])
def test_a_photo_of_no_class_is_refused(collection, label):
    with pytest.raises(Problem, match="no such class"):
        collection.add("ana", "1", label, jpeg(1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!doctype html><script>alert(1)</script>",
        b"\x00\x00\x00\x18ftypheic" + bytes(200),
        b"\x00\x00\x00\x18ftypmp42" + bytes(200),
        jpeg(1)[:100],
        b"a" * (MOST_BYTES + 1),
    ],
    ids=["empty", "html", "heic", "video", "cut off", "too large"],
)
def test_what_is_no_photo_is_refused_with_a_sentence(collection, data):
    with pytest.raises(Problem):
        collection.add("ana", "1", 0, data)
    assert collection.photos() == ()


def test_of_a_photo_its_pixels_are_kept_the_right_way_up_and_nothing_else(collection):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    data = jpeg(1, exif=exif, comment=b"at home")
    assert b"SecretCamera" in data
    collection.add("ana", "1", 0, data)
    (sent,) = collection.photos()
    for kept in (sent.jpeg, sent.thumbnail):
        opened = Image.open(io.BytesIO(kept))
        assert not opened.getexif()
        assert "comment" not in opened.info
        assert b"SecretCamera" not in kept
    assert Image.open(io.BytesIO(sent.jpeg)).size == (48, 64)


def test_a_large_photo_is_kept_small(collection):
    buffer = io.BytesIO()
    picture(1, (640, 320)).save(buffer, "JPEG")
    collection.add("ana", "1", 0, buffer.getvalue())
    (sent,) = collection.photos()
    assert Image.open(io.BytesIO(sent.jpeg)).size == (collecting.SIDE, collecting.SIDE // 2)
    assert len(sent.thumbnail) < len(sent.jpeg)


def test_nobody_sends_more_than_the_limit_until_one_is_taken_back(collection, monkeypatch):
    monkeypatch.setattr(collecting, "MOST_OF_MEMBER", 2)
    collection.add("ana", "1", 0, jpeg(1))
    collection.add("ana", "2", 0, jpeg(2))
    with pytest.raises(Problem, match="Take one back"):
        collection.add("ana", "3", 0, jpeg(3))
    collection.add("ben", "3", 0, jpeg(3))
    collection.remove(collection.of("ana")[:1])
    collection.add("ana", "4", 0, jpeg(4))
    assert [sent.id for sent in collection.of("ana")] == ["2", "4"]


def test_a_full_room_says_so_and_keeps_what_it_has(collection, monkeypatch):
    monkeypatch.setattr(collecting, "MOST_PHOTOS", 2)
    for number in range(2):
        collection.add(f"phone {number}", "1", 0, jpeg(number))
    with pytest.raises(Problem, match="full"):
        collection.add("late", "1", 0, jpeg(9))
    assert collection.counts() == (2, 0)


def test_what_was_removed_stays_out_even_if_it_is_sent_again(collection):
    collection.add("ana", "1", 0, jpeg(1))
    collection.remove(collection.photos())
    collection.add("ana", "1", 0, jpeg(1))
    assert collection.photos() == ()


def test_who_leaves_takes_along_what_is_still_on_its_way(collection):
    room = Room("ABCD")
    token, member = room.join("Ana")
    room.begin(collection)
    collection.add(member.id, "1", 0, jpeg(1))
    room.leave(token)
    with pytest.raises(Problem, match="left the room"):
        collection.add(member.id, "2", 0, jpeg(2))
    assert collection.photos() == ()


def test_photos_of_one_phone_stay_on_one_side_of_the_split(collection):
    for number in range(24):
        collection.add(f"member {number % 6}", str(number), number // 6 % 2, jpeg(number))
    dataset = datasets.from_files(collection.files())
    parts = datasets.split(dataset, per_class=None, validation_per_class=None, seed=0)
    learned, validated = (
        {photo.group for photo in part} for part in (parts.train, parts.validation)
    )
    assert learned | validated == {f"phone {number}" for number in range(1, 7)}
    assert not learned & validated
    assert {photo.label for photo in parts.validation} == {0, 1}


def test_what_is_learned_from_does_not_tell_who_sent_it(collection):
    collection.add("secret id", "secret photo id", 0, jpeg(1))
    ((name, _, group),) = collection.files()["cup"]
    assert (name, group) == ("photo-1.jpg", "phone 1")


def test_photos_that_look_nearly_the_same_are_found(collection):
    collection.add("ana", "1", 0, jpeg(1))
    collection.add("ana", "2", 0, jpeg(2))
    collection.add("ben", "3", 1, jpeg(1, quality=60))
    assert [[sent.id for sent in group] for group in collection.alike()] == [["1", "3"]]


def test_each_photo_is_in_one_group_at_most(collection):
    for number in range(40):
        collection.add("ana", str(number), 0, jpeg(number % 20, quality=70 + number // 20))
    groups = collection.alike()
    assert all(len(group) == 2 for group in groups)
    assert len({sent.id for group in groups for sent in group}) == 40


def test_discarded_photos_are_gone_and_the_phones_wait(collection):
    room = Room("ABCD")
    room.begin(collection)
    room.discard_collection()
    assert (room.task, room.collection) == (None, None)


def test_what_was_made_of_the_photos_is_forgotten_when_the_room_is_cleared_or_ends(tiny):
    room, forgotten = Room("ABCD"), []
    room.give(tiny)
    room.when_cleared(lambda: forgotten.append("first"))
    assert forgotten == []
    room.clear()
    assert room.network is None
    room.when_cleared(lambda: forgotten.append("second"))
    assert forgotten == ["first"]
    room.close()
    room.close()
    room.when_cleared(lambda: forgotten.append("late"))
    assert forgotten == ["first", "second", "late"]


def test_a_network_is_given_to_an_open_room_only(tiny):
    room = Room("ABCD")
    room.give(tiny)
    assert room.network is not None
    assert room.network.name == catalogue.ROOM
    assert room.network.head is tiny.head
    room.close()
    assert room.network is None
    with pytest.raises(Problem):
        room.give(tiny)
