"""The teacher's PIN: it opens, nothing else does, and guessing takes ever longer."""

from __future__ import annotations

import pytest

from core.classroom import pin
from core.classroom.pin import Guard
from core.problem import Problem

PIN = "4 cães!"


@pytest.fixture
def guard(clock, monkeypatch) -> Guard:
    monkeypatch.setenv("IDEALCAT_TEACHER_PIN", PIN)
    return Guard(clock)


def refused(guard: Guard, session: str, attempt: str = "0000") -> str:
    with pytest.raises(Problem) as told:
        guard.enter(session, attempt)
    return str(told.value)


def test_the_pin_passes_and_nothing_else(guard):
    guard.enter("teacher", PIN)
    assert guard.is_inside("teacher")
    assert not guard.is_inside("student")
    guard.leave("teacher")
    assert not guard.is_inside("teacher")
    guard.enter("teacher", f" {PIN} ")
    for attempt in ("", "4 caes!", PIN[:-1], PIN + "x", "\udc80"):
        assert refused(guard, attempt, attempt) == "This is not the PIN."
        assert not guard.is_inside(attempt)


@pytest.mark.parametrize("value", [None, "", "   ", "123"])
def test_without_a_pin_of_some_length_there_is_no_teacher(guard, monkeypatch, value):
    if value is None:
        monkeypatch.delenv("IDEALCAT_TEACHER_PIN")
    else:
        monkeypatch.setenv("IDEALCAT_TEACHER_PIN", value)
    assert not pin.is_set()
    assert "off on this server" in refused(guard, "anyone", value or "")


def test_a_session_that_guesses_waits_longer_each_time_and_others_do_not(guard, clock):
    assert [refused(guard, "student") for _ in range(3)] == ["This is not the PIN."] * 3
    assert refused(guard, "student", PIN) == "Too many wrong attempts. Try again in 1 s."
    clock.now += 1
    assert refused(guard, "student") == "This is not the PIN."
    assert "in 2 s" in refused(guard, "student")
    guard.enter("teacher", PIN)
    for _ in range(30):
        clock.now += pin.LONGEST_HERE
        refused(guard, "student")
    assert f"in {pin.LONGEST_HERE:.0f} s" in refused(guard, "student")


def test_new_sessions_do_not_help_whoever_guesses(guard, clock):
    for i in range(pin.FREE_IN_ALL):
        refused(guard, f"session {i}")
    assert "Too many" in refused(guard, "a fresh session", PIN)
    for i in range(20):
        clock.now += pin.LONGEST_IN_ALL
        refused(guard, f"another {i}")
    assert f"in {pin.LONGEST_IN_ALL:.0f} s" in refused(guard, "yet another")
    clock.now += pin.LONGEST_IN_ALL  # which the teacher waits out
    guard.enter("teacher", PIN)


def test_an_hour_without_guesses_is_a_new_beginning(guard, clock):
    for i in range(pin.FREE_IN_ALL):
        refused(guard, f"session {i}")
    clock.now += pin.FORGOTTEN_AFTER + 1
    assert [refused(guard, f"later {i}") for i in range(5)] == ["This is not the PIN."] * 5


def test_the_log_tells_of_wrong_attempts_but_not_what_was_typed(guard, caplog):
    refused(guard, "student", "my own password")
    assert "wrong PIN, attempt 1" in caplog.text
    assert "password" not in caplog.text
    assert PIN not in caplog.text
