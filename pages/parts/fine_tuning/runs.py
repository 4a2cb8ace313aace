"""The page's computations: what begins them, where they show how far they are, and how."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from core.data import datasets, overview, sources
from core.data.datasets import Dataset
from core.server.jobs import Job, Snapshot
from core.server.scheduler import scheduler
from core.steps import Step, Steps
from core.training import learning_curve, loop
from core.training.challenge import challenge
from core.training.comparison import Comparison, compare
from core.training.descent import RateSearch
from core.training.embeddings import shared_cache
from core.training.evidence import Score
from core.training.learning_curve import LearningCurve
from core.training.settings import Settings, Strategy
from core.zoo.classifier import Classifier
from pages.parts.fine_tuning import star
from pages.parts.fine_tuning.origins import LOOK, Wanted
from pages.parts.shared import layout, live, made, session
from pages.parts.shared.language import t

RATE, CURVE, FAIR = "rate", "curve", "fair"
"""The jobs that search for a learning rate, measure the learning curve, and try other sets."""
JOBS = (session.TRAIN, LOOK, RATE, CURVE, FAIR)
_UNFAMILIAR = ("digits", "faces")
"""Sets that ImageNet has nothing like, and that are always here."""


def watched(jobs: Mapping[str, Job | None]) -> Job | None:
    """Return the job that the page follows; None if none is running."""
    return next((job for job in jobs.values() if job and live.is_running(job)), None)


@dataclass(frozen=True)
class Runs:
    """The page's computations, with what they are begun with.

    Attributes:
        base: the network to start from.
        jobs: the latest of each kind, by their names.
        wanted: the photos, if there are some yet.
        plan: the settings of each strategy that is wanted; empty if one is out of its range.
        places: by the jobs' names, where it is shown how far they are.
        draw: by the jobs' names, what shows them as they go on.
    """

    base: Classifier
    jobs: Mapping[str, Job | None]
    wanted: Wanted | None
    plan: Mapping[Strategy, Settings]
    places: dict[str, DeltaGenerator] = field(default_factory=dict)
    draw: dict[str, Callable[[Snapshot], None]] = field(default_factory=dict)

    @property
    def is_any_running(self) -> bool:
        """Whether one of them is running; no other can be begun then."""
        return watched(self.jobs) is not None

    @property
    def of_photos(self) -> made.Ingredients | None:
        """What a run on the chosen photos is made with."""
        if self.wanted is None:
            return None
        title = f"{self.wanted.title} · {self.base.title}"
        return made.Ingredients((self.wanted.identity, self.base.name), title)

    @property
    def of_network(self) -> made.Ingredients:
        """What a run on the app's own photos is made with."""
        return made.Ingredients(self.base.name, self.base.title)

    def result(self, name: str) -> Any:
        """Return what a run has come to, with what is chosen now; None as long as it has not."""
        job = self.jobs[name]
        chosen = self.of_network if name == FAIR else self.of_photos
        return job.snapshot().result if job and made.is_current(name, chosen) else None

    def button(
        self, name: str, label: str, begin: Callable[[], None], *, icon: str, key: str, help: str
    ) -> None:
        """Show the button that begins a run; below it is shown how far the run is."""
        self.places[name] = st.container(key=f"train_{name}_begins")
        layout.in_sight(live.run_number(self.jobs[name]), f"train_{name}_begins")
        lacks = not self.plan if name == FAIR else self.wanted is None
        self.places[name].button(
            label,
            icon=icon,
            on_click=begin,
            disabled=lacks or self.is_any_running,
            key=key,
            help=help,
        )

    def train(self) -> None:
        """Submit the training; the network trained before, or brought along, is replaced."""
        star.make_star()
        self._submit(session.TRAIN, partial(training_run, self.base, dict(self.plan)))

    def look(self) -> None:
        """Submit a look through the photos."""
        self._submit(LOOK, overview.survey)

    def search_rate(self) -> None:
        """Submit a search for the learning rate."""
        self._submit(RATE, partial(rate_run, self.base, next(iter(self.plan.values()))))

    def measure_curve(self) -> None:
        """Submit the learning curve."""
        self._submit(CURVE, partial(curve_run, self.base))

    def try_the_unfamiliar(self) -> None:
        """Submit trainings on sets that ImageNet has nothing like."""
        settings = next(iter(self.plan.values())).of_head
        titles = {name: t(sources.source(name).title) for name in _UNFAMILIAR}
        run = partial(unfamiliar_run, self.base, titles, settings)
        made.note(FAIR, self.of_network)
        session.start_job(FAIR, run, lambda last: last.result)

    def _submit(self, name: str, run: Callable[[Dataset], Steps[Any]]) -> None:
        """Submit a computation on the chosen photos, which are read on this computer."""
        assert self.wanted is not None, "the button is disabled without photos"
        assert self.of_photos is not None
        made.note(name, self.of_photos)
        first = partial(loaded, self.wanted.load)
        job = session.start_job(name, run, lambda last: last.result, first=first)
        if self.wanted.room:
            self.wanted.room.when_cleared(
                partial(_forget, session.owner(), name, job.number, session.own_photos())
            )

    def watch(self) -> None:
        """Follow the run that is going on, or show how the latest training ended."""
        going = watched(self.jobs)
        name = next((n for n, job in self.jobs.items() if job and job is going), session.TRAIN)
        if job := self.jobs[name]:
            draw = self.draw.get(name, lambda snapshot: None)
            live.watch(job, draw, place=self.places.get(name, self.places[session.TRAIN]))


def _forget(owner: str, name: str, number: int, own: dict[str, Image.Image]) -> None:
    """Forget a run, unless another one has taken its place, and the photos taken over from it.

    Args:
        owner: whose run it is.
        name: of the job.
        number: of the job.
        own: the owner's photos; see `session.own_photos`.
    """
    job = scheduler().get(owner, name)
    if job and job.number == number:
        scheduler().discard(owner, name)
        for photo in [photo for photo in own if photo.startswith(session.LEARNED)]:
            own.pop(photo, None)


def loaded(load: Callable[[], Steps[Dataset]]) -> Generator[Step[Any], None, Dataset]:
    """Run the reading of photos as part of another computation, and give them."""
    dataset: Dataset | None = None
    for step in load():
        dataset = step.result or dataset
        yield Step(step.index, step.total, phase=step.phase)
    assert dataset is not None, "reading ends with a data set or a problem"
    return dataset


def training_run(
    base: Classifier, plans: Mapping[Strategy, Settings], dataset: Dataset
) -> Steps[Comparison]:
    """Train with each strategy that is wanted, one after the other."""
    cache = shared_cache()
    yield from compare(
        {name: loop.train(base, dataset, plan, cache) for name, plan in plans.items()}
    )


def rate_run(base: Classifier, settings: Settings, dataset: Dataset) -> Steps[RateSearch]:
    """Search for a learning rate for a head."""
    yield from loop.search(base, dataset, settings, shared_cache())


def curve_run(base: Classifier, dataset: Dataset) -> Steps[LearningCurve]:
    """Measure the learning curve on all the photos."""
    parts = datasets.split(dataset, per_class=None, validation_per_class=None, seed=0)
    classes = len(dataset.classes)
    settings = learning_curve.CurveSettings()
    yield from learning_curve.learning_curve(base, parts, classes, settings, shared_cache())


def unfamiliar_run(
    base: Classifier, titles: Mapping[str, str], settings: Settings
) -> Steps[tuple[Score, ...]]:
    """Train on data sets that come with the app, given by their names with titles."""
    sets = {title: sources.read(sources.source(name)) for name, title in titles.items()}
    yield from challenge(base, sets, settings, shared_cache())
