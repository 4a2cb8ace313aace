"""The task to collect photos: the classes, the sheet of photos that grows, and what to throw out."""

from __future__ import annotations

from collections.abc import Container, Sequence

import streamlit as st

from core.classroom.collection import MOST_CLASSES, Collection, Sent
from core.classroom.room import Room
from core.images import photos
from pages.parts.classroom import desk
from pages.parts.shared import pickers, teacher
from pages.parts.shared.language import number, plain, t, tn
from pages.parts.shared.registry import TRAINING
from pages.parts.shared.room import ORIGIN, ORIGIN_KEY, TO_TRAINING

_COUNT = "room_classes"
_CHOSEN = "room_photo"
_MOST_BESIDE = 5
_MARK = "≈"
_PHOTOS_BESIDE = {1: {2: 10, 3: 6, 4: 4, 5: 4}, 2: {3: 8, 4: 6, 5: 5}}
"""Photos beside each other, by how many classes are below each other and how many beside."""
_PHOTOS_BELOW = {1: 4, 2: 2}
"""Photos below each other, by how many classes are below each other: none has to be scrolled to."""


def panel(room: Room) -> None:
    """Let the phones send photos into classes, and show what comes."""
    if room.collection is None:
        _ask_for_classes(room)
    else:
        _collected(room)


@st.fragment(run_every=desk.REFRESH_SECONDS)
def _collected(room: Room) -> None:
    """Show the photos class by class, the newest first, as they come, and what to do with them."""
    # Fine-tuning takes it away: of two runs of this part the first may lead nowhere.
    if st.session_state.get(TO_TRAINING):
        st.switch_page(TRAINING.file)
    collection = room.collection
    if collection is None:
        st.rerun()
    alike = {_key(one) for group in collection.alike() for one in group}
    left, right = st.columns(2, vertical_alignment="center")
    with left, st.container(horizontal=True, vertical_alignment="center", height=46, border=False):
        if chosen := _chosen(collection.photos()):
            _throw_out(collection, chosen)
        else:
            _summary(collection, len(alike))
    with right:
        _buttons(room, collection)
    with st.container(key="room_sheet", gap="small"):
        _classes(collection, alike)


def _ask_for_classes(room: Room) -> None:
    st.markdown(t("Each phone photographs things of these classes; the network then learns them."))
    count = int(st.number_input(t("How many classes"), 2, MOST_CLASSES, 2, key=_COUNT, width=160))
    columns = st.columns(min(_MOST_BESIDE, count))
    for place in range(count):
        name = t("class {number}", number=place + 1)
        columns[place % len(columns)].text_input(
            t("Class {number}", number=place + 1), name, max_chars=40, key=_key_of_class(place)
        )
    st.button(
        t("Begin"),
        type="primary",
        icon=":material/photo_camera:",
        on_click=teacher.act,
        args=(lambda: _begin(room),),
        key="room_collect",
    )


def _key_of_class(place: int) -> str:
    return f"room_class_{place}"


def _begin(room: Room) -> None:
    count = int(st.session_state[_COUNT])
    room.begin(Collection([str(st.session_state[_key_of_class(i)]) for i in range(count)]))


def _classes(collection: Collection, alike: Container[str]) -> None:
    sent, counts = collection.photos(), collection.counts()
    chosen = _chosen(sent)
    rows = -(-len(counts) // _MOST_BESIDE)
    beside = -(-len(counts) // rows)
    for first in range(0, len(counts), beside):
        columns = st.columns(beside, gap="small")
        for label, column in zip(range(first, len(counts)), columns, strict=False):
            name = plain(collection.classes[label])
            with column:
                share = counts[label] / max(1, *counts)
                st.progress(share, text=f"**{name}** · {number(counts[label])}")
                of_class = [one for one in reversed(sent) if one.label == label]
                _gallery(label, name, of_class, rows, _PHOTOS_BESIDE[rows][beside], alike, chosen)


def _gallery(
    label: int,
    name: str,
    of_class: Sequence[Sent],
    rows: int,
    columns: int,
    alike: Container[str],
    chosen: Sent | None,
) -> None:
    """Show as many photos of a class as there is room for, to choose one from."""
    room_for = columns * _PHOTOS_BELOW[rows]
    shown = of_class if len(of_class) <= room_for else of_class[: room_for - 1]
    pickers.gallery(
        key=_key_of_gallery(label),
        data={
            "photos": [
                {
                    "id": _key(one),
                    "title": t("Photo of {name}", name=name),
                    "src": photos.data_uri(one.thumbnail),
                    "mark": _MARK if _key(one) in alike else "",
                }
                for one in shown
            ],
            "selected": _key(chosen) if chosen else "",
            "label": name,
            "columns": columns,
            "more": f"+{number(len(of_class) - len(shown))}" if len(shown) < len(of_class) else "",
        },
        on_choice_change=lambda: _choose(label),
    )


def _summary(collection: Collection, alike: int) -> None:
    sent = collection.photos()
    told = [
        tn("**{count}** photo", "**{count}** photos", len(sent)),
        tn("{count} phone", "{count} phones", len({one.member for one in sent})),
    ]
    if alike:
        told.append(f"{_MARK} " + t("nearly alike: {count}", count=number(alike)))
    st.markdown(
        " · ".join(told),
        help=t(
            "Click on a photo to throw it out. {mark} marks photos that look nearly like another one: they add little.",
            mark=_MARK,
        ),
    )


def _key(sent: Sent) -> str:
    return f"{sent.member} {sent.id}"


def _key_of_gallery(label: int) -> str:
    return f"room_sheet_{label}"


def _chosen(sent: Sequence[Sent]) -> Sent | None:
    wanted = st.session_state.get(_CHOSEN)
    return next((one for one in sent if _key(one) == wanted), None)


def _choose(label: int) -> None:
    st.session_state[_CHOSEN] = st.session_state[_key_of_gallery(label)].get("choice")


def _throw_out(collection: Collection, chosen: Sent) -> None:
    """Ask whether the chosen photo goes, or all that its phone has sent."""
    of_phone = collection.of(chosen.member)
    st.markdown(t("Throw out:"), width="content")
    _throw_out_button(t("this photo"), collection, [chosen], "room_throw_out")
    if len(of_phone) > 1:
        label = t("all {count} of its phone", count=number(len(of_phone)))
        _throw_out_button(label, collection, of_phone, "room_throw_out_all")
    st.button(
        "",
        icon=":material/close:",
        type="tertiary",
        on_click=_choose_none,
        key="room_keep",
        help=t("Keep it"),
    )


def _throw_out_button(label: str, collection: Collection, out: Sequence[Sent], key: str) -> None:
    def throw_out() -> None:
        collection.remove(out)
        _choose_none()

    st.button(label, icon=":material/delete:", on_click=teacher.act, args=(throw_out,), key=key)


def _choose_none() -> None:
    st.session_state.pop(_CHOSEN, None)


def _buttons(room: Room, collection: Collection) -> None:
    is_on = room.task is collection
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(
            t("Stop collecting") if is_on else t("Go on collecting"),
            type="primary" if is_on else "secondary",
            on_click=teacher.act,
            args=(lambda: room.begin(None if is_on else collection),),
            key="room_collect",
        )
        st.button(
            t("Train on it"),
            type="secondary" if is_on else "primary",
            icon=":material/model_training:",
            on_click=teacher.act,
            args=(_to_training,),
            key="room_train",
        )
        with st.popover(t("Other classes"), key="room_discard"):
            st.markdown(t("Deletes the photos of these classes, for good."))
            st.button(
                t("Yes"),
                on_click=teacher.act,
                args=(room.discard_collection,),
                key="room_discard_yes",
            )


def _to_training() -> None:
    st.session_state[ORIGIN_KEY] = ORIGIN
    st.session_state[TO_TRAINING] = True
