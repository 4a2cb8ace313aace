"""Jobs take turns: fairly, stoppably, and without harming each other.

Nothing here waits for a length of time but where a grace has to pass. Threads meet at events; the
time limits only turn a hang into a failure. Where seconds of computing count, a clock is told them.
"""

from __future__ import annotations

import gc
import random
import threading
import weakref
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import FrozenInstanceError

import pytest

from core import effort
from core.problem import Problem
from core.server.jobs import State
from core.server.scheduler import CATCH_UP_SECONDS, Scheduler, scheduler
from core.steps import Step
from tests.helpers.clock import Clock

LIMIT = 20.0
ENDLESS = 10**9


@pytest.fixture
def make_scheduler():
    made = []

    def make(**settings) -> Scheduler:
        # Without a slice, a job makes one step per turn.
        made.append(Scheduler(**{"slice_seconds": 0.0, **settings}))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def turns(make_scheduler) -> Scheduler:
    return make_scheduler()


def counting(total: int, log: list | None = None, name: str = ""):
    """Make a generator function that counts, and writes its name down at each step."""

    def count():
        for index in range(1, total + 1):
            if log is not None:
                log.append(name)
            yield Step(index, total, scalars={"square": float(index**2)}, result=index)

    return count


class WorkingClock(Clock):
    """Stands still but where a job says that it has computed."""

    def working(self, seconds: float, total: int = ENDLESS, log: list | None = None, name=""):
        """Make a generator function whose steps take so long, and that writes down its name."""

        def work():
            for index in range(1, total + 1):
                self.now += seconds
                if log is not None:
                    log.append(name)
                yield Step(index, total)

        return work


@pytest.fixture
def clock() -> WorkingClock:
    return WorkingClock()


class Gate:
    """A job that holds its compute thread until it is opened."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._closed_behind = threading.Event()
        self._open = threading.Event()
        scheduler.submit("gate", "gate", self._hold)
        assert self._closed_behind.wait(LIMIT)

    def _hold(self):
        self._closed_behind.set()
        assert self._open.wait(LIMIT)
        yield Step(1, 1)

    def open(self) -> None:
        self._open.set()


def ended(job):
    snapshot = job.wait(timeout=LIMIT)
    assert snapshot.state.is_end, "the job hangs"
    return snapshot


def stepped(job, count: int = 1):
    """Wait until a job has made some more steps."""
    snapshot = job.snapshot()
    target = (snapshot.step.index if snapshot.step else 0) + count
    while snapshot.step is None or snapshot.step.index < target:
        before = snapshot.version
        snapshot = job.wait(before, timeout=LIMIT)
        assert snapshot.version > before, "the job hangs"
    return snapshot


def reached(job, state: State):
    snapshot = job.snapshot()
    while snapshot.state != state:
        before = snapshot.version
        snapshot = job.wait(before, timeout=LIMIT)
        assert snapshot.version > before, f"the job never gets to {state}"
    return snapshot


# Taking turns


def test_jobs_take_turns_step_by_step(make_scheduler, clock):
    turns = make_scheduler(clock=clock)
    gate, log = Gate(turns), []
    jobs = [turns.submit(name, "page", counting(4, log, name)) for name in "abc"]
    gate.open()
    for job in jobs:
        ended(job)
    assert log == list("abc" * 4)


def test_a_short_job_does_not_wait_for_a_long_one_to_end(turns):
    long = turns.submit("a", "page", counting(ENDLESS))
    stepped(long)
    assert ended(turns.submit("b", "page", counting(3))).state == State.DONE
    assert not long.snapshot().state.is_end


def test_a_slice_is_many_steps_where_there_is_time(make_scheduler):
    turns, log = make_scheduler(slice_seconds=LIMIT), []
    gate = Gate(turns)
    jobs = [turns.submit(name, "page", counting(4, log, name)) for name in "ab"]
    gate.open()
    for job in jobs:
        ended(job)
    assert log == list("aaaabbbb")


def test_a_call_interrupts_a_slice_and_goes_ahead_of_waiting_jobs(make_scheduler):
    turns = make_scheduler(slice_seconds=1000)
    endless = turns.submit("a", "page", counting(ENDLESS))
    stepped(endless)
    with ThreadPoolExecutor(1) as caller:
        answer = caller.submit(turns.call, lambda: 42)
        try:
            assert answer.result(LIMIT) == 42
            assert not endless.snapshot().state.is_end
        finally:
            endless.stop()  # a call that has to wait for the slice would wait for ever


def test_a_call_runs_before_the_next_step_of_any_job(make_scheduler, clock):
    turns = make_scheduler(clock=clock)
    gate, log = Gate(turns), []
    jobs = [turns.submit(name, "page", counting(2, log, name)) for name in "ab"]
    with ThreadPoolExecutor(1) as caller:
        answer = caller.submit(turns.call, lambda: log.append("call"))
        while not turns._urgent:  # the call has to stand in line before the gate opens
            assert not answer.done()
        gate.open()
        answer.result(LIMIT)
    for job in jobs:
        ended(job)
    assert log == ["call", *"abab"]


def test_a_call_gives_its_error_to_the_caller_and_the_thread_lives_on(turns):
    with pytest.raises(ZeroDivisionError):
        turns.call(lambda: 1 / 0)
    assert turns.call(lambda: "alive") == "alive"


def test_a_call_from_a_job_is_done_at_once(turns):
    def asks():
        yield Step(1, 1, result=turns.call(lambda: "inside"))

    assert ended(turns.submit("a", "page", asks)).step.result == "inside"


def test_all_computing_happens_on_the_compute_threads(turns):
    def where():
        yield Step(1, 1, result=threading.current_thread().name)

    assert ended(turns.submit("a", "page", where)).step.result == "compute-0"
    assert turns.call(lambda: threading.current_thread().name) == "compute-0"


def test_two_threads_compute_two_jobs_at_once(make_scheduler):
    turns = make_scheduler(threads=2)
    both = threading.Barrier(2, timeout=LIMIT)

    def meets():
        both.wait()
        yield Step(1, 1)

    jobs = [turns.submit(name, "page", meets) for name in "ab"]
    assert [ended(job).state for job in jobs] == [State.DONE, State.DONE]


# Equal shares


def computed(turns: Scheduler, clock: Clock, plan: dict[tuple[str, str], float], until: float):
    """Run endless jobs, given their seconds per step, and tell how long each owner has computed."""
    gate, used = Gate(turns), dict.fromkeys((owner for owner, _ in plan), 0.0)
    enough = threading.Event()

    def work(owner, seconds):
        for index in range(1, ENDLESS):
            clock.now += seconds
            if clock.now <= until:
                used[owner] += seconds
            else:
                enough.set()
            yield Step(index, ENDLESS)

    for (owner, name), seconds in plan.items():
        turns.submit(owner, name, lambda o=owner, s=seconds: work(o, s))
    gate.open()
    assert enough.wait(LIMIT)
    return used


def test_shares_are_equal_among_people_not_among_jobs(make_scheduler, clock):
    turns = make_scheduler(clock=clock)
    plan = {("a", "one"): 1.0, ("a", "two"): 1.0, ("a", "three"): 1.0, ("b", "one"): 1.0}
    used = computed(turns, clock, plan, until=600)
    # Three jobs have begun against one; two of them got the rest of their first step for nothing.
    assert used["a"] == pytest.approx(used["b"], abs=2)


def test_long_steps_buy_no_more_time_than_short_ones(make_scheduler, clock):
    turns = make_scheduler(clock=clock, slice_seconds=0.25)
    used = computed(turns, clock, {("trains", "p"): 1.0, ("draws", "p"): 0.0625}, until=600)
    assert used["trains"] == pytest.approx(used["draws"], abs=1.25)


def test_a_class_that_does_the_same_keeps_together_whatever_chance_a_step_takes(
    make_scheduler, clock
):
    turns, dice = make_scheduler(clock=clock), random.Random(0)
    done, enough = dict.fromkeys(range(12), 0), threading.Event()
    told: list[tuple[int, int]] = []

    def work(student: int):
        for index in range(1, ENDLESS):
            clock.now += 0.05 * dice.choice((1.0, 1.0, 1.6, 2.5 if student == 7 else 1.6))
            done[student] = index
            told.append((min(done.values()), max(done.values())))
            if index == 100:
                enough.set()
            yield Step(index, ENDLESS)

    gate = Gate(turns)
    for student in done:
        turns.submit(f"student {student}", "ideal", lambda s=student: work(s))
    gate.open()
    assert enough.wait(LIMIT)
    assert min(slowest / fastest for slowest, fastest in told if fastest >= 25) >= 0.8


def test_what_a_job_needs_to_begin_is_not_held_against_it(make_scheduler, clock):
    turns, log = make_scheduler(clock=clock, slice_seconds=0.25), []

    def loading():
        clock.now += 60  # a network, say, which serves the others as well
        yield from clock.working(0.25, 8, log, "loads")()

    gate = Gate(turns)
    turns.submit("loads", "page", loading)
    turns.submit("waits", "page", clock.working(0.25, 8, log, "waits"))
    gate.open()
    ended(turns.get("loads", "page"))
    ended(turns.get("waits", "page"))
    assert sorted(log[:4]) == ["loads", "loads", "waits", "waits"]


def test_what_an_earlier_run_has_cost_is_not_held_against_the_next(make_scheduler, clock):
    turns, log = make_scheduler(clock=clock), []
    gate = Gate(turns)
    turns.submit("dear", "page", clock.working(0.5, 20))
    turns.submit("cheap", "page", clock.working(0.25, 20))
    gate.open()
    ended(turns.get("dear", "page"))
    ended(turns.get("cheap", "page"))
    gate = Gate(turns)
    for name in ("dear", "cheap"):
        turns.submit(name, "page", clock.working(0.25, 8, log, name))
    gate.open()
    ended(turns.get("dear", "page"))
    assert "dear" in log[:3]


def test_waiting_for_pythons_lock_is_not_computing(make_scheduler, clock):
    """Where a clock on the wall is not told the same as the one of effort, effort counts."""
    wall = Clock()
    turns, log = make_scheduler(clock=wall, effort=clock, slice_seconds=0.25), []

    def work(name, stalled):
        for index in range(1, 9):
            clock.now += 0.25
            wall.now += stalled
            log.append(name)
            yield Step(index, 8)

    gate = Gate(turns)
    turns.submit("lucky", "page", lambda: work("lucky", 0.25))
    turns.submit("unlucky", "page", lambda: work("unlucky", 3.0))
    gate.open()
    ended(turns.get("lucky", "page"))
    ended(turns.get("unlucky", "page"))
    assert all(set(log[i : i + 2]) == {"lucky", "unlucky"} for i in range(0, 16, 2))


def test_a_step_wakes_only_those_who_watch_its_job(turns):
    quiet, woken = turns.submit("a", "page", counting(ENDLESS)), []
    quiet.pause()
    paused = reached(quiet, State.PAUSED)

    def watch():
        woken.append(quiet.wait(paused.version, timeout=LIMIT).state)

    watcher = threading.Thread(target=watch)
    watcher.start()
    stepped(turns.submit("b", "page", counting(ENDLESS)), 200)
    assert woken == []
    quiet.stop()
    watcher.join(LIMIT)
    assert len(woken) == 1


def test_effort_counts_what_others_compute_for_a_thread_and_no_idle_time():
    before = effort.spent()
    threading.Event().wait(0.05)  # as at a lock
    idle = effort.spent() - before
    with effort.waiting():
        threading.Event().wait(0.05)
    waited = effort.spent() - before - idle
    assert idle < 0.04 <= waited


@pytest.mark.parametrize(("seconds_late", "credit"), [(1, 1), (50, CATCH_UP_SECONDS)])
def test_whoever_comes_later_catches_up_a_little_and_then_gets_the_same_share(
    make_scheduler, clock, seconds_late, credit
):
    turns, log = make_scheduler(clock=clock, slice_seconds=0.25), []

    def early():
        for step in clock.working(0.25, 300, log, "early")():
            if step.index == 4 * seconds_late:
                turns.submit("late", "page", clock.working(0.25, 40, log, "late"))
            yield step

    ended(turns.submit("early", "page", early))
    ended(turns.get("late", "page"))
    both = log[4 * seconds_late :]
    ahead = both.index("early", both.index("late"))
    assert ahead == pytest.approx(4 * credit, abs=2)
    assert sorted(both[ahead : ahead + 4]) == ["early", "early", "late", "late"]


def test_after_a_quiet_moment_all_begin_as_equals(make_scheduler, clock):
    turns, log = make_scheduler(clock=clock), []
    ended(turns.submit("early", "page", clock.working(1.0, 100)))
    gate = Gate(turns)
    for name in ("early", "late"):
        turns.submit(name, "page", clock.working(1.0, 8, log, name))
    gate.open()
    ended(turns.get("early", "page"))
    ended(turns.get("late", "page"))
    assert all(set(log[i : i + 2]) == {"early", "late"} for i in range(0, 16, 2))


def test_what_a_forgotten_job_had_reached_is_gone_whoever_holds_it(make_scheduler):
    turns = make_scheduler(grace_seconds=0)
    done = turns.submit("a", "done", counting(3), conclude=lambda step: step)
    assert ended(done).result is not None
    going = turns.submit("a", "going", counting(ENDLESS))
    stepped(going)
    turns.release("a")
    assert ended(going).step is None
    snapshot = done.snapshot()
    assert (snapshot.step, snapshot.result, snapshot.history) == (None, None, {})


def test_a_lone_user_gets_every_slice_in_full(make_scheduler, clock):
    turns = make_scheduler(clock=clock, slice_seconds=0.25)
    job = turns.submit("a", "page", clock.working(0.25, 40))
    snapshot = ended(job)
    assert (snapshot.sharing, snapshot.parts) == (1, 1)
    assert snapshot.seconds == pytest.approx(10)


def test_with_many_people_the_slices_get_short(make_scheduler, clock):
    turns, log = make_scheduler(clock=clock, slice_seconds=0.25), []
    gate = Gate(turns)
    names = [f"person {i}" for i in range(16)]  # 1 s for 16 people: less than a step of 0.125 s
    for name in names:
        turns.submit(name, "page", clock.working(0.125, 8, log, name))
    gate.open()
    for name in names:
        ended(turns.get(name, "page"))
    assert log[: len(names)] == names


def test_jobs_know_with_how_many_people_they_share(turns):
    gate = Gate(turns)
    for owner, name in [("a", "one"), ("a", "two"), ("b", "one")]:
        turns.submit(owner, name, counting(ENDLESS))
    assert len(turns.jobs()) == 4
    gate.open()
    ended(turns.get("gate", "gate"))
    snapshot = stepped(turns.get("a", "one"), 3)
    assert (snapshot.sharing, snapshot.parts) == (2, 4)
    assert stepped(turns.get("b", "one"), 3).parts == 2
    turns.discard("a", "one")
    turns.discard("a", "two")
    snapshot = stepped(turns.get("b", "one"), 5)
    assert (snapshot.sharing, snapshot.parts) == (1, 1)


def test_the_time_left_knows_the_share(make_scheduler, clock):
    turns, told = make_scheduler(clock=clock), []

    def tells():
        for step in clock.working(1.0, 100)():
            told.append(turns.get("a", "page").snapshot())
            yield step

    gate = Gate(turns)
    jobs = [turns.submit("a", "page", tells), turns.submit("b", "page", clock.working(1.0, 100))]
    gate.open()
    for job in jobs:
        snapshot = ended(job)
    assert snapshot.seconds == pytest.approx(200)  # both computed 100 s
    assert told[50].seconds_left == pytest.approx(2 * 50)


# The queue


def test_beyond_the_limit_jobs_wait_in_order(make_scheduler, clock):
    turns, log = make_scheduler(clock=clock, most_jobs=2), []
    gate = Gate(turns)
    jobs = [turns.submit(name, "page", counting(3, log, name)) for name in "abcd"]
    gate.open()
    assert [ended(job).state for job in jobs] == [State.DONE] * 4
    assert log[: log.index("c")].count("a") == 3
    assert log[: log.index("d")].count("b") == 3


def test_a_waiting_job_tells_its_place_and_moves_up(make_scheduler):
    turns = make_scheduler(most_jobs=1)
    first = turns.submit("a", "page", counting(ENDLESS))
    stepped(first)
    second, third = (turns.submit(name, "page", counting(ENDLESS)) for name in "bc")
    stepped(first, 2)
    assert [job.snapshot().place for job in (first, second, third)] == [0, 1, 2]
    assert third.snapshot().state == State.WAITING
    first.stop()
    stepped(second, 2)
    assert [job.snapshot().place for job in (second, third)] == [0, 1]
    third.stop()  # whoever waits can still leave
    assert ended(third).state == State.STOPPED
    assert not second.snapshot().state.is_end


def test_a_paused_job_makes_room_and_stands_in_line_again(make_scheduler):
    turns = make_scheduler(most_jobs=1)
    first = turns.submit("a", "page", counting(ENDLESS))
    stepped(first)
    first.pause()
    reached(first, State.PAUSED)
    second = turns.submit("b", "page", counting(ENDLESS))
    stepped(second)
    first.resume()
    stepped(second, 3)
    assert first.snapshot().place == 1
    second.stop()
    stepped(first)


# The end of a job


def test_a_finished_job_has_its_concluded_result(turns):
    job = turns.submit("a", "page", counting(3), conclude=lambda last: f"after {last.index}")
    snapshot = ended(job)
    assert (snapshot.state, snapshot.result) == (State.DONE, "after 3")
    assert snapshot.problem is None


def test_stopping_comes_between_steps_and_concludes_what_was_reached(turns):
    closed = []

    def work():
        try:
            yield from counting(ENDLESS)()
        finally:
            closed.append(True)

    job = turns.submit("a", "page", work, conclude=lambda last: last.result)
    stepped(job, 3)
    job.stop()
    snapshot = ended(job)
    assert snapshot.state == State.STOPPED
    assert snapshot.result == snapshot.step.index >= 3
    assert closed == [True]


def test_a_job_stopped_before_its_first_step_never_begins(turns):
    gate, log = Gate(turns), []
    job = turns.submit("a", "page", counting(3, log), conclude=lambda last: log.append("end"))
    job.stop()
    gate.open()
    snapshot = ended(job)
    assert (snapshot.state, snapshot.step, snapshot.result) == (State.STOPPED, None, None)
    assert log == []


def test_a_job_without_steps_is_done_without_a_result(turns):
    snapshot = ended(turns.submit("a", "page", counting(0), conclude=lambda last: "never"))
    assert (snapshot.state, snapshot.step, snapshot.result) == (State.DONE, None, None)


def test_submitting_again_replaces_the_job(turns):
    first = turns.submit("a", "page", counting(ENDLESS))
    stepped(first)
    second = turns.submit("a", "page", counting(3))
    assert ended(first).state == State.STOPPED
    assert ended(second).state == State.DONE
    assert turns.get("a", "page") is second


def test_other_pages_and_other_sessions_are_not_replaced(turns):
    jobs = [
        turns.submit(owner, name, counting(ENDLESS))
        for owner, name in [("a", "page"), ("a", "other"), ("b", "page")]
    ]
    for job in jobs:
        stepped(job)
        assert job.snapshot().state == State.RUNNING


def test_a_discarded_job_is_stopped_and_forgotten(turns):
    job = turns.submit("a", "page", counting(ENDLESS))
    turns.discard("a", "page")
    assert ended(job).state == State.STOPPED
    assert turns.get("a", "page") is None
    turns.discard("a", "page")
    turns.discard("nobody", "page")


def test_an_ended_job_lets_go_of_what_it_worked_with(turns):
    class Photo:
        pass

    photo = Photo()
    alive = weakref.ref(photo)

    def make(photo=photo):
        yield Step(1, 1, result=id(photo))

    job = turns.submit("a", "page", make, conclude=lambda last, photo=photo: last.result)
    ended(job)
    del photo, make
    turns.call(gc.collect)  # by then the thread has put the job's frames away
    assert alive() is None


# Failures


def failing(error: Exception):
    def fail():
        yield Step(1, 2)
        raise error

    return fail


def test_a_problem_reaches_people_as_it_is(turns):
    problem = Problem("{file} is empty.", file="cat.jpg")
    snapshot = ended(turns.submit("a", "page", failing(problem)))
    assert snapshot.state == State.FAILED
    assert snapshot.problem is problem


def test_an_unexpected_error_is_logged_and_told_in_a_general_sentence(turns, caplog):
    snapshot = ended(turns.submit("a", "page", failing(ValueError("shapes do not match"))))
    assert snapshot.state == State.FAILED
    assert "failed unexpectedly" in str(snapshot.problem)
    assert "shapes" not in str(snapshot.problem)
    assert "shapes do not match" in caplog.text


def test_an_error_before_the_first_step_fails_the_job(turns):
    def make():
        raise Problem("No such network.")

    snapshot = ended(turns.submit("a", "page", make))
    assert (snapshot.state, str(snapshot.problem)) == (State.FAILED, "No such network.")


def test_an_error_in_the_conclusion_fails_the_job(turns):
    def conclude(last):
        raise Problem("No result.")

    snapshot = ended(turns.submit("a", "page", counting(1), conclude))
    assert (snapshot.state, str(snapshot.problem)) == (State.FAILED, "No result.")
    assert snapshot.result is None


def test_a_failure_leaves_other_jobs_alone(turns):
    gate = Gate(turns)
    good = [turns.submit(name, "page", counting(5)) for name in "ab"]
    bad = turns.submit("c", "page", failing(RuntimeError("boom")))
    gate.open()
    assert ended(bad).state == State.FAILED
    assert [ended(job).state for job in good] == [State.DONE, State.DONE]


# Pause


def test_a_paused_job_stands_still_while_others_go_on(turns):
    job = turns.submit("a", "page", counting(ENDLESS))
    stepped(job)
    job.pause()
    paused = reached(job, State.PAUSED)
    assert ended(turns.submit("b", "page", counting(20))).state == State.DONE
    assert job.snapshot().step.index == paused.step.index
    job.resume()
    assert stepped(job, 3).step.index >= paused.step.index + 3


def test_a_paused_job_can_be_stopped_and_keeps_what_it_reached(turns):
    job = turns.submit("a", "page", counting(ENDLESS), conclude=lambda last: last.result)
    stepped(job)
    job.pause()
    paused = reached(job, State.PAUSED)
    job.stop()
    snapshot = ended(job)
    assert (snapshot.state, snapshot.result) == (State.STOPPED, paused.step.index)


def test_pausing_an_ended_job_changes_nothing(turns):
    job = turns.submit("a", "page", counting(1))
    before = ended(job)
    job.pause()
    job.resume()
    job.stop()
    turns.call(lambda: None)
    assert job.snapshot() == before


# Sessions that go


def test_jobs_end_when_their_session_has_gone(make_scheduler):
    turns = make_scheduler(grace_seconds=0)
    jobs = [turns.submit("a", name, counting(ENDLESS)) for name in ("page", "other")]
    stays = turns.submit("b", "page", counting(ENDLESS))
    turns.release("a")
    assert [ended(job).state for job in jobs] == [State.STOPPED, State.STOPPED]
    assert turns.get("a", "page") is None
    assert not stepped(stays).state.is_end


def test_a_paused_job_of_a_session_that_has_gone_ends_too(make_scheduler):
    turns = make_scheduler(grace_seconds=0)
    job = turns.submit("a", "page", counting(ENDLESS))
    job.pause()
    reached(job, State.PAUSED)
    turns.release("a")
    assert ended(job).state == State.STOPPED


def test_an_idle_scheduler_forgets_results_of_sessions_that_have_gone(make_scheduler):
    turns = make_scheduler(grace_seconds=0)
    ended(turns.submit("a", "page", counting(1)))
    turns.release("a")
    turns.call(lambda: None)
    assert turns.get("a", "page") is None


def after_the_grace(turns: Scheduler) -> None:
    """Let the grace of all who were released before pass."""
    later = turns.submit("later", "page", counting(ENDLESS))
    turns.release("later")
    ended(later)


def test_coming_back_within_the_grace_keeps_the_jobs(make_scheduler):
    turns = make_scheduler(grace_seconds=0.3)
    job = turns.submit("a", "page", counting(ENDLESS))
    turns.release("a")
    assert turns.get("a", "page") is job
    after_the_grace(turns)
    assert not stepped(job).state.is_end
    assert turns.get("a", "page") is job


def test_starting_a_job_is_coming_back_too(make_scheduler):
    turns = make_scheduler(grace_seconds=0.3)
    turns.submit("a", "page", counting(1))
    turns.release("a")
    job = turns.submit("a", "page", counting(ENDLESS))
    after_the_grace(turns)
    assert not stepped(job).state.is_end


def test_belongings_survive_a_gap_and_go_with_their_session(make_scheduler):
    turns = make_scheduler(grace_seconds=0.3)
    photos = turns.belonging("a", "photos", list)
    photos.append("cat")
    turns.release("a")
    assert turns.belonging("a", "photos", list) is photos
    after_the_grace(turns)
    assert turns.belonging("a", "photos", list) is photos
    turns.release("a")
    after_the_grace(turns)
    assert turns.belonging("a", "photos", list) == []


def test_who_is_back_and_asks_for_nothing_keeps_all_until_gone_again(make_scheduler):
    turns = make_scheduler(grace_seconds=0.3)
    is_connected = threading.Event()
    photos = turns.belonging("a", "photos", list)
    job = turns.submit("a", "page", counting(ENDLESS))
    turns.release("a", is_connected.is_set)
    is_connected.set()
    after_the_grace(turns)
    after_the_grace(turns)
    assert not stepped(job).state.is_end
    is_connected.clear()
    ended(job)
    assert turns.belonging("a", "photos", list) is not photos


def test_releasing_somebody_unknown_is_nothing(turns):
    turns.release("nobody")
    assert turns.get("nobody", "page") is None
    assert turns.call(lambda: "alive") == "alive"


# Snapshots


def test_the_history_holds_every_steps_scalars(turns):
    snapshot = ended(turns.submit("a", "page", counting(5)))
    assert snapshot.history == {"square": (1.0, 4.0, 9.0, 16.0, 25.0)}


def test_a_snapshot_does_not_change_any_more(turns):
    job = turns.submit("a", "page", counting(ENDLESS))
    snapshot = stepped(job, 2)
    index, history = snapshot.step.index, dict(snapshot.history)
    stepped(job, 3)
    assert (snapshot.step.index, dict(snapshot.history)) == (index, history)
    with pytest.raises(FrozenInstanceError):
        snapshot.state = State.DONE
    snapshot.history.clear()  # the reader's own copy
    assert len(job.snapshot().history["square"]) > len(history["square"])


def test_versions_grow_with_every_change(turns):
    gate = Gate(turns)
    job = turns.submit("a", "page", counting(3))
    before = job.snapshot()
    assert (before.state, before.step) == (State.WAITING, None)
    gate.open()
    assert ended(job).version >= before.version + 4  # three steps and the end


def test_waiting_gives_up_when_told_to(turns):
    gate = Gate(turns)
    job = turns.submit("a", "page", counting(1))
    assert job.wait(timeout=0).state == State.WAITING
    assert job.wait(job.snapshot().version, timeout=0).step is None
    gate.open()
    ended(job)


def test_the_time_left_is_an_estimate_from_two_steps_on_and_none_at_the_end(turns):
    go = threading.Semaphore(0)

    def work():
        for index in range(1, 11):
            assert go.acquire(timeout=LIMIT)
            yield Step(index, 10)

    job = turns.submit("a", "page", work)
    assert job.snapshot().seconds_left is None
    go.release()
    assert stepped(job).seconds_left is None
    go.release(4)
    middle = stepped(job, 4)
    # Five of ten steps done, four of them timed: the rest takes 5/4 of what these took.
    assert 0 < middle.seconds_left <= 1.25 * middle.seconds
    go.release(5)
    last = ended(job)
    assert last.seconds_left is None
    assert job.snapshot().seconds == last.seconds


# The scheduler itself


def test_closing_stops_the_jobs_and_ends_the_threads():
    turns = Scheduler(threads=2, slice_seconds=0)
    jobs = [turns.submit(name, "page", counting(ENDLESS)) for name in "abc"]
    stepped(jobs[0])
    jobs[1].pause()
    turns.close(timeout=LIMIT)
    assert [job.snapshot().state for job in jobs] == [State.STOPPED] * 3
    assert not any(thread.is_alive() for thread in turns._threads)


def test_a_closed_scheduler_takes_nothing_on_and_nobody_waits_for_it():
    turns = Scheduler()
    turns.close(timeout=LIMIT)
    assert ended(turns.submit("a", "page", counting(3))).state == State.STOPPED
    with pytest.raises(CancelledError):
        turns.call(lambda: None)


def test_closing_concludes_nothing_since_nobody_will_see_it():
    turns, concluded = Scheduler(slice_seconds=0), []
    job = turns.submit("a", "page", counting(ENDLESS), concluded.append)
    stepped(job)
    assert turns.close(timeout=LIMIT)
    assert (job.snapshot().state, concluded) == (State.STOPPED, [])


def test_what_was_done_in_between_is_not_kept_while_nothing_is_to_do(turns):
    class Photo:
        pass

    gone = threading.Event()

    def look() -> None:
        photo = Photo()
        weakref.finalize(photo, gone.set)
        turns.call(lambda: id(photo))

    look()
    assert gone.wait(LIMIT)


def test_there_is_one_scheduler_and_its_threads_are_set_from_outside(monkeypatch):
    scheduler.cache_clear()
    monkeypatch.setenv("IDEALCAT_COMPUTE_THREADS", "2")
    try:
        assert scheduler() is scheduler()
        assert len(scheduler()._threads) == 2
    finally:
        scheduler().close()
        scheduler.cache_clear()
