"""What the feature maps' page shows: a mosaic to click in, and one channel of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st
from PIL import Image

from core import features, photos
from core.features import FeatureMaps
from core.steps import Pixels
from core.zoo.classifier import Classifier
from pages.kit import layout, session
from pages.kit.language import number, t
from pages.kit.live import data_uri
from pages.kit.registry import IDEAL

_ASSETS = Path(__file__).parents[2] / "assets" / "components"
_PHOTOS_KEPT = 2
"""A photo's maps take 10 MB in the built-in network and 120 MB in VGG-16."""

_grid = st.components.v2.component(
    "channel_grid",
    css=(_ASSETS / "channel_grid.css").read_text("utf-8"),
    js=(_ASSETS / "channel_grid.js").read_text("utf-8"),
)


def observed(classifier: Classifier, photo: Image.Image) -> dict[str, FeatureMaps]:
    """Give all maps of a photo; the network runs only for a photo that it has not just seen."""
    key = (id(classifier), photo.size, hashlib.sha256(photo.tobytes()).hexdigest())
    return _observed(key, classifier, photo)[1]


@st.cache_resource(scope="session", show_spinner=False, max_entries=_PHOTOS_KEPT)
def _observed(
    key: tuple[object, ...], _classifier: Classifier, _photo: Image.Image
) -> tuple[Classifier, dict[str, FeatureMaps]]:
    # The network is kept with its maps, so that no other one can come by its id.
    return _classifier, session.compute(lambda: features.observe(_classifier, _photo))


def mosaic(maps: FeatureMaps, channels: list[int], picture: Pixels, key: str) -> int:
    """Show all channels as one picture, and give the one that was clicked.

    Args:
        maps: of the layer.
        channels: in the order shown; the first is chosen to begin with.
        picture: their mosaic.
        key: of the component; a layer has a choice of its own.
    """
    chosen = (st.session_state.get(key) or {}).get("channel")
    channel = chosen if chosen in channels else channels[0]
    columns, rows = features.grid(len(channels))
    _grid(
        key=key,
        data={
            "src": data_uri(picture),
            "columns": columns,
            "rows": rows,
            "channels": channels,
            "selected": channel,
            "word": t("Channel"),
            "label": t("Mosaic of the feature maps of {layer}", layer=maps.layer.name),
        },
        on_channel_change=_rerun_only,
    )
    return int(channel)


def _rerun_only() -> None:
    """Streamlit keeps the state of a component only where a callback is given."""


def one_channel(
    maps: FeatureMaps, channel: int, photo: Image.Image, classifier: Classifier
) -> None:
    """Show one channel: over the photo, and large with its numbers on hover."""
    values = maps.maps[channel]
    title = t("Channel {channel} of {layer}", channel=channel, layer=maps.layer.name)
    st.subheader(title, anchor=False)
    over, large = st.columns(2, gap="medium")
    with over:
        seen = photos.to_pixels(photos.prepare(photo, classifier.input_size))
        layout.picture(
            features.overlay(maps, channel, seen),
            t("Bright where the channel is active"),
            t("The channel laid over the photo"),
        )
    with large:
        reach = float(abs(values).max()) or 1.0
        colours = (
            {"colorscale": "RdBu_r", "zmin": -reach, "zmax": reach}
            if maps.signed
            else {"colorscale": "Viridis"}
        )
        figure = go.Figure(go.Heatmap(z=values, hovertemplate="%{z:.3f}<extra></extra>", **colours))
        figure.update_layout(height=380, margin={"l": 5, "r": 5, "t": 5, "b": 5})
        figure.update_xaxes(visible=False, constrain="domain")
        figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x")
        st.plotly_chart(figure, key="maps_channel_plot", alt=title)
        st.caption(
            t(
                "Mean {mean} · greatest {maximum} · gradient × activation for the answer {evidence}",
                mean=number(float(values.mean()), 3),
                maximum=number(float(values.max()), 3),
                evidence="–" if maps.evidence is None else number(float(maps.evidence[channel]), 3),
            )
        )
    if st.button(
        t("Draw what it looks for"),
        icon=":material/palette:",
        key="maps_draw",
        help=t("Its own ideal picture, on the page “Ideal class”."),
    ):
        st.session_state["ideal_target"] = "channel"
        st.session_state["ideal_channel"] = {"layer": maps.layer.name, "channel": channel}
        st.switch_page(IDEAL.file)
