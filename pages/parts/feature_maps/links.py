"""Channels in a row, each with its map and a number, to be gone to with a click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.steps import Pixels
from pages.parts.shared.live import data_uri

_ASSETS = Path(__file__).parents[3] / "assets" / "components"

_links = st.components.v2.component(
    "channel_links",
    css=(_ASSETS / "channel_links.css").read_text("utf-8"),
    js=(_ASSETS / "channel_links.js").read_text("utf-8"),
)


@dataclass(frozen=True)
class Link:
    """A channel in the row.

    Attributes:
        name: what it is called.
        short: what stands below its map.
        told: its number, as it is written.
        target: what is given back when it is clicked; plain values only.
        picture: its map, if there is one to show.
        is_below: whether the number is below nothing.
    """

    name: str
    short: str
    told: str
    target: dict[str, Any]
    picture: Pixels | None = None
    is_below: bool = False


def row(label: str, links: Sequence[Link], key: str) -> dict[str, Any] | None:
    """Show channels beside each other, and return the target of the one just clicked, if any."""
    shown = _links(
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
        on_go_change=lambda: None,
    )
    clicked: dict[str, Any] | None = shown.go
    return clicked
