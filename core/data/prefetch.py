"""Fetching networks and data sets beforehand, so that a class needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.data import sources
from core.data.sources import Source
from core.downloads.fetch import megabytes
from core.problem import N_, Problem
from core.steps import Step, Steps
from core.zoo import catalogue, weights
from core.zoo.catalogue import Entry


@dataclass(frozen=True)
class Item:
    """A network or a data set that can be had beforehand.

    Attributes:
        of: the network or the data set itself.
        name: on the command line.
        title: for people.
        size: how many bytes have to be downloaded; 0 for what comes with the packages.
    """

    of: Entry | Source
    name: str
    title: str
    size: int

    @property
    def present(self) -> bool:
        """Whether it is on this machine."""
        if isinstance(self.of, Entry):
            return weights.present(self.of)
        return sources.is_here(self.of)

    @property
    def place(self) -> Path | None:
        """The file or folder it is in, or would be; None where it is a package's own business."""
        if self.size == 0:
            return None
        return weights.path(self.of) if isinstance(self.of, Entry) else sources.path(self.of)


def everything() -> tuple[Item, ...]:
    """Return all there is: the networks of the catalogue, then the data sets that have a name."""
    networks = (
        Item(e, e.name, e.title, 0 if e.source == "package" else e.weights_bytes)
        for e in catalogue.ENTRIES
    )
    return (*networks, *(Item(s, s.name, s.title, s.size) for s in sources.SOURCES))


def chosen(names: Sequence[str]) -> tuple[Item, ...]:
    """Return what is meant by some names; no names mean everything.

    Args:
        names: of data sets, and of networks as `catalogue.entry` knows them.

    Raises:
        Problem: nothing is called so.
    """
    items = everything()
    return tuple(dict.fromkeys(_named(name, items) for name in names)) if names else items


def _named(name: str, items: Sequence[Item]) -> Item:
    for item in items:
        if item.name == name:
            return item
    try:
        network = catalogue.entry(name)
    except Problem as problem:
        raise Problem(
            N_("There is no network and no data set called {name}. There are: {names}."),
            name=name,
            names=", ".join(item.name for item in items),
        ) from problem
    return next(item for item in items if item.of is network)


def prefetch(items: Sequence[Item]) -> Steps[tuple[Item, ...]]:
    """Download what is not here, going on where it was left, and check what is.

    One that fails does not keep the others from being fetched.

    Yields:
        Steps counted in megabytes; the phase tells what is being done to which. The last one's
        result is what is here now.

    Raises:
        Problem: in the end, where any could not be had or is damaged: each with its reason.
    """
    total = sum(megabytes(item.size) for item in items)
    done = 0
    failed: list[Problem] = []
    for item in items:
        share = megabytes(item.size)
        reached = done
        try:
            with closing(_fetched(item)) as steps:
                for step in steps:
                    # Unpacking counts from the beginning, after the download has counted to the end.
                    reached = max(reached, done + share * step.index // step.total)
                    yield Step(
                        reached,
                        total,
                        phase=f"{item.title}, {step.phase}" if step.phase else item.title,
                    )
        except Problem as problem:
            failed.append(problem)
        done += share
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise Problem(
            N_("{count} of {all} are not ready: {reasons}"),
            count=len(failed),
            all=len(items),
            reasons=" ".join(map(str, failed)),
        )
    yield Step(total, total, result=tuple(items))


def _fetched(item: Item) -> Steps[Path]:
    was_here = item.present
    if isinstance(item.of, Entry):
        yield from weights.download(item.of, resume=True)
        if was_here:  # what has just come is checked already
            weights.check(item.of)
    else:
        yield from sources.download(item.of)
        if was_here:
            yield from sources.check(item.of)
