"""What a channel looks for: its own ideal picture, and the photos that excite it most."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st
from PIL import Image

from core.data.datasets import Photo
from core.features.max_activation import MaxActivations, max_activations
from core.images import photos
from core.server.jobs import Job, Snapshot
from core.steps import Pixels
from core.synthesis.thumbnail import STEPS, thumbnail
from core.zoo.classifier import Classifier
from pages.parts.feature_maps.follow import begun, follow
from pages.parts.feature_maps.walk import channel_title, layer_title
from pages.parts.shared import layout, save, session
from pages.parts.shared.language import number, plain, t

_MOST_DRAWINGS = 400
"""Of 50 kB each."""
_PHOTOS_SHOWN = 4
_MOST_LEARNED = 24
_SIDE = 160
_SIDE_LEARNED = 260
"""The largest picture that a built-in network looks at."""

Place = tuple[str, int]
"""A layer's name and a channel's number."""


@st.cache_resource(show_spinner=False)
def drawings() -> OrderedDict[tuple[object, ...], Pixels]:
    """Everybody's ideal pictures, by `drawing_key`; the oldest are forgotten first.

    A class draws each of them once. A network of one's own has a key that nobody else can name.
    """
    return OrderedDict()


def drawing_key(classifier: Classifier, place: Place) -> tuple[object, ...]:
    """What tells a channel from all others; networks on the same body share theirs."""
    return (classifier.provenance.network, classifier.provenance.body, *place)


def keep(key: tuple[object, ...], pixels: Pixels) -> None:
    """Remember an ideal picture."""
    kept = drawings()
    kept[key] = pixels
    while len(kept) > _MOST_DRAWINGS:
        kept.popitem(last=False)


def missing(classifier: Classifier, places: Sequence[Place]) -> list[Place]:
    """Return those of some channels whose ideal pictures are not drawn yet."""
    return [place for place in places if drawing_key(classifier, place) not in drawings()]


def keep_drawn(classifier: Classifier, snapshot: Snapshot) -> None:
    """Remember the ideal pictures that a run has done: all but the one that is being drawn."""
    drawn: Mapping[Place, Pixels] = (snapshot.step.result if snapshot.step else None) or {}
    is_last_done = snapshot.step is not None and snapshot.step.index % STEPS == 0
    for place in missing(classifier, list(drawn) if is_last_done else list(drawn)[:-1]):
        keep(drawing_key(classifier, place), drawn[place])


def more(classifier: Classifier, layer: str, channel: int) -> None:
    """Show a channel's ideal picture and the photos that excite it, one beside the other."""
    left, right = st.columns([1, 4], gap="medium")
    with left:
        layout.label(t("What channel {channel} looks for", channel=channel))
        _ideal(classifier, (layer, channel))
    with right:
        layout.label(
            t(
                "The photos that excite channel {channel} of {layer} most",
                channel=channel,
                layer=layer_title(classifier, layer),
            )
        )
        _exciting(classifier, layer, channel)


def _ideal(classifier: Classifier, place: Place) -> None:
    key = drawing_key(classifier, place)
    if (kept := drawings().get(key)) is not None:
        _show_ideal(classifier, kept, place)
        save.png(lambda: kept, "ideal-{}-{}".format(*place), "maps_ideal_download")
        return
    job = session.job("maps_ideal")
    if job is not None and st.session_state.get("maps_ideal_of") == key:
        follow(job, lambda snapshot: _draw_ideal(classifier, snapshot, key, place))
        return
    st.button(
        t("Draw it"),
        icon=":material/palette:",
        key="maps_ideal",
        on_click=_start_ideal,
        args=(classifier, place, key),
        help=t("A small ideal picture, in a second or two."),
    )


def _start_ideal(classifier: Classifier, place: Place, key: tuple[object, ...]) -> None:
    st.session_state["maps_ideal_of"] = key
    session.start_job("maps_ideal", partial(thumbnail, classifier, *place))


def _draw_ideal(
    classifier: Classifier, snapshot: Snapshot, key: tuple[object, ...], place: Place
) -> None:
    if snapshot.step is None or snapshot.step.picture is None:
        return
    if snapshot.state.is_end:
        keep(key, snapshot.step.picture)
    _show_ideal(classifier, snapshot.step.picture, place)


def _show_ideal(classifier: Classifier, pixels: Pixels, place: Place) -> None:
    layer, channel = place
    layout.picture(
        pixels,
        channel_title(classifier, layer, channel),
        t("The ideal picture of channel {channel} of {layer}", channel=channel, layer=layer),
    )


def album() -> dict[str, Image.Image]:
    """The photos there are to look through: the visitor's own first, then the samples."""
    samples = {sample.id: photos.read_sample(sample.id) for sample in photos.SAMPLES}
    return session.own_photos() | samples


def _learned() -> dict[str, tuple[str, Image.Image]]:
    """Some of the photos that this session's network learned from, with their classes."""
    training = session.training()
    if training is None:
        return {}
    by_class = sorted(training.train, key=lambda photo: photo.label)
    every = -(-len(by_class) // _MOST_LEARNED)
    return {
        f"learned {number}": (training.classifier.labels[photo.label], _read(photo))
        for number, photo in enumerate(by_class[::every])
    }


def _read(photo: Photo) -> Image.Image:
    # Small, since there are many.
    return _photos_read().get(
        photo, lambda: photos.centre_square(photos.decode(photo.data, photo.name), _SIDE_LEARNED)
    )


@session.kept
def _photos_read() -> session.Latest[Image.Image]:
    """Photos that this session's network learned from, decoded."""
    return session.Latest(_MOST_LEARNED)


def _everything() -> dict[str, tuple[str, Image.Image]]:
    """All photos that a channel may be shown, with their titles."""
    return {name: (title_of(name), photo) for name, photo in album().items()} | _learned()


@st.cache_resource(show_spinner=False)
def _seen_by_all() -> dict[str, MaxActivations]:
    """What the app's own networks made of the samples: the same for everybody, so asked once."""
    return {}


def _looking(classifier: Classifier, by_name: Mapping[str, Image.Image]) -> Job:
    """The job that looks through the photos; begun anew for another network or new photos."""
    key = (id(classifier), *map(id, by_name.values()))
    run = partial(max_activations, classifier, by_name)
    return begun("maps_album", key, run, lambda step: step.result)


def _exciting(classifier: Classifier, layer: str, channel: int) -> None:
    by_name = {name: photo for name, (_, photo) in _everything().items()}
    is_of_all = not classifier.provenance.body and len(by_name) == len(photos.SAMPLES)
    if is_of_all and (seen := _seen_by_all().get(classifier.provenance.network)) is not None:
        _gallery(seen, layer, channel)
        return

    def show(snapshot: Snapshot) -> None:
        if snapshot.state.is_end and isinstance(snapshot.result, MaxActivations):
            if is_of_all and len(snapshot.result.maxima) == len(by_name):
                _seen_by_all()[classifier.provenance.network] = snapshot.result
            _gallery(snapshot.result, layer, channel)

    follow(_looking(classifier, by_name), show)


def _gallery(found: MaxActivations, layer: str, channel: int) -> None:
    everything = _everything()
    ranking = [pair for pair in found.ranking(layer, channel) if pair[0] in everything]
    columns = st.container(key="maps_row_photos").columns(_PHOTOS_SHOWN, gap="small")
    for (name, value), column in zip(ranking, columns, strict=False):
        title, photo = everything[name]
        with column:
            layout.picture(_small(photo), f"{plain(title)} · {number(value, 2)}", title)


def _small(photo: Image.Image) -> Pixels:
    # The photo is kept with it, so that no other one can come by its id.
    return _made_small().get(
        id(photo), lambda: (photo, photos.to_pixels(photos.prepare(photo, _SIDE)))
    )[1]


@session.kept
def _made_small() -> session.Latest[tuple[Image.Image, Pixels]]:
    """Photos beside the pixels of their small pictures."""
    return session.Latest(32)


def title_of(name: str) -> str:
    """The name for people of a photo of the album."""
    titles: Iterator[Any] = (t(sample.title) for sample in photos.SAMPLES if sample.id == name)
    return str(next(titles, t("Your photo")))
