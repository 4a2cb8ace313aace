"""The attack's laboratory: what is measured over many photos and networks, and on which photos."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from core.data import album
from core.data.album import Album
from core.data.photo_files import PhotoFile
from core.images import photos
from core.problem import N_
from core.server.jobs import Job, Snapshot
from core.steps import Step, Steps
from core.training.loop import Training
from core.zoo.classifier import Classifier
from pages.parts.adversarial_attack.attack import Plan, photo_key
from pages.parts.shared import (
    files,
    layout,
    live,
    made,
    network_names,
    questions,
    scenes,
    session,
    tab,
    uploads,
)
from pages.parts.shared.language import class_name, photo_title, t, tn
from pages.parts.shared.registry import ATTACK
from pages.parts.shared.settings import segments

MOST_PHOTOS = 40
"""More would take a class's computer for too long."""
PARTS = {
    "ledger": N_("Ledger"),
    "needed": N_("How much is needed"),
    "helps": N_("What helps"),
    "sticker": N_("Sticker"),
}
_PART = "attack_part"
_TO_NEEDED = "attack_to_needed_clicks"
_ORIGINS = {
    "samples": N_("20 samples"),
    "training": N_("Your network's validation photos"),
    "uploads": N_("Your photos"),
}


@dataclass(frozen=True)
class Laboratory:
    """The runs of the laboratory, with what they are made with.

    Attributes:
        classifier: the network.
        photo, photo_name: the photo, and what to call it.
        plan: the attack that is chosen.
        files: the photos that are measured on.
        watched: the runs that are going on or have failed, each with the place where it is shown
            how far it is.
        draw: by the runs' names, what shows them as they go on.
    """

    classifier: Classifier
    photo: Image.Image
    photo_name: str
    plan: Plan
    files: Sequence[PhotoFile]
    watched: list[tuple[str, Job, DeltaGenerator]] = field(default_factory=list)
    draw: dict[str, Callable[[Snapshot], None]] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """The name of what the photo is to be seen as, for people."""
        if self.plan.target is None:
            return t("anything else")
        return class_name(self.classifier.labels[self.plan.target])

    def run(
        self,
        name: str,
        label: str,
        make: Callable[[], Steps[Any]],
        chosen: made.Ingredients,
        *,
        disabled: bool = False,
    ) -> Any:
        """Show the button of a run, and return what the latest one has come to, if anything.

        Args:
            name: of the run.
            label: of the button.
            make: gives the run.
            chosen: what it would be made with now.
            disabled: whether it cannot be begun.
        """
        key = f"attack_{name}"
        run = session.job(key)

        def begin() -> None:
            made.note(key, chosen)
            session.start_job(key, make, lambda last: last.result)

        layout.in_sight(live.run_number(run), f"{key}_buttons")
        with st.container(horizontal=True, key=f"{key}_buttons"):
            st.button(
                label,
                icon=":material/play_arrow:",
                on_click=begin,
                disabled=live.is_running(run) or disabled,
                key=f"{key}_start",
            )
            if run and live.is_running(run):
                stop = t("Stop run")
                st.button(stop, icon=":material/stop:", on_click=run.stop, key=f"{key}_stop")
        place = st.container()
        if run is None:
            return None
        if live.is_running(run) or run.snapshot().problem:
            self.watched.append((name, run, place))
        result = run.snapshot().result
        if result:
            made.tell(key, chosen)
        return result

    def on_photo(self, title: str, *more: Hashable) -> made.Ingredients:
        """Return what a run on the one photo is made with; for the rest, see `made_with`."""
        name = photo_title(self.photo_name)
        return made_with(self.classifier, name, self._photo_key, title, *more)

    @cached_property
    def _photo_key(self) -> str:
        return photo_key(self.photo)

    def on_files(self, title: str = "", *more: Hashable) -> made.Ingredients:
        """Return what a run on many photos is made with; for the rest, see `made_with`."""
        name = tn("{count} photo", "{count} photos", len(self.files))
        identity = tuple(file.name for file in self.files)
        return made_with(self.classifier, name, identity, title, *more)

    def watch(self) -> None:
        """Follow the first of the runs that are going on."""
        if self.watched:
            name, run, place = self.watched[0]
            live.watch(run, self.draw.get(name, lambda snapshot: None), place=place)


def made_with(
    classifier: Classifier, name: str, identity: Hashable, title: str = "", *more: Hashable
) -> made.Ingredients:
    """Return what a run is made with.

    Args:
        classifier: the network.
        name: what to call the photo or the photos.
        identity: what tells those from others.
        title: what to call the rest.
        more: what tells the rest from others, beside its title.
    """
    # The visitor's own network may be another one under the same name.
    network = classifier.name, classifier.title, classifier.provenance.body
    parts = (name, network_names.title_of(classifier.name), title)
    return made.Ingredients(
        (network, (name, identity), title, *more), " · ".join(part for part in parts if part)
    )


def to_needed() -> None:
    """Open the part that finds the smallest ε, and bring it into sight; for a button's callback."""
    st.session_state[_PART] = "needed"
    layout.count(_TO_NEEDED)


def opened() -> tuple[list[PhotoFile], Sequence[DeltaGenerator]]:
    """Lay the laboratory out, and return the photos that are measured on and the tabs of `PARTS`."""
    part = st.session_state.get(_PART, "ledger")
    with st.container(key="attack_laboratory"):
        is_asked_for = part != "ledger" and not questions.awaits_prediction(ATTACK)
        opening = f"{scenes.opened()} {layout.counted(_TO_NEEDED)}".strip()
        layout.in_sight(opening if is_asked_for else "", "attack_laboratory")
        files = _photo_files()
        # A scene is opened at the part that it speaks of: for another part they are other tabs.
        return files, st.tabs(
            list(map(t, PARTS.values())), default=t(PARTS[part]), key=f"attack_tabs_{part}"
        )


def _photo_files() -> list[PhotoFile]:
    """Ask for the photos that are measured on; empty as long as none was uploaded."""
    # In one place, however much is asked for: tabs that move fall back to the first one.
    with st.container():
        training = session.training()
        origins = {n: title for n, title in _ORIGINS.items() if n != "training" or training}
        chosen = segments(
            t("Photos to measure on: for the curve, for what helps, for the sticker"),
            origins,
            f"attack_photos_{len(origins)}",  # other choices, another widget
            help=t("At most {count} of them are used.", count=MOST_PHOTOS),
        )
        if chosen == "training" and training:
            return examined(training)
        if chosen == "uploads":
            return _uploaded()
        return album.samples()


def examined(training: Training) -> list[PhotoFile]:
    """Return the validation photos of a network, with their classes."""
    names = training.classifier.labels
    return [
        PhotoFile(photo.name, partial(bytes, photo.data), names[photo.label])
        for photo in training.validation
    ]


def _uploaded() -> list[PhotoFile]:
    given = files.ask(
        st.file_uploader,
        t("Your photos"),
        key="attack_uploads",
        type=list(photos.EXTENSIONS),
        accept_multiple_files=True,
        max_upload_size=photos.MAX_BYTES // 10**6,
        label_visibility="collapsed",
        help=t(
            "They stay in memory and are shown to nobody else. They go when you remove them, or {seconds} s after you close this tab. A reload keeps them.",
            seconds=tab.kept_for(),
        ),
    )
    if not given:
        st.caption(t("Add some photos first."))
    return [PhotoFile(file.name, partial(uploads.read, file)) for file in given]


def read(classifier: Classifier, files: Sequence[PhotoFile]) -> Generator[Step[Any], None, Album]:
    """Read photos for a network; so many that it takes minutes at most."""
    return album.reading(classifier, files, most=MOST_PHOTOS)
