"""What the server tells of itself: its log, and its numbers."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading

import pytest
from streamlit.testing.v1 import AppTest

from core.limits import LIMITS
from core.server import log, metrics
from core.server.log import JsonLines
from core.server.scheduler import Scheduler
from core.steps import Step


@pytest.fixture
def lines():
    """What is logged, line by line."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("core")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def scheduler():
    running = Scheduler()
    yield running
    running.close()


def three_steps():
    for i in range(3):
        yield Step(i + 1, 3, result=i)


def failing():
    yield Step(1, 3)
    raise RuntimeError("a layer went missing")


def ended(scheduler: Scheduler) -> None:
    """Wait until the compute thread has told of all that ended before."""
    scheduler.call(lambda: None)


def test_an_ended_job_is_one_line_that_tells_who_what_how_long_and_how(lines, scheduler):
    ends = metrics.Ends()
    scheduler.on_end = ends.note
    scheduler.submit("secret-owner", "ideal", three_steps, lambda last: last.result).wait()
    ended(scheduler)
    (line,) = lines()
    assert (line["event"], line["what"], line["outcome"], line["steps"]) == (
        "job ended",
        "ideal",
        "done",
        3,
    )
    assert line["seconds"] >= 0
    assert line["who"] == log.who("secret-owner")
    assert "secret-owner" not in json.dumps(line)
    assert ends.counts() == {"done": 1, "stopped": 0, "failed": 0}


def test_a_crash_is_logged_with_its_trace_told_to_its_owner_and_touches_nobody_else(
    lines, scheduler
):
    scheduler.on_end = metrics.Ends().note
    crashed = scheduler.submit("one", "attack", failing)
    other = scheduler.submit("other", "ideal", three_steps, lambda last: last.result)
    assert "failed unexpectedly" in str(crashed.wait().problem)
    assert other.wait().result == 2
    ended(scheduler)
    (crash,) = [line for line in lines() if "trace" in line]
    assert "a layer went missing" in crash["trace"]
    assert "in failing" in crash["trace"]
    assert crash["who"] == log.who("one")


def test_a_log_line_is_one_line_whatever_is_in_it(lines):
    logging.getLogger("core.x").warning("two\nlines", extra={"what": "a\nb", "odd": {1, 2}})
    (line,) = lines()
    assert line["event"] == "two\nlines"


def test_setting_up_twice_logs_once(capsys):
    loggers = [logging.getLogger(name) for name in ("core", "pages")]
    before = [(list(logger.handlers), logger.level) for logger in loggers]
    try:
        log.set_up()
        log.set_up()
        assert sum(isinstance(h.formatter, JsonLines) for h in loggers[0].handlers) == 1
    finally:
        for logger, (handlers, level) in zip(loggers, before, strict=True):
            logger.handlers[:] = handlers
            logger.setLevel(level)


def test_the_numbers_are_those_of_the_scheduler(scheduler):
    job = scheduler.submit("one", "ideal", three_steps)
    job.wait()
    now = metrics.numbers(scheduler)
    assert (now.sessions, now.jobs["done"], now.share) == (1, 1, 1.0)
    assert now.uptime_seconds > 0
    if sys.platform == "linux":
        assert 10 < now.memory_mb < 50_000


class Told(logging.Handler):
    """Says when something was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.event.set()


def test_the_numbers_are_logged_now_and_then(lines, scheduler):
    told = Told()
    logging.getLogger("core").addHandler(told)  # after the one that `lines` has added
    enough = metrics.log_regularly(scheduler, seconds=0.01)
    assert told.event.wait(timeout=30)
    enough.set()
    logging.getLogger("core").removeHandler(told)
    assert {"sessions", "jobs", "share", "memory_mb"} <= lines()[0].keys()


def test_one_visitor_cannot_begin_any_number_of_runs(scheduler):
    jobs = [scheduler.submit("one", f"run {i}", endless) for i in range(LIMITS.session_jobs + 1)]
    refused = jobs.pop().snapshot()
    assert f"{LIMITS.session_jobs} of your runs are going already" in str(refused.problem)
    assert scheduler.submit("other", "run", three_steps).wait().problem is None
    assert not any(job.snapshot().state.is_end for job in jobs)


def endless():
    i = 0
    while True:
        i += 1
        yield Step(i, 10**9)


def test_the_panel_shows_them():
    def page() -> None:
        from pages.parts.teacher import numbers

        numbers.panel()

    app = AppTest.from_function(page, default_timeout=30).run()
    assert not app.exception
    assert "Memory of the program" in [metric.label for metric in app.metric]
