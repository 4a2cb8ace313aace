"""One visitor: who owns the jobs, which network and photo are chosen."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from functools import partial, wraps
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import streamlit as st
from PIL import Image

from core.classroom.answer import Answer
from core.classroom.room import rooms
from core.images import photos
from core.problem import Problem
from core.server import cluster
from core.server.jobs import Job
from core.server.log import who
from core.server.scheduler import scheduler
from core.steps import Step, Steps
from core.zoo import catalogue, weights
from pages.parts.shared import live, streamlit_internals
from pages.parts.shared.language import say, t

if TYPE_CHECKING:
    from core.data.datasets import Photo
    from core.training.comparison import Comparison
    from core.training.loop import Training
    from core.zoo.classifier import Classifier

T = TypeVar("T")
OWNER = "owner"
NETWORK = "network"
PHOTO = "photo"
VISITED = "room_visited"
"""Under which the code of the room is kept that this visitor has come to."""
TRAIN = "train"
SWITCHED = "maps_gains"
"""Under which is kept by what channels of networks are multiplied."""
LEARNED = "learned "
"""Begins the id of a photo that the visitor's own network was examined on."""
MOST_LEARNED = 8


def owner() -> str:
    """Return the unguessable id under which this session's jobs run; they end when it goes."""
    if OWNER not in st.session_state:
        st.session_state[OWNER] = uuid.uuid4().hex
    _lease(st.session_state[OWNER], streamlit_internals.session_id())
    return str(st.session_state[OWNER])


def _released(lease: tuple[str, str]) -> None:
    owner, session_id = lease
    scheduler().release(owner, partial(streamlit_internals.is_connected, session_id))


@st.cache_resource(scope="session", show_spinner=False, on_release=_released)
def _lease(owner: str, session_id: str) -> tuple[str, str]:
    """Return what Streamlit drops when the connection is lost, which releases the owner.

    A browser that comes back runs its page again only if a run was under way. Until it does, the
    scheduler asks whether the session is connected.
    """
    return owner, session_id


def kept(make: Callable[[], T]) -> Callable[[], T]:
    """Keep what a function returns for the session, in memory, until a grace after it has gone.

    This is the one place for what belongs to a visitor. Streamlit's own session caches are emptied
    at once when a connection is lost.
    """
    name = f"{make.__module__}.{make.__name__}"
    return wraps(make)(lambda: scheduler().belonging(owner(), name, make))


class Latest(Generic[T]):
    """The latest results of a computation, by key; to be `kept`. Safe from several threads."""

    def __init__(self, most: int) -> None:
        """Keep at most so many."""
        self._most = most
        self._results: dict[Hashable, T] = {}  # the oldest first
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the result for a key, made if it is not there."""
        with self._lock:
            if key in self._results:
                self._results[key] = result = self._results.pop(key)
                return result
        result = make()
        with self._lock:
            self._results[key] = result
            while len(self._results) > self._most:
                del self._results[next(iter(self._results))]
        return result


@kept
def own_photos() -> dict[str, Image.Image]:
    """Return this session's uploaded and taken photos; only in memory, gone with the session."""
    return {}


@kept
def own_photo_names() -> dict[str, str]:
    """Return what the files of `own_photos` are called, by the same ids."""
    return {}


def recipe_name(photo: Image.Image) -> str:
    """Return a name for a visitor's photo, of its content: a recipe must not carry the photo itself."""
    return "own:" + hashlib.sha256(photo.tobytes()).hexdigest()[:16]


@kept
def _offered() -> Latest[dict[str, tuple[str, Image.Image]]]:
    return Latest(1)


def learned_photos() -> dict[str, tuple[str, Image.Image]]:
    """Return some validation photos of this session's network by their ids, with their classes."""
    found = training()
    if found is None:
        return {}

    def read() -> dict[str, tuple[str, Image.Image]]:
        of_class: dict[int, list[Photo]] = {}
        for photo in found.validation:
            of_class.setdefault(photo.label, []).append(photo)
        in_turn = [p for row in zip_longest(*of_class.values()) for p in row if p is not None]
        return {
            f"{LEARNED}{number} {photo.name}": (
                found.classifier.labels[photo.label],
                photos.decode(photo.data, photo.name),
            )
            for number, photo in enumerate(in_turn[:MOST_LEARNED])
        }

    job = scheduler().get(owner(), TRAIN)
    return _offered().get(job.number if job else 0, read)


@kept
def answers() -> dict[str, Answer]:
    """Return what this visitor has predicted in the lesson's scenes, by the scene's id."""
    return {}


def job(name: str) -> Job | None:
    """Return this session's job of that name, running or ended."""
    return scheduler().get(owner(), name)


def start_job(
    name: str,
    run: Callable[..., Steps[Any]],
    conclude: Callable[[Any], Any] | None = None,
    history: Mapping[str, Sequence[float]] | None = None,
    *,
    first: Callable[[], Generator[Step[Any], None, Any]] | None = None,
) -> Job:
    """Start a long run of this session, on the cluster where there is one.

    Args:
        name: of the job; the one before it of that name is replaced.
        run: what is computed. It may be sent away, so it is a function of a module, with its
            arguments bound by `functools.partial`.
        conclude: turns the last step into the job's result, on this computer.
        history: the scalars of the run that this one goes on from.
        first: what has to be done on this computer before; `run` is given what this returns.
    """
    person = who(owner())

    def steps() -> Generator[Any, None, None]:
        whole = run
        if first is not None:
            whole = partial(run, (yield from first()))
        yield from cluster.anywhere(whole, person)()

    return scheduler().submit(owner(), name, steps, conclude, history)


def compute(work: Callable[[], T]) -> T:
    """Do something short on the compute thread, ahead of the long runs, and return its result."""
    return scheduler().call(work)


def comparison() -> Comparison | None:
    """Return what this session's latest training has come to, way by way, if there is one."""
    trained = job(TRAIN)
    return trained.snapshot().result if trained else None


def training() -> Training | None:
    """Return this session's own network with the evidence for it, if one was trained here."""
    from core.training.comparison import best

    found = comparison()
    return best(found) if found else None


@kept
def brought() -> dict[str, Classifier]:
    """Return the network that the visitor has brought along, under `catalogue.OWN`; only in memory."""
    return {}


def own_classifier() -> Classifier | None:
    """Return this session's own network: the one brought along, or else the one trained here."""
    if catalogue.OWN in brought():
        return brought()[catalogue.OWN]
    trained = training()
    return trained.classifier if trained else None


def room_classifier() -> Classifier | None:
    """Return the network of the room that this visitor has come to, as long as there is one."""
    try:
        return rooms().find(str(st.session_state.get(VISITED, ""))).network
    except Problem:
        return None


def trained_here(name: str) -> Classifier | None:
    """Return the network of one of these names: the visitor's own, or the room's; else None."""
    if name == catalogue.OWN:
        return own_classifier()
    return room_classifier() if name == catalogue.ROOM else None


def photo(default: str) -> Image.Image:
    """Return the chosen photo as RGB; the page's own default as long as nothing was chosen."""
    chosen = photo_id(default)
    return own_photos().get(chosen) or photos.read_sample(chosen)


def photo_id(default: str) -> str:
    """Return which photo is chosen: a sample's id, or one of `own_photos`."""
    chosen = str(st.session_state.get(PHOTO, default))
    known = {sample.id for sample in photos.SAMPLES} | set(own_photos())
    return chosen if chosen in known else default


def photo_name(default: str) -> str:
    """Return what to call the chosen photo: a sample's id, or the name of the visitor's own file."""
    chosen = photo_id(default)
    return own_photo_names().get(chosen, chosen)


def classifier() -> Classifier:
    """Return the chosen network, ready for use.

    Where its weights have to be downloaded first, this shows the download and ends the run of
    the page; where that fails, it says so and gives the built-in network.
    """
    name = st.session_state.get(NETWORK, catalogue.DEFAULT)
    return trained_here(name) or _loaded(name)


def network_named(name: str) -> Classifier:
    """Return a network by its name, the visitor's own and the room's included, without a download.

    Raises:
        Problem: there is none, or its weights are not here.
    """
    from core.zoo import loading

    if own := trained_here(name):
        return own
    return compute(lambda: loading.shared(catalogue.entry(name).name))


def base_classifier() -> Classifier:
    """Return the chosen network of the catalogue; for one that was trained, its origin."""
    name = st.session_state.get(NETWORK, catalogue.DEFAULT)
    if name in catalogue.TRAINED_HERE:
        own = trained_here(name)
        name = own.provenance.network if own else catalogue.DEFAULT
    return _loaded(name)


def _loaded(name: str) -> Classifier:
    from core.zoo import loading

    try:
        entry = catalogue.entry(name)
        if not weights.present(entry):
            _download(entry)
        return compute(lambda: loading.shared(entry.name))
    except Problem as problem:
        st.warning(say(problem), icon=":material/cloud_off:")
        st.caption(t("Going on with the built-in network."))
        return compute(lambda: loading.shared(catalogue.DEFAULT))


def _download(entry: catalogue.Entry) -> None:
    """Download an entry's weights as a job, watching it.

    Raises:
        Problem: it failed; asking again tries again.
    """
    running = job("download")
    if running is None or running.snapshot().state.is_end:
        running = scheduler().submit(owner(), "download", lambda: weights.download(entry))
    box = st.container(border=True)
    box.markdown(
        t("**Downloading {network}** – only once, then it stays here.", network=entry.title)
    )
    live.watch(running, lambda snapshot: None, place=box, rerun=False, unit=t("MB"))
    ended = running.snapshot()
    scheduler().discard(owner(), "download")
    if ended.problem:
        raise ended.problem
    box.empty()
