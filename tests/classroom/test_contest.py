"""A round of fooling the camera: the best of each team counts, until the time is over."""

from __future__ import annotations

import threading

import pytest

from core.classroom.contest import SECONDS, Contest, Target


@pytest.fixture
def contest(clock) -> Contest:
    return Contest(Target(849, "teapot"), clock=clock)


def told(contest: Contest) -> list[tuple[str, float, bytes]]:
    return [(best.member, best.probability, best.jpeg) for best in contest.board()]


def test_of_each_team_the_best_is_kept_with_its_frame_and_the_highest_is_first(contest):
    assert told(contest) == []
    assert contest.offer("ana", 0.2, b"a1") == 0.2
    assert contest.offer("bia", 0.3, b"b1") == 0.3
    assert contest.offer("ana", 0.5, b"a2") == 0.5
    assert contest.offer("ana", 0.4, b"a3") == 0.5
    assert contest.latest() == ("ana", b"a3")  # what came last, also if it was worse
    assert told(contest) == [("ana", 0.5, b"a2"), ("bia", 0.3, b"b1")]


def test_who_reaches_the_same_later_stands_below(contest):
    for team in ("bia", "ana"):
        contest.offer(team, 0.5, b"")
    assert [best.member for best in contest.board()] == ["bia", "ana"]


def test_a_round_ends_by_itself_and_late_frames_do_not_count(contest, clock):
    clock.now += SECONDS - 1
    assert contest.seconds_left() == 1
    contest.offer("ana", 0.2, b"in time")
    clock.now += 1
    assert contest.seconds_left() == 0
    assert contest.offer("ana", 0.9, b"late") == 0.2
    assert contest.offer("bia", 0.9, b"late") == 0
    assert told(contest) == [("ana", 0.2, b"in time")]
    assert contest.latest() == ("ana", b"in time")
    clock.now += SECONDS
    assert contest.seconds_left() == 0


def test_a_round_can_be_ended_and_not_be_made_longer_by_that(contest, clock):
    clock.now += 30
    contest.stop()
    assert contest.seconds_left() == 0
    assert contest.offer("ana", 0.9, b"late") == 0
    clock.now += SECONDS
    contest.stop()
    assert contest.seconds_left() == 0


def test_a_team_that_leaves_is_forgotten_with_its_frames(contest):
    contest.offer("bia", 0.1, b"b")
    contest.offer("ana", 0.2, b"a")
    contest.forget("ana")
    contest.forget("nobody")
    assert told(contest) == [("bia", 0.1, b"b")]
    assert contest.latest() is None
    contest.offer("bia", 0.05, b"b2")
    contest.forget("ana")
    assert contest.latest() == ("bia", b"b2")


def test_many_phones_at_once_each_keep_their_best(contest):
    def phone(team: str) -> None:
        for tenth in (3, 9, 1, 7):
            contest.offer(team, tenth / 10, b"%d" % tenth)

    threads = [threading.Thread(target=phone, args=(str(i),)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(best.probability, best.jpeg) for best in contest.board()} == {(0.9, b"9")}
    assert len(contest.board()) == 20
