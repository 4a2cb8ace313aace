"""What every long computation yields, one step after the other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Result = TypeVar("Result")
Returned = TypeVar("Returned")
Outer = TypeVar("Outer")
Value = TypeVar("Value")
Pixels: TypeAlias = NDArray[np.uint8]
"""An 8-bit RGB picture, (H, W, 3): what is shown, saved and claimed."""


@dataclass(frozen=True, slots=True)
class Step(Generic[Result]):
    """One immutable step of a long computation.

    Attributes:
        index: how many of the `total` units of work are done, from 1.
        total: how many there are.
        scalars: the numbers worth a curve, by name (losses in the unit of their weights,
            probabilities in [0, 1]).
        phase: what is being done, as a translatable text; empty where it goes without saying.
        picture: the state as an 8-bit picture, where there is one to show.
        result: the best result so far. Closing the generator after any step leaves this one;
            None as long as there is nothing to keep.
    """

    index: int
    total: int
    scalars: Mapping[str, float] = field(default_factory=dict)
    phase: str = ""
    picture: Pixels | None = None
    result: Result | None = None


Steps: TypeAlias = Generator[Step[Result], None, None]


class LiveSetting(Generic[Value]):
    """A setting that may be changed, from any thread, while a computation goes on reading it.

    Where the computation is on another computer, the value follows it there.
    """

    def __init__(self, value: Value) -> None:
        """Begin with a value, which is replaced and never changed in itself."""
        self.value = value

    def read(self) -> Value:
        """Return the value that holds now."""
        return self.value


@runtime_checkable
class Resumable(Protocol):
    """A computation that keeps its state in itself: called again, it goes on from there.

    It can be pickled between any two steps, so it may go on in another process.
    """

    def resume(self) -> Steps[Any]:
        """Return the steps that are still to be made."""


def finish(steps: Steps[Result]) -> Result:
    """Run a computation to its end and return its result.

    Raises:
        ValueError: it came to none.
    """
    result = None
    for step in steps:
        result = step.result
    if result is None:
        raise ValueError("the computation came to no result")
    return result


def relayed(
    inner: Generator[Step[Any], None, Returned], change: Callable[[Step[Any]], Step[Outer]]
) -> Generator[Step[Outer], None, Returned]:
    """Run a computation as a part of another one.

    Args:
        inner: the part. Closing this closes it.
        change: makes a step of the whole out of one of the part.

    Yields:
        The changed steps.

    Returns:
        What the part returns.
    """
    try:
        while True:
            yield change(next(inner))
    except StopIteration as end:
        value: Returned = end.value
        return value
    finally:
        inner.close()


def returned(steps: Generator[Step[Any], None, Returned]) -> Returned:
    """Run a computation to its end and return what it returns."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        value: Returned = end.value
        return value


def abreast(runs: Mapping[str, Steps[Any]]) -> Steps[Mapping[str, Step[Any]]]:
    """Run several computations side by side, a step of each in turn, until all have ended.

    Args:
        runs: by name.

    Yields:
        A step per round, counting the steps of all; the scalars are those of all, named
        "run · scalar", and the result holds the latest step of each run by its name. Closing this
        closes all of them.
    """
    latest: dict[str, Step[Any]] = {}
    going = dict(runs)
    try:
        while going:
            scalars: dict[str, float] = {}
            for name, run in list(going.items()):
                step = next(run, None)
                if step is None:
                    del going[name]
                    continue
                latest[name] = step
                scalars |= {f"{name} · {key}": value for key, value in step.scalars.items()}
            if going:
                yield Step(
                    sum(step.index for step in latest.values()),
                    sum(step.total for step in latest.values()),
                    scalars=scalars,
                    result=dict(latest),
                )
    finally:
        for run in going.values():
            run.close()
