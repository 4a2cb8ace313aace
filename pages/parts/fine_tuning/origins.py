"""Where the photos to learn from come from: a set, a zip, files, the camera, the class's phones."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from core.classroom.room import Room
from core.data import datasets, sources
from core.data.datasets import Dataset
from core.data.photo_files import Skipped
from core.images import photos
from core.limits import LIMITS
from core.problem import N_, Problem
from core.server.scheduler import scheduler
from core.steps import Step, Steps
from pages.parts.fine_tuning import data_set, webcam
from pages.parts.shared import files, room, session, uploads
from pages.parts.shared.language import number, plain, remember_choice, say, t
from pages.parts.shared.settings import segments

ORIGINS = {
    "sets": N_("Ready-made sets"),
    "zip": N_("A zip"),
    "files": N_("Your photos"),
    "camera": N_("Webcam"),
}
_OF_ROOM = {room.ORIGIN: N_("Your class's room")}
LOOK = "look"
"""The job that looks through the photos."""
_MOST_CLASSES_BY_HAND = 6


@dataclass(frozen=True)
class Wanted:
    """Photos that somebody has chosen.

    Attributes:
        title: what to call them.
        identity: equal for the same photos.
        load: reads them; a computation, since they may have to come from far away.
        most: photos of the largest class.
        counts: photos of each class; None where the set itself, or its takes, divide them.
        room: the class's room that they are of, with which all that was made of them goes.
    """

    title: str
    identity: Hashable
    load: Callable[[], Steps[Dataset]]
    most: int
    counts: tuple[int, ...] | None = None
    room: Room | None = None


def photos_to_learn_from(*, watched: bool) -> Wanted | None:
    """Ask where the photos come from; None as long as there are too few.

    Args:
        watched: whether the page watches a job; see `webcam.collect`.
    """
    st.session_state.pop(room.TO_TRAINING, None)
    taught = room.of_teacher()
    has_photos = taught is not None and taught.collection is not None
    if not has_photos and st.session_state.get(room.ORIGIN_KEY) == room.ORIGIN:
        del st.session_state[room.ORIGIN_KEY]
    origins = {**ORIGINS, **_OF_ROOM} if has_photos else ORIGINS
    origin = segments(t("Photos to learn from"), origins, room.ORIGIN_KEY)
    if taught and origin == room.ORIGIN:
        return _from_room(taught)
    if origin == "zip":
        return _from_zip()
    if origin == "files":
        return _by_hand(_uploads)
    if origin == "camera":
        return _by_hand(
            lambda place, name: webcam.collect(f"train_camera_{place}", name, watched=watched)
        )
    return _from_source()


def _from_source() -> Wanted:
    known = {source.name: source for source in sources.SOURCES}
    columns = st.columns([2, 3], gap="medium", vertical_alignment="center")
    name = columns[0].selectbox(
        t("Set"),
        list(known),
        format_func=lambda name: _source_label(known[name]),
        key=remember_choice("train_set"),
        persist_state="session",
    )
    chosen = known[name]
    columns[1].caption(t(chosen.description) + f" *{t(chosen.credit)}.*")
    of_class = min(sources.MOST_PER_CLASS, chosen.photos // chosen.classes)
    return Wanted(
        t(chosen.title),
        chosen.name,
        lambda: sources.load(chosen),
        of_class,
        # What has to be downloaded may divide itself.
        (of_class,) * chosen.classes if chosen.is_offline else None,
    )


def _source_label(source: sources.Source) -> str:
    missing = "" if sources.is_here(source) else f" ↓ {source.size / 1e6:.0f} MB"
    return t(source.title) + missing


def _from_zip() -> Wanted | None:
    given = files.ask(
        st.file_uploader,
        t("A zip with one folder per class (or train/ and val/ of such)"),
        key="train_zip",
        changed=_forget_look,
        type="zip",
        max_upload_size=LIMITS.zip_mb,
    )
    if not given:
        return None
    archive = given[-1]
    content = uploads.taken(archive)
    if content is None:
        return None
    found = _listings().get(archive.file_id, lambda: _listed(content))
    if isinstance(found, Problem):
        st.error(say(found), icon=":material/error:")
        return None
    data_set.found(found)
    return Wanted(
        archive.name,
        archive.file_id,
        lambda: _at_once(lambda: datasets.from_zip(content)),
        max(found.counts.values()),
        None if found.parts else tuple(found.counts.values()),
    )


@session.kept
def _listings() -> session.Latest[datasets.Found | Problem]:
    """What was found in this session's zips, or what is wrong with them."""
    return session.Latest(4)


def _listed(archive: bytes) -> datasets.Found | Problem:
    try:
        return session.compute(lambda: datasets.found_in_zip(archive))
    except Problem as problem:
        return problem


def _from_room(taught: Room) -> Wanted | None:
    """Take the photos that the phones of a room have sent; each phone's stay together."""
    collection = taught.collection
    if collection is None:
        return None
    by_class = collection.files()
    counts = {name: len(of_class) for name, of_class in by_class.items()}
    st.markdown(" · ".join(f"**{plain(name)}** {number(count)}" for name, count in counts.items()))
    if sum(map(bool, counts.values())) < 2:
        st.info(
            t("The phones have to send photos of at least two classes first."),
            icon=":material/add_photo_alternate:",
        )
        return None
    data_set.takes(tuple(by_class), collection.phones(), of_phones=True)
    return Wanted(
        t("Your class's room"),
        (taught.code, tuple(sent.id for sent in collection.photos())),
        lambda: _at_once(lambda: datasets.from_files(by_class)),
        max(counts.values()),
        room=taught,
    )


def _by_hand(ask: Callable[[int, str], Sequence[datasets.Upload]]) -> Wanted | None:
    """Ask for class names and, with `ask`, for the photos of each."""
    count = int(
        st.number_input(
            t("How many classes"),
            2,
            _MOST_CLASSES_BY_HAND,
            2,
            key="train_classes",
            persist_state="session",
        )
    )
    by_class: dict[str, list[datasets.Upload]] = {}
    columns = st.columns(min(3, count))
    for i in range(count):
        with columns[i % len(columns)]:
            name = st.text_input(
                t("Class {number}", number=i + 1),
                t("class {number}", number=i + 1),
                max_chars=40,
                key=f"train_class_{i}",
                persist_state="session",
            )
            by_class.setdefault(name, []).extend(ask(i, name))
    if sum(bool(of_class) for of_class in by_class.values()) < 2:
        st.info(
            t("Add photos of at least two classes first."), icon=":material/add_photo_alternate:"
        )
        return None
    counts = tuple(len(of_class) for of_class in by_class.values() if of_class)
    in_takes = any(len(upload) > 2 for of_class in by_class.values() for upload in of_class)
    return Wanted(
        " · ".join(by_class),
        tuple((name, *(upload[0] for upload in of_class)) for name, of_class in by_class.items()),
        lambda: _at_once(lambda: datasets.from_files(by_class)),
        max(counts),
        None if in_takes else counts,
    )


def _uploads(place: int, name: str) -> list[tuple[str, bytes]]:
    given = files.ask(
        st.file_uploader,
        t("Photos of {name}", name=plain(name)),
        key=f"train_files_{place}",
        changed=_forget_look,
        type=list(photos.EXTENSIONS),
        accept_multiple_files=True,
        max_upload_size=LIMITS.file_mb,
        label_visibility="collapsed",
    )
    skipped: list[Skipped] = []
    readable: list[tuple[str, bytes]] = []
    for file in given:
        content = uploads.taken(file)
        if content is None:
            continue
        problem = _problems().get(file.file_id, partial(_problem, content, file.name))
        if problem:
            skipped.append(Skipped(file.name, problem))
        else:
            readable.append((file.name, content))
    data_set.unreadable(skipped)
    return readable


@session.kept
def _problems() -> session.Latest[Problem | None]:
    """What is wrong with this session's photos, by their files; None with those that can be read."""
    return session.Latest(datasets.MAX_PHOTOS)


def _problem(content: bytes, name: str) -> Problem | None:
    try:
        photos.decode(content, name)
    except Problem as problem:
        return problem
    return None


def _forget_look(_: object) -> None:
    """Forget what was seen of the photos, since they are others now."""
    scheduler().discard(session.owner(), LOOK)


def _at_once(read: Callable[[], Dataset]) -> Steps[Dataset]:
    yield Step(1, 1, phase=N_("reading the photos"), result=read())
