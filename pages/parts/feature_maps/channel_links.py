"""Channels in a row, each with its map and a number, to be gone to with a click."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.steps import Pixels
from pages.parts.shared.components import component
from pages.parts.shared.live import data_uri

_links = component("channel_links")


@dataclass(frozen=True)
class Link:
    """A channel in the row.

    Attributes:
        name: what it is called.
        short: what stands below its map.
        told: its number, as it is written.
        target: where a click leads; plain values only.
        picture: its map, if there is one to show.
        is_below: whether the number is below nothing.
    """

    name: str
    short: str
    told: str
    target: dict[str, Any]
    picture: Pixels | None = None
    is_below: bool = False


def row(
    label: str, links: Sequence[Link], key: str, on_go: Callable[[dict[str, Any]], None]
) -> None:
    """Show channels beside each other.

    Args:
        label: what they are, for who does not see them.
        links: the channels.
        key: of the row on the page.
        on_go: called with the target of the one that is clicked, before the page runs again.
    """
    _links(
        key=key,
        data={
            "label": label,
            "channels": [
                {
                    "name": link.name,
                    "short": link.short,
                    "told": link.told,
                    "below": link.is_below,
                    "target": link.target,
                    "src": "" if link.picture is None else data_uri(link.picture),
                }
                for link in links
            ],
        },
        on_go_change=lambda: on_go(st.session_state[key]["go"]),
    )
