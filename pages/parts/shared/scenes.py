"""Scenes on the pages: opening the one that a link names, and giving a link to what is there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import segno
import streamlit as st

from core.classroom import lesson
from core.classroom.scene import Parameter, Scene, Value, read, refuse
from core.problem import Problem
from core.server.scheduler import scheduler
from core.zoo import catalogue, weights
from pages.parts.shared import language, session
from pages.parts.shared.language import say, t
from pages.parts.shared.registry import HOME, PageInfo

if TYPE_CHECKING:
    from pages.parts.shared.links import Place

_OPENED = "scene_opened"
_QUESTION = "scene_question"
_GOING = "scene_going"
_NUMBER = "scene_number"
_LINK_SHOWN = "scene_link_shown"
_COMMON = ("network", "photo", "question")
OF_THIS_COMPUTER = ("localhost", "127.0.0.1", "::1")


def arrive(page: PageInfo) -> None:
    """Set page, photo, network and settings as the address says, once; a bad address sets nothing.

    To be called before any widget is made.
    """
    if going := st.session_state.get(_GOING):
        st.session_state.pop(_OPENED, None)  # its settings may have been changed since
        file, parameters = going
        # Last: this run may be ended wherever it reads or changes the session's state.
        del st.session_state[_GOING]
        st.switch_page(file, query_params=parameters)
    query = dict(st.query_params)
    table = _table(page, query)
    asked = {name: text for name, text in query.items() if name in table or name in _COMMON}
    if st.session_state.get(_OPENED) == (page.address, asked):
        return
    try:
        if asked:
            open_scene(page, _read(page, query, table), table)
    except Problem as problem:
        st.error(say(problem), icon=":material/link_off:")
        return
    st.session_state[_OPENED] = (page.address, asked)


def _table(page: PageInfo, query: Mapping[str, str]) -> dict[str, Place]:
    if not page.uses_network:
        return {}
    from pages.parts.shared.links import (
        places,  # behind it is PyTorch, for which the start page won't wait
    )

    return places(page, query.get("dials"))


def _read(page: PageInfo, query: Mapping[str, str], table: Mapping[str, Place]) -> Scene:
    scene = read(
        page.address,
        query,
        {name: place.parameter for name, place in table.items()},
        questions=[part.id for part in lesson.PARTS if page.address in part.pages],
        languages=list(language.LOCALES),
    )
    _check_layers(scene)
    return scene


def _check_layers(scene: Scene) -> None:
    """See that the network has what the scene wants of it, where its weights are here to tell.

    Raises:
        Problem: it has not.
    """
    layer, channel, blocks = (scene.settings.get(n) for n in ("layer", "channel", "blocks"))
    if (layer or blocks) is None or not weights.present(catalogue.entry(scene.network)):
        return
    channels = {found.name: found.channels for found in session.network_named(scene.network).layers}
    if layer is not None and layer not in channels:
        raise refuse("layer", str(layer))
    if isinstance(channel, int) and layer and channel >= channels[str(layer)]:
        raise refuse("channel", str(channel))
    if isinstance(blocks, int) and blocks > len(channels):
        raise refuse("blocks", str(blocks))


def open_scene(page: PageInfo, scene: Scene, table: Mapping[str, Place]) -> None:
    """Set the session's state to a scene; what the scene does not name goes back to how it began."""
    state = st.session_state
    state[session.NETWORK] = scene.network
    if scene.photo:
        state[session.PHOTO] = scene.photo
    else:
        state.pop(session.PHOTO, None)  # each page has a photo of its own to begin with
    values = {name: scene.settings.get(name, p.parameter.default) for name, p in table.items()}
    for name, place in table.items():
        key = place.filled(scene.network, values)
        if values[name] is None:
            state.pop(key, None)
        else:
            state[key] = values[name]
    state.pop(session.SWITCHED, None)
    state[_QUESTION] = scene.question
    state[_NUMBER] = state.get(_NUMBER, 0) + 1


def opened() -> str:
    """Name the scene that was opened last: another name each time; empty before the first."""
    return str(st.session_state.get(_NUMBER, ""))


def go(page: PageInfo, scene: Scene) -> None:
    """Let the next run of the app open a scene, for a button's callback.

    The run itself cannot: the button may be gone by then, and with it what follows on it. What was
    drawn on the page before goes: a scene begins with nothing revealed. A network that was trained
    stays, since the other pages may use it.
    """
    for name in page.draws:
        scheduler().discard(session.owner(), name)
    st.session_state[_GOING] = (page.file, query(page, scene))


def current(page: PageInfo) -> tuple[Scene, bool]:
    """Return the scene as it stands, and whether all of it can travel."""
    state = st.session_state
    table = _table(page, {"dials": str(state.get("ideal_preset", ""))})
    network = str(state.get(session.NETWORK, catalogue.DEFAULT))
    travels = network not in catalogue.TRAINED_HERE
    network = network if travels else catalogue.DEFAULT
    photo = session.photo_id(page.default_photo) if page.default_photo else ""
    if photo in session.own_photos():
        photo, travels = "", False
    values: dict[str, Value] = {}
    for name, place in table.items():  # a key may have the values of earlier settings in it
        found = state.get(place.filled(network, values))
        values[name] = place.parameter.default
        if found is None:
            continue
        try:
            values[name] = place.parameter.read(place.parameter.write(found))
        except ValueError:
            travels = False
    scene = Scene(
        page.address,
        language=str(state.get(language.KEY) or ""),
        photo="" if photo == page.default_photo else photo,
        network=network,
        question=question(page),
        settings={n: v for n, v in values.items() if v != table[n].parameter.default},
    )
    return scene, travels


def question(page: PageInfo) -> str:
    """Return the id of the lesson's part whose scene is open on this page; empty for none."""
    part = lesson.part(str(st.session_state.get(_QUESTION, "")))
    return part.id if part and page.address in part.pages else ""


def address(page: PageInfo, scene: Scene) -> str:
    """Return the whole address of a scene, at which the reader's browser has found this app."""
    return f"{root(page)}/{scene.address(_parameters(page, scene))}"


def root(page: PageInfo) -> str:
    """Return where the reader's browser, which is on a page, has found this app."""
    here = urlsplit(st.context.url or "")
    folder = here.path.removesuffix("/")
    if page is not HOME:
        folder = folder.removesuffix(page.address).removesuffix("/")
    return f"{here.scheme}://{here.netloc}{folder}" if here.netloc else folder


def query(page: PageInfo, scene: Scene) -> dict[str, str]:
    """Return the parameters of the link to a scene."""
    return scene.query(_parameters(page, scene))


def _parameters(page: PageInfo, scene: Scene) -> dict[str, Parameter]:
    preset = str(scene.settings.get("dials", ""))
    return {name: place.parameter for name, place in _table(page, {"dials": preset}).items()}


def link(page: PageInfo) -> None:
    """Show the button that gives the link to what is on the page, to copy and as a QR code.

    The dialog is kept open by the session's state: a run that is watched runs the page again.
    """
    st.button(
        t("Link"),
        icon=":material/qr_code_2:",
        type="tertiary",
        key="scene_link",
        on_click=_show_link,
        args=(page.address,),
        help=t("A link that opens this page with its photo, network and settings as they are now."),
    )
    if st.session_state.get(_LINK_SHOWN) == page.address:
        st.dialog(t("Link"), width="large", on_dismiss=lambda: _show_link(None))(_link)(page)


def _show_link(address: str | None) -> None:
    st.session_state[_LINK_SHOWN] = address


def _link(page: PageInfo) -> None:
    """Show the address and what it cannot carry, then the QR code, as large as there is room."""
    scene, travels = current(page)
    found = address(page, scene)
    st.code(found, language=None, wrap_lines=True)
    if not travels:
        st.caption(
            t(
                "Your own photos and networks stay here: whoever opens the link sees the page's own instead."
            )
        )
    if urlsplit(found).hostname in OF_THIS_COMPUTER:
        st.caption(
            t(
                "This address is known to this computer only. For a class, open the app by its address in the local network."
            )
        )
    with st.container(key="scene_qr"):
        st.image(qr(found), width="stretch", alt=t("QR code of the link"))


@lru_cache(maxsize=64)
def qr(text: str) -> str:
    """Draw a QR code as a picture inside its own address."""
    code = segno.make(text, error="m", micro=False)
    return code.png_data_uri(scale=max(4, 840 // (code.symbol_size()[0])), border=4)
