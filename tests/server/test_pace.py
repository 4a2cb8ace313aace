"""How often cameras may ask."""

from __future__ import annotations

import pytest

from core.server.pace import Pace


def test_many_cameras_share_the_answers_and_those_that_go_leave_theirs():
    now = 100.0
    pace = Pace(most=20, most_of_one=8, clock=lambda: now)
    assert pace.seconds("one") == 1 / 8
    waits = [pace.seconds(f"camera {i}") for i in range(39)]
    assert waits[-1] == 40 / 20
    now += 10
    assert pace.seconds("one") == 1 / 8


def test_sixty_cameras_that_keep_the_pace_are_all_counted():
    now = 100.0
    pace = Pace(most=20, most_of_one=8, clock=lambda: now)
    for _ in range(3):
        waits = [pace.seconds(f"camera {i}") for i in range(60)]
        assert waits[-1] == 60 / 20
        now += waits[-1]


def test_where_answers_take_long_cameras_ask_less_and_half_of_the_time_stays():
    now = 100.0

    def slow() -> str:
        nonlocal now
        now += 0.1
        return "answer"

    pace = Pace(most=20, most_of_one=8, clock=lambda: now)
    for _ in range(60):
        assert pace.timed(slow)() == "answer"
    waits = [pace.seconds(f"camera {i}") for i in range(30)]
    # Thirty answers of a tenth of a second take three, and so much stays.
    assert waits[-1] == pytest.approx(6, rel=0.01)
