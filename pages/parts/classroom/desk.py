"""Opening a room, its address on the projector, who is in it, and closing it."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from core.classroom.room import Room, rooms
from pages.parts.shared import scenes, teacher
from pages.parts.shared.language import plain, t, tn
from pages.parts.shared.registry import CLASSROOM
from pages.parts.shared.room import teach_in

REFRESH_SECONDS = 2


def offer() -> None:
    """Offer to open a room, or to go on with one that is open."""
    st.markdown(
        t(
            "Open a room: phones join it without an account, by a code of four letters. Then the class collects photos, votes, and tries to fool the camera together. What they send is kept in memory only, and goes when you close the room, or after two hours."
        )
    )
    st.button(
        t("Open a room"),
        type="primary",
        icon=":material/meeting_room:",
        on_click=teacher.act,
        args=(lambda: teach_in(rooms().open()),),
        key="room_open",
    )
    for found in rooms().all():
        st.button(
            t("Go on in room {code}", code=found.code)
            + " · "
            + tn("{count} phone", "{count} phones", len(found.members())),
            on_click=teacher.act,
            args=(lambda found=found: teach_in(found),),
            key=f"room_enter_{found.code}",
        )


def invitation(room: Room) -> None:
    """Show how phones come in: address, code, QR code."""
    address = f"{scenes.root(CLASSROOM)}/join"
    columns = st.columns([3, 2], vertical_alignment="center")
    with columns[0]:
        st.markdown(t("On your phone, open"))
        st.code(address, language=None, wrap_lines=True)
        st.markdown(t("and type"))
        with st.container(key="room_code"):
            st.markdown(f"# {room.code}")
        if urlsplit(address).hostname in scenes.OF_THIS_COMPUTER:
            st.caption(
                t(
                    "This address is known to this computer only. For a class, open the app by its address in the local network."
                )
            )
    with columns[1]:
        st.image(
            scenes.qr(f"{address}?{room.code}"), width="stretch", alt=t("QR code to join the room")
        )


@st.fragment(run_every=REFRESH_SECONDS)
def who_is_there(room: Room, *, by_name: bool) -> None:
    """Show how many are in the room, as it changes.

    Args:
        room: the room.
        by_name: whether to show their nicknames, too: thirty take room that a task needs.
    """
    if room.is_closed:
        st.rerun()
    members = room.members()
    away = sum(room.is_away(member) for member in members)
    line = t("Room {code}", code=room.code) + " · "
    line += tn("{count} phone is here", "{count} phones are here", len(members) - away)
    if away:
        line += " · " + tn("{count} is away", "{count} are away", away)
    st.markdown(f"**{line}**")
    if by_name:
        named = [m.nickname for m in members if not m.nickname.startswith("#")]
        st.caption(" · ".join(map(plain, named)))


def controls(room: Room) -> None:
    """Lock, clear and close the room."""
    with st.popover(t("The room"), icon=":material/meeting_room:", key="room_controls"):
        st.button(
            t("Let new phones in") if room.is_locked else t("Lock the room"),
            icon=":material/lock_open:" if room.is_locked else ":material/lock:",
            on_click=teacher.act,
            args=(lambda: room.lock(wanted=not room.is_locked),),
            key="room_lock",
        )
        trained_too = t("So is what was trained on the photos: download that network first.")
        st.markdown(
            t("Sends all phones out. Photos and answers are deleted, for good.") + " " + trained_too
        )
        st.button(t("Clear the room"), on_click=teacher.act, args=(room.clear,), key="room_clear")
        st.markdown(
            t("Ends the room. Photos and answers are deleted, for good.") + " " + trained_too
        )
        st.button(
            t("Close the room"),
            on_click=teacher.act,
            args=(lambda: rooms().close(room),),
            key="room_close",
        )
        minutes = int(room.seconds_left() // 60)
        st.caption(
            tn("Closes by itself in {count} minute", "Closes by itself in {count} minutes", minutes)
        )
