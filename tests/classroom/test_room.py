"""A room lets phones in by its code, knows them by their tokens, and forgets all when it closes."""

from __future__ import annotations

import gc
import secrets
import threading
from types import FrameType

import numpy as np
import pytest

from core.classroom import room as of_room
from core.classroom.collection import Collection
from core.classroom.contest import Contest, Target
from core.classroom.poll import Poll, Question
from core.classroom.room import Asking, Room, Rooms
from core.images import photos
from core.problem import N_, Problem


@pytest.fixture
def rooms(clock) -> Rooms:
    return Rooms(clock)


def jpeg(seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)
    return photos.encode_jpeg(pixels)


def refused(action, *args, **options) -> str:
    with pytest.raises(Problem) as told:
        action(*args, **options)
    return str(told.value)


def test_a_room_is_found_by_its_four_letters_however_they_are_typed(rooms):
    room = rooms.open()
    assert len(room.code) == 4
    assert set(room.code) <= set(of_room.LETTERS)
    assert not set("IO01") & set(of_room.LETTERS)
    assert rooms.find(f" {room.code.lower()} ") is room
    for code in ("", "ABC", "ßßßß", "<b>", room.code + "A"):
        assert refused(rooms.find, code).startswith("There is no room")


def test_a_phone_that_comes_back_with_its_token_is_who_it_was(rooms, clock):
    room = rooms.open()
    token, member = room.join("Ana")
    clock.now += of_room.AWAY_SECONDS + 1
    assert room.is_away(member)
    assert rooms.member(room.code, token) == (room, member)
    assert not room.is_away(member)
    assert len(room.members()) == 1
    for nobodys in ("", member.id, token[:-1], token + "x"):
        assert "Join again" in refused(room.member, nobodys)


def test_nicknames_are_plain_and_told_apart_and_nobody_can_choose_a_number(rooms):
    room = rooms.open()
    asked = ["Ana", "Ana", "Ana 2", "<b>Ana</b>", "", "#6", "x" * 99, "\ud800", "*_`[a](b)"]
    told = [room.join(nickname)[1].nickname for nickname in asked]
    assert told == [
        *("Ana", "Ana 2", "Ana 2 2", "bAnab", "#5"),
        *("6", "x" * 20, "#8", "ab"),
    ]
    assert len({member.id for member in room.members()}) == len(asked)


def test_a_locked_a_full_and_a_closed_room_let_nobody_in_and_a_locked_one_keeps_who_is_there(rooms):
    room = rooms.open()
    token, _ = room.join("Ana")
    room.lock()
    assert "locked" in refused(room.join, "Bia")
    assert room.member(token).nickname == "Ana"
    room.lock(wanted=False)
    for number in range(of_room.MOST_MEMBERS - 1):
        room.join(str(number))
    assert "full" in refused(room.join, "one more")
    rooms.close(room)
    assert "no room" in refused(room.join, "Bia")
    assert "no room" in refused(room.member, token)
    assert "no room" in refused(room.begin, Asking())


def tasks_with_something_of(room: Room, member) -> tuple[Collection, Poll, Contest]:
    """Give the room one task after the other, and something of a member to each."""
    collection = Collection(["cup", "pen"])
    collection.add(member.id, "photo", 0, jpeg())
    poll = Poll(Question(N_("Cup or pen?"), ("cup", "pen")))
    poll.vote(member.id, 1)
    contest = Contest(Target(3, "teapot"))
    contest.offer(member.id, 0.5, jpeg())
    room.begin(collection)
    return collection, poll, contest


@pytest.mark.parametrize("how", ["leave", "remove"])
@pytest.mark.parametrize("what", ["poll", "contest"])
def test_who_leaves_or_is_sent_out_takes_photos_vote_and_place_on_the_board_along(rooms, how, what):
    room = rooms.open()
    token, ana = room.join("Ana")
    _, bia = room.join("Bia")
    collection, poll, contest = tasks_with_something_of(room, ana)
    collection.add(bia.id, "photo", 1, jpeg(1))
    poll.vote(bia.id, 0)
    contest.offer(bia.id, 0.1, jpeg(1))
    room.begin(poll if what == "poll" else contest)
    getattr(room, how)(token if how == "leave" else ana.id)
    assert [sent.member for sent in collection.photos()] == [bia.id]
    if what == "poll":
        assert poll.result().counts == {0: 1}
    else:
        assert [best.member for best in contest.board()] == [bia.id]
        assert contest.latest() == (bia.id, jpeg(1))
    assert [member.nickname for member in room.members()] == ["Bia"]
    assert room.nickname(ana.id) == ""
    assert "Join again" in refused(room.member, token)


def test_what_comes_in_while_its_sender_leaves_is_forgotten(rooms):
    room = rooms.open()
    token, ana = room.join("Ana")
    room.begin(collection := Collection(["cup", "pen"]))
    collection.add(ana.id, "one", 0, jpeg())
    room.begin(contest := Contest(Target(0, "cup")))
    room.check_here(ana)
    room.leave(token)
    with pytest.raises(Problem, match="left the room"):  # it was being read when she left
        collection.add(ana.id, "late", 0, jpeg(1))
    contest.offer(ana.id, 0.5, jpeg(2))
    assert "not in the room any more" in refused(room.check_here, ana)
    assert (collection.photos(), contest.board()) == ((), ())


def test_a_collection_stays_while_the_phones_do_something_else(rooms):
    room = rooms.open()
    room.begin(collection := Collection(["cup", "pen"]))
    room.begin(Asking())
    room.begin(None)
    assert room.task is None
    assert room.collection is collection


def test_clearing_sends_everybody_out_and_keeps_the_code(rooms):
    room = rooms.open()
    token, ana = room.join("Ana")
    _, poll, _ = tasks_with_something_of(room, ana)
    room.begin(poll)
    room.reveal()
    assert len(room.results()) == 1
    room.clear()
    assert (room.members(), room.task, room.collection, room.results()) == ((), None, None, ())
    assert "Join again" in refused(room.member, token)
    assert rooms.find(room.code) is room
    assert room.join("Ana")[1].nickname == "Ana"


def test_a_room_ends_by_itself(rooms, clock):
    room = rooms.open()
    token, _ = room.join("Ana")
    clock.now += of_room.LASTS_SECONDS - 1
    assert room.member(token)
    clock.now += 1
    assert room.is_closed
    assert "no room" in refused(rooms.find, room.code)
    assert "Join again" in refused(rooms.member, room.code, token)
    rooms.sweep()
    assert room.members() == ()
    assert rooms.all() == ()


def test_rooms_do_not_meet(rooms):
    first, second = rooms.open(), rooms.open()
    assert first.code != second.code
    token, ana = first.join("Ana")
    assert second.join("Ana")[1].nickname == "Ana"
    assert "Join again" in refused(rooms.member, second.code, token)
    first.begin(Asking())
    assert second.task is None
    second.remove(ana.id)
    rooms.close(second)
    assert rooms.member(first.code, token) == (first, ana)


def test_a_server_has_room_for_some_rooms_and_those_that_ended_do_not_count(rooms, clock):
    opened = [rooms.open() for _ in range(of_room.MOST_ROOMS)]
    assert "Close one" in refused(rooms.open)
    rooms.close(opened[0])
    rooms.open()
    clock.now += of_room.LASTS_SECONDS
    assert rooms.open().code


def test_who_guesses_codes_finds_none_and_a_class_that_mistypes_gets_in(rooms, clock):
    room = rooms.open()
    wrong = "A" * 5
    for _ in range(30):  # phones, which mistype once
        assert "no room" in refused(rooms.join, wrong, "")
        rooms.join(room.code, "")
    clock.now += 60
    for _ in range(of_room.FREE_WRONG_CODES):
        assert "no room" in refused(rooms.join, wrong, "")
    # Now even the right one tells nothing, for a moment.
    assert "Try again in 1 s" in refused(rooms.join, room.code, "")
    clock.now += of_room.WRONG_CODE_SECONDS / 2
    assert rooms.join(room.code, "Bia")[0] is room
    assert "no room" in refused(rooms.join, wrong, "")
    assert "Try again" in refused(rooms.join, wrong, "")


def test_without_its_token_it_is_not_told_whether_there_is_a_room(rooms):
    room = rooms.open()
    told = {refused(rooms.member, code, token) for code in (room.code, "ZZZZZ") for token in "ab"}
    assert len(told) == 1


def holders(values: set[object]) -> list[object]:
    """Return what in this program's memory holds one of some texts or bytes."""
    found = []
    for thing in gc.get_objects():
        if thing is values or type(thing) is FrameType:
            continue
        for inside in gc.get_referents(thing):
            if type(inside) in (str, bytes) and inside in values:
                found.append(thing)
    return found


@pytest.mark.parametrize("end", ["leave", "close", "clear"])
def test_nothing_can_be_found_in_memory_of_who_left_or_whose_room_closed(rooms, end):
    nickname, photo = secrets.token_hex(8), jpeg(77)
    room = rooms.open()
    token, ana = room.join(nickname)
    collection, poll, contest = tasks_with_something_of(room, ana)
    collection.add(ana.id, "another", 1, photo)
    contest.offer(ana.id, 0.9, photo)
    for task in (poll, contest):
        room.begin(task)
        room.reveal()
    unmistakable = {nickname, token, photo, *(sent.jpeg for sent in collection.photos())}
    assert len(holders(unmistakable)) >= 4
    if end == "leave":
        room.leave(token)
    elif end == "close":
        rooms.close(room)
    else:
        room.clear()
    del collection, poll, contest, task, ana
    gc.collect()
    assert holders(unmistakable) == []


def test_a_room_holds_when_many_join_and_leave_at_once(rooms):
    room = rooms.open()
    room.begin(collection := Collection(["cup", "pen"]))
    failed: list[Exception] = []

    def phone(number: int) -> None:
        try:
            for again in range(5):
                token, member = room.join("Ana")
                collection.add(member.id, "photo", 0, jpeg(100 * number + again))
                room.check_here(room.member(token))
                if again < 4:
                    room.leave(token)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=phone, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len({member.nickname for member in room.members()}) == 12
    assert {s.member for s in collection.photos()} == {member.id for member in room.members()}
    assert collection.counts() == (12, 0)
