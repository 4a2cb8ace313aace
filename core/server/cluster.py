"""The same generators on other computers: with `RAY_ADDRESS` set, a Ray cluster makes the steps.

A worker (an actor) on the cluster holds the generators of several runs, and advances each for a
slice when asked. Here a generator relays the steps: for the scheduler it is a job like any other,
which needs no thread while the worker is at work; closing it ends the one over there. Ray is
imported when the first such job begins, and never without that variable.

What travels is pickled, between processes of our own only. Nothing that a visitor sends is.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from core import effort
from core.problem import N_, Problem
from core.steps import Resumable, Step, Steps

ADDRESS = "RAY_ADDRESS"
_SLICE_SECONDS = 0.25
_ROUND_SECONDS = 0.5
"""With many people on a worker the slices get shorter, so that each has a turn about this often."""
_STATE_SECONDS = 3.0
"""How often a run that can go on elsewhere sends its state: so much is lost with its computer."""
_PATIENCE_SECONDS = 3.0
_MOST_RESTARTS = 3

Run = Callable[[], Steps[Any]]
"""Gives the steps of a run, from its seed, in whichever process it is called. It is pickled, so it
is a function of a module with its arguments (`functools.partial`), or a `Resumable`'s `resume`."""


def is_set() -> bool:
    """Return whether there is a cluster to compute on."""
    return bool(os.environ.get(ADDRESS))


def anywhere(run: Run, person: str = "") -> Callable[[], Generator[Any, None, None]]:
    """Return a job's maker for a run: on the cluster, if there is one, else `run` itself.

    Args:
        run: what is computed. What it holds on to is sent there, and changes over there do not
            come back but in the steps, and in the state of a `Resumable`.
        person: whose run it is; the runs of one person have one part of a worker together.
    """
    return (lambda: relayed_from_cluster(run, person)) if is_set() else run


def relayed_from_cluster(run: Run, person: str = "") -> Generator[Any, None, None]:
    """Run something on the cluster, and give its steps as they come, with futures in between.

    Where the computer that made them is lost, another one starts again, from the seed or from the
    state that came last; a step's phase says so, and numbers that have been reported are not
    repeated.
    Pictures and results come with the last step of a slice; those before it carry the latest ones.

    Raises:
        Problem: the run's own; or the cluster does not answer, or has lost too many computers.
    """
    from ray.exceptions import RayActorError

    latest: Step[Any] = Step(0, 1, phase=N_("on its way to the cluster"))
    yield latest
    reported = made = lost = 0
    sent: set[tuple[Any, str]] = set()
    while True:
        with _RemoteRun(run, person, made, is_lost=lost > 0) as remote:
            try:
                while True:
                    answer = remote.ask()
                    while not answer.done():
                        yield answer
                    reply = remote.take(answer)
                    effort.add(reply.seconds)
                    for step in reply.steps:
                        made += 1
                        latest = replace(
                            step,
                            scalars=step.scalars if made > reported else {},
                            picture=latest.picture if step.picture is None else step.picture,
                            result=latest.result if step.result is None else step.result,
                        )
                        reported = max(reported, made)
                        yield latest
                    if reply.missing:
                        needed = (remote.worker, reply.missing)
                        if needed not in sent and remote.send_weights(reply.missing):
                            sent.add(needed)
                            made = remote.made
                            break
                    if reply.problem:
                        raise reply.problem
                    if reply.is_end:
                        return
            except RayActorError as error:
                remote.give_up()
                lost += 1
                if lost > _MOST_RESTARTS:
                    raise Problem(
                        N_("Computers that the cluster lost on the way: {count}. Start again."),
                        count=lost,
                    ) from error
                made = remote.made
                phase = (
                    N_("a computer was lost, going on from the last state")
                    if made
                    else N_("a computer was lost, starting again")
                )
                latest = replace(latest, scalars={}, phase=phase)
                yield latest


@dataclass(frozen=True)
class _Reply:
    """What a worker sends back after a slice.

    Attributes:
        steps: those that were made; all but the last without picture and result.
        seconds: of computing.
        is_end: whether there are no more.
        problem: why it ended.
        missing: the file of weights that is not over there, if that is why.
        state: how the run stands, packed, with how many steps it has made; now and then.
        embeddings: what the worker has found out about photos since the last reply, for
            the cache of this process.
    """

    steps: tuple[Step[Any], ...] = ()
    seconds: float = 0.0
    is_end: bool = False
    problem: Problem | None = None
    missing: str = ""
    state: tuple[bytes, int] | None = None
    embeddings: tuple[tuple[Any, Any], ...] = ()


class _RemoteRun:
    """A run on a worker, seen from here.

    Attributes:
        worker: where it is.
        made: how many steps of the whole run had been made when its latest known state was.
    """

    def __init__(self, run: Run, person: str, made: int, *, is_lost: bool) -> None:
        """Send a run to a worker; a `Resumable` begins from the state that it has here.

        Raises:
            Problem: the cluster does not answer.
        """
        workers = _workers()  # connects, if need be
        import ray

        from core.server.parcel import Exchange

        self._state = _state_of(run)
        self._before = self.made = made
        self._name = uuid.uuid4().hex
        self._exchange = Exchange()
        # In the object store, once: it may be large, and a worker may be lost.
        self._opening: Any = ray.put(self._exchange.pack((run, person), is_first=True))
        self._has_begun = self._is_over = False
        self._person = person
        self.worker = workers.place(person, is_lost=is_lost)

    def __enter__(self) -> _RemoteRun:
        return self

    def ask(self) -> Future[bytes]:
        """Ask for a slice; the live settings have the values there that they have here now."""
        values = [setting.value for setting in self._exchange.settings]
        opening, self._opening = self._opening, None
        asked = self.worker.advance.remote(self._name, self._exchange.pack_state(values), opening)
        future: Future[bytes] = asked.future()
        return future

    def take(self, answer: Future[bytes]) -> _Reply:
        """Return the reply, and bring up to date here what it tells of over there."""
        from core.training.embeddings import shared_cache

        reply: _Reply = self._exchange.unpack(answer.result())
        for key, embedding in reply.embeddings:
            shared_cache().put(key, embedding)
        self._take_state(reply.state)
        self._has_begun = True
        self._is_over = reply.is_end or reply.problem is not None
        return reply

    def give_up(self) -> None:
        """Expect nothing more of the worker, which is lost."""
        _workers().forget(self.worker)
        self._is_over = True

    def send_weights(self, file: str) -> bool:
        """Send a network's weights there, if they are here."""
        import ray

        from core.zoo import catalogue, weights

        for entry in catalogue.ENTRIES:
            if entry.weights_file == file and weights.present(entry):
                content = ray.put(weights.path(entry).read_bytes())
                ray.get(self.worker.take_weights.remote(entry.name, content))
                return True
        return False

    def _take_state(self, state: tuple[bytes, int] | None) -> None:
        if state is not None and self._state is not None:
            content, made = state
            vars(self._state).update(vars(self._exchange.unpack_state(content)))
            self.made = self._before + made

    def __exit__(self, *_: object) -> None:
        """End the run over there; what can be gone on with comes back as it stands."""
        import ray
        from ray.exceptions import RayError

        _workers().release(self.worker, self._person)
        if self._is_over or not ray.is_initialized():  # it is not when the program ends
            return
        left = self.worker.drop.options(concurrency_group="control").remote(self._name)
        if self._has_begun and self._state is not None:
            try:
                with effort.waiting():
                    self._take_state(ray.get(left, timeout=_PATIENCE_SECONDS))
            except RayError:
                pass  # then it goes on from the state before


def _state_of(run: Run) -> Resumable | None:
    owner = getattr(run, "__self__", None)
    return owner if isinstance(owner, Resumable) else None


class _LocalRun:
    """A run on this worker."""

    def __init__(self, run: Run, person: str, exchange: Any) -> None:
        self.person = person
        self.exchange = exchange
        self.state = _state_of(run)
        self.steps = run()
        self.made = 0
        self.credit = 0.0  # seconds; below 0 after a long step, which is paid for by being passed
        self.lock = threading.Lock()
        self.is_leaving = False
        self.state_sent = time.monotonic()

    def packed_state(self) -> tuple[bytes, int] | None:
        if self.state is None:
            return None
        self.state_sent = time.monotonic()
        return self.exchange.pack_state(self.state), self.made


class Worker:
    """Holds runs and advances them, on a computer of the cluster.

    Its slices are shared among people by deficit round-robin (Shreedhar and Varghese 1995).
    """

    def __init__(self) -> None:
        """Begin without any run."""
        from core.training.embeddings import shared_cache

        self._runs: dict[str, _LocalRun] = {}
        self._dropped: set[str] = set()
        self._lock = threading.Lock()
        self._embeddings: list[tuple[Any, Any]] = []
        shared_cache().on_put = lambda key, row: self._embeddings.append((key, row))

    def advance(self, name: str, settings: bytes, opening: bytes | None = None) -> bytes:
        """Make a slice of steps, and return the packed reply.

        Args:
            name: of the run.
            settings: the values of the live ones.
            opening: what to run and for whom, where it is to begin.
        """
        from core.server.parcel import Exchange
        from core.zoo.weights import WeightsMissing

        exchange = Exchange()
        local: _LocalRun | None = None
        try:
            if opening is not None:
                run, person = exchange.unpack(opening, is_first=True)
                _set(exchange, settings)
                local = self._begin(name, _LocalRun(run, person, exchange))
            else:
                local = self._runs.get(name)
            if local is None:  # it was dropped
                return exchange.pack(_Reply(is_end=True))
            with local.lock:
                exchange = local.exchange
                _set(exchange, settings)
                reply = self._slice(local)
        except Problem as problem:  # it could not even begin
            reply = _Reply(problem=problem)
        if reply.is_end or reply.problem:
            self._runs.pop(name, None)
        if isinstance(reply.problem, WeightsMissing):
            reply = replace(reply, missing=str(reply.problem.fields.get("file", "")))
        embeddings, self._embeddings = self._embeddings, []
        return exchange.pack(replace(reply, embeddings=tuple(embeddings)))

    def _begin(self, name: str, local: _LocalRun) -> _LocalRun | None:
        with self._lock:
            if name in self._dropped:
                self._dropped.discard(name)
                return None
            self._runs[name] = local
            return local

    def _slice(self, local: _LocalRun) -> _Reply:
        runs = list(self._runs.values())
        people = Counter(run.person for run in runs)
        share = min(_SLICE_SECONDS, _ROUND_SECONDS / len(people)) / people[local.person]
        local.credit = share + (local.credit if len(runs) > 1 else 0.0)
        began = time.monotonic()
        until = began + local.credit
        steps: list[Step[Any]] = []
        is_end, problem = local.is_leaving, None
        while not is_end and not local.is_leaving and time.monotonic() < until:
            try:
                steps.append(next(local.steps))
            except StopIteration:
                is_end = True
            except Problem as error:
                is_end, problem = True, error
        seconds = time.monotonic() - began
        local.credit -= seconds
        local.made += len(steps)
        is_due = time.monotonic() - local.state_sent > _STATE_SECONDS
        return _Reply(
            steps=(*(replace(s, picture=None, result=None) for s in steps[:-1]), *steps[-1:]),
            seconds=seconds,
            is_end=is_end,
            problem=problem,
            state=local.packed_state() if is_end or is_due else None,
        )

    def drop(self, name: str) -> tuple[bytes, int] | None:
        """End a run between two steps, and return its state, if it can be gone on with."""
        with self._lock:
            local = self._runs.pop(name, None)
            if local is None:
                self._dropped.add(name)
                return None
        local.is_leaving = True
        with local.lock:
            local.steps.close()
            return local.packed_state()

    def take_weights(self, name: str, content: bytes) -> None:
        """Put a network's weights where they are looked for."""
        from core.zoo import catalogue, weights

        path = weights.path(catalogue.entry(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
        partial.write_bytes(content)
        partial.replace(path)


def _set(exchange: Any, settings: bytes) -> None:
    for setting, value in zip(exchange.settings, exchange.unpack_state(settings), strict=False):
        setting.value = value


class _Workers:
    """The workers on the cluster: one for each of its processors at most, made when needed."""

    def __init__(self) -> None:
        """Connect to the cluster.

        Raises:
            Problem: it does not answer.
        """
        _check_that_it_answers(os.environ[ADDRESS])
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told of what is done
        import ray

        try:
            ray.init(  # where RAY_ADDRESS says
                ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _no_answer(os.environ[ADDRESS]) from error
        self._lock = threading.Lock()
        self._people: dict[Any, Counter[str]] = {}

    def place(self, person: str, *, is_lost: bool = False) -> Any:
        """Return a worker for a run: one that is free, or else one that the person has already.

        So a person's runs take one part of the cluster together, where others want theirs. A run
        whose computer was lost gets no new worker where there is another: for a while Ray counts
        the lost processors still, and a worker for one of them would never begin.
        """
        import ray

        with self._lock:
            processors = int(ray.cluster_resources().get("CPU", 1))
            known = self._people
            worker = min(known, key=lambda w: (len(known[w]), known[w].total()), default=None)
            grows = len(known) < processors and not is_lost
            if worker is None or (known[worker] and grows):
                actor = ray.remote(num_cpus=1, concurrency_groups={"control": 1})(Worker)
                worker = actor.remote()
                known[worker] = Counter()
            elif known[worker]:
                own = [w for w in known if known[w][person]]
                worker = min(own, key=lambda w: known[w].total(), default=worker)
            known[worker][person] += 1
            return worker

    def release(self, worker: Any, person: str) -> None:
        """Note that a person's run has left a worker."""
        with self._lock:
            if people := self._people.get(worker):
                people[person] -= 1
                people += Counter()  # drops those without any

    def forget(self, worker: Any) -> None:
        """Count no more on a worker that is lost."""
        with self._lock:
            self._people.pop(worker, None)


def _check_that_it_answers(address: str) -> None:
    """Ray itself would go on trying for minutes, and hold everybody up."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_SECONDS).close()
        except OSError as error:
            raise _no_answer(address) from error


def _no_answer(address: str) -> Problem:
    return Problem(
        N_(
            "The cluster at {address} does not answer. Start it, or start the app without RAY_ADDRESS to compute on this computer."
        ),
        address=address,
    )


@lru_cache(maxsize=1)
def _workers() -> _Workers:
    return _Workers()
