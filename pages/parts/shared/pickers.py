"""Choosing: the network, the photo, a class."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from core.images import photos
from core.zoo import catalogue, weights
from core.zoo.labels import Labels
from pages.parts.shared import files, layout, live, network_names, problems, session, tab, uploads
from pages.parts.shared.components import component
from pages.parts.shared.language import (
    LOCALES,
    class_name,
    class_name_with_english,
    class_search_words,
    current,
    number,
    plain,
    remember_choice,
    t,
)

if TYPE_CHECKING:
    from pages.parts.shared.streamlit_internals import UploadedFile

_THUMBNAIL = 96
_OUT_OF_SIGHT = "\N{EM SPACE}" * 24
"""Between what is read and what is only found; wider than the box, whose text is cut there."""
_BOX = 360
"""Greatest width of the box, in pixels."""

_PROBLEM = "photo"

gallery = component("photo_gallery")


def network() -> None:
    """Show the choice of networks: built in, downloadable, the visitor's own, the class's."""
    names = [entry.name for entry in catalogue.ENTRIES]
    if session.own_classifier():
        names.insert(0, catalogue.OWN)
    if session.room_classifier():
        names.insert(0, catalogue.ROOM)
    st.selectbox(
        t("Network"),
        names,
        format_func=_network_label,
        index=names.index(catalogue.DEFAULT),
        key=remember_choice(session.NETWORK),
        persist_state="session",
        help=t(
            "EfficientNet-Lite is built in. The others are the networks of the lesson; their "
            "weights are downloaded once when first used (↓)."
        ),
    )


def _network_label(name: str) -> str:
    if name in catalogue.TRAINED_HERE:
        return network_names.title_of(name)
    entry = catalogue.entry(name)
    size = f" ↓ {entry.weights_bytes / 1e6:.0f} MB" if not weights.present(entry) else ""
    return entry.title + size


def photo(default: str) -> None:
    """Show the choice of photos: samples, an upload, the camera."""
    chosen = session.photo_id(default)
    tiles = [
        {"id": sample.id, "title": t(sample.title), "src": _thumbnail(sample.id)}
        for sample in photos.SAMPLES
    ]
    tiles += [
        {"id": name, "title": t("Your photo"), "src": _data_uri(image)}
        for name, image in session.own_photos().items()
        if not name.startswith(session.LEARNED)
    ]
    tiles += [
        {"id": name, "title": label, "src": _data_uri(image)}
        for name, (label, image) in session.learned_photos().items()
    ]
    layout.label(t("Photo"))
    gallery(
        key="photo_gallery",
        data={"photos": tiles, "selected": chosen, "label": t("Photo")},
        on_choice_change=_choose,
    )
    files.ask(
        st.file_uploader,
        t("Your own photo"),
        key="photo_upload",
        changed=partial(_receive, "upload"),
        type=list(photos.EXTENSIONS),
        max_upload_size=photos.MAX_BYTES // 10**6,
        help=t(
            "It stays in memory and is shown to nobody else. It goes when you remove it, or {seconds} s after you close this tab, as does all that you have made here. A reload keeps it.",
            seconds=tab.kept_for(),
        ),
    )
    problems.notice(_PROBLEM)
    if st.toggle(t("Use the camera"), key="photo_camera_on"):
        files.ask(
            st.camera_input,
            t("Take a photo"),
            key="photo_camera",
            changed=partial(_receive, "camera"),
            resolution="480p",
            label_visibility="collapsed",
        )
    else:
        files.still_here("photo_camera", partial(_receive, "camera"))


def _choose() -> None:
    choice = st.session_state["photo_gallery"].get("choice")
    if choice:
        use(str(choice))


def use(name: str) -> None:
    """Choose a photo of the gallery."""
    own = session.own_photos()
    if name in (learned := session.learned_photos()):
        # It stays when another network is trained.
        own[name] = learned[name][1]
        session.own_photo_names()[name] = name.removeprefix(session.LEARNED).partition(" ")[2]
    for other in [other for other in own if other.startswith(session.LEARNED) and other != name]:
        del own[other]
    st.session_state[session.PHOTO] = name


def _receive(name: str, given: Sequence[UploadedFile]) -> None:
    """Take a photo over from an upload or the camera; a bad one changes nothing.

    Where it was removed, its photo goes too.
    """
    if not given:
        session.own_photos().pop(name, None)
        if st.session_state.get(session.PHOTO) == name:
            del st.session_state[session.PHOTO]
        return
    problems.attempt(lambda: _take_over(name, given[-1]), _PROBLEM)


def _take_over(name: str, file: UploadedFile) -> None:
    session.own_photos()[name] = photos.decode(uploads.read(file), file.name)
    session.own_photo_names()[name] = file.name if name == "upload" else name
    st.session_state[session.PHOTO] = name


@lru_cache(maxsize=len(photos.SAMPLES))
def _thumbnail(sample_id: str) -> str:
    return _data_uri(photos.read_sample(sample_id))


def _data_uri(image: Image.Image) -> str:
    return live.data_uri(np.asarray(photos.centre_square(image, _THUMBNAIL)), quality=80)


def class_id(
    label: str, labels: Labels, key: str, favourites: Sequence[str], avoid: int | None = None
) -> int:
    """Show a search box over a network's classes, with quick picks above it.

    Args:
        label: what the class is for.
        labels: the network's.
        key: under which the choice is kept, for each set of labels.
        favourites: names of classes to offer as quick picks, where the network has them; the
            first is the choice to begin with.
        avoid: a class that is not the choice to begin with.

    Returns:
        The number of the chosen class.
    """
    known = [labels.index(name) for name in favourites if name in labels]
    # Another network, other classes: a choice is kept for each number of them.
    key = f"{key}_{len(labels)}"
    shown = _class_labels(labels, current())
    preset = next(i for i in (*known, *range(len(labels))) if i != avoid)
    if avoid is not None and st.session_state.get(key) == avoid == st.session_state.get(
        _preset(key)
    ):
        st.session_state[key] = preset  # nobody has chosen it
    st.session_state[_preset(key)] = preset
    chosen: int = st.selectbox(
        label,
        range(len(labels)),
        index=preset,
        format_func=lambda index: shown[index],
        key=remember_choice(key),
        persist_state="session",
        help=t("Type to search among the {count} classes.", count=number(len(labels))),
        placeholder=t("Type to search"),
        width=_BOX,
    )
    if len(known) > 1:
        with st.container(horizontal=True, gap="xsmall"):
            for favourite in known:
                st.button(
                    plain(class_name(labels[favourite])),
                    key=f"{key}_pick_{favourite}",
                    type="tertiary" if favourite != chosen else "secondary",
                    on_click=_pick,
                    args=(key, favourite),
                )
    return chosen


def other_class_id(
    label: str, labels: Labels, key: str, favourites: Sequence[str], avoid: int
) -> int | None:
    """Show a search box for another class, which may stay empty.

    Args:
        label: what the class is for.
        labels: the network's.
        key: under which the choice is kept, for each set of labels.
        favourites: names of classes that come first.
        avoid: the class that is no choice.

    Returns:
        The number of the chosen class, or None.
    """
    first = [labels.index(name) for name in favourites if name in labels]
    shown = _class_labels(labels, current())
    chosen: int | None = st.selectbox(
        label,
        [i for i in dict.fromkeys((*first, *range(len(labels)))) if i != avoid],
        index=None,
        format_func=lambda index: shown[index],
        key=remember_choice(f"{key}_{len(labels)}"),
        persist_state="session",
        placeholder=t("no other class"),
        width=_BOX,
    )
    return chosen


@lru_cache(maxsize=2 * len(LOCALES))
def _class_labels(labels: Labels, locale: str) -> tuple[str, ...]:
    """Return what the search box shows for each class; making all of them takes a while."""
    return tuple(_class_label(labels, index) for index in range(len(labels)))


def _class_label(labels: Labels, index: int) -> str:
    """Return a class's name, and out of sight the other words that find it.

    The search box looks for the letters as they are typed, so the name without accents has to be
    among them.
    """
    shown = class_name_with_english(labels[index])
    words = class_search_words(labels, index)
    return shown if words in ("", shown) else f"{shown}{_OUT_OF_SIGHT}{words}"


def _preset(key: str) -> str:
    """Under which the choice is remembered that a search box began with."""
    return f"{key}_preset"


def _pick(key: str, value: int) -> None:
    st.session_state[key] = value
