"""What the feature maps' page shows of one layer: a mosaic to click in, and one channel of it."""

from __future__ import annotations

import hashlib
import io
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from core.features import mosaic as pictures
from core.features.maps import FeatureMaps, Observation, Order, observe, ranked, receptive_field
from core.features.mosaic import Scale
from core.problem import N_
from core.steps import Pixels
from core.zoo.classifier import Classifier
from pages.parts.feature_maps import channel as channel_part
from pages.parts.feature_maps import diagram, inspector
from pages.parts.feature_maps.inspector import Subject
from pages.parts.feature_maps.walk import choose, chosen_key, layer_title
from pages.parts.shared import layout, save, scenes, session
from pages.parts.shared.components import component
from pages.parts.shared.language import remember_choice, sentence, t
from pages.parts.shared.live import data_uri
from pages.parts.shared.registry import IDEAL, MAPS

_MOST_BYTES = 300_000_000
"""A photo's maps take 10 MB in the built-in network and 120 MB in VGG-16."""
_MOST_MOSAICS = 12
_STRIP_WIDTH = 1500
_CLICKS = "maps_channel_clicks"
_ABOUT_A_CHANNEL = ("number", "switch")
"""Scenes of the lesson that speak of one channel."""

ORDERS: dict[Order, str] = {
    "strength": N_("strongest first"),
    "maximum": N_("greatest maximum first"),
    "variance": N_("most varied first"),
    "evidence": N_("those that speak for the answer"),
    "network": N_("as in the network"),
}
SCALES: dict[Scale, str] = {"own": N_("each its own"), "common": N_("one for all")}

_grid = component("channel_grid")


@dataclass(frozen=True)
class Sheet:
    """A mosaic as it is shown: the channels in their order, the picture, and its address."""

    channels: list[int]
    pixels: Pixels
    uri: str


@dataclass
class _Seen:
    """A session's photos as networks saw them; the networks are kept, so that ids stay theirs."""

    observations: OrderedDict[tuple[object, ...], tuple[Classifier, Observation]] = field(
        default_factory=OrderedDict
    )
    sheets: OrderedDict[tuple[object, ...], Sheet] = field(default_factory=OrderedDict)

    def trim(self) -> None:
        """Forget the oldest: no more bytes than allowed, but always the two latest photos."""
        while len(self.observations) > 2 and self._bytes() > _MOST_BYTES:
            self.observations.popitem(last=False)
        while len(self.sheets) > _MOST_MOSAICS:
            self.sheets.popitem(last=False)

    def _bytes(self) -> int:
        return sum(observation.size for _, observation in self.observations.values())


@session.kept
def _seen() -> _Seen:
    return _Seen()


def photo_key(classifier: Classifier, photo: Image.Image) -> tuple[object, ...]:
    """What tells one photo through one network from all others."""
    return (id(classifier), photo.size, hashlib.sha256(photo.tobytes()).hexdigest())


def observed(classifier: Classifier, photo: Image.Image) -> Observation:
    """Return all maps of a photo and the answer; the network runs once for each photo."""
    seen, key = _seen(), photo_key(classifier, photo)
    if key not in seen.observations:
        seen.observations[key] = classifier, session.compute(lambda: observe(classifier, photo))
    seen.observations.move_to_end(key)
    seen.trim()
    return seen.observations[key][1]


def _sheet(key: tuple[object, ...], maps: FeatureMaps, order: Order, scale: Scale) -> Sheet:
    """Return a mosaic; one that was shown a moment ago is not laid out again."""
    seen, whole = _seen(), (*key, maps.layer.name, order, scale)
    if whole not in seen.sheets:
        channels = ranked(maps, order)
        pixels = pictures.mosaic(maps, channels, scale=scale)
        seen.sheets[whole] = Sheet(channels, pixels, data_uri(pixels))
    seen.sheets.move_to_end(whole)
    seen.trim()
    return seen.sheets[whole]


@st.fragment
def layer_view(classifier: Classifier, photo: Image.Image, name: str) -> None:
    """Show all channels of a layer, and the one that was clicked. A click runs only this part."""
    observation = observed(classifier, photo)
    maps = observation.maps[name]
    above, shown, below = st.container(), st.container(), st.container()
    in_scene = bool(scenes.question(MAPS))
    with below if in_scene else above:  # in a scene the maps are in sight, with the diagram
        order, scale, strip_wanted = _settings(maps, folded=in_scene)
    key = photo_key(classifier, photo)
    sheet = _sheet(key, maps, order, scale)
    if strip_wanted:
        with above:
            _strip(classifier, maps)
    about_a_channel = scenes.question(MAPS) in _ABOUT_A_CHANNEL
    if about_a_channel:  # it comes first: what is pressed there and what that does are seen at once
        right, left = shown.container(), shown.columns([1, 1.15], gap="medium")[0]
    else:
        left, right = shown.columns([1, 1.15], gap="medium")
        layout.in_sight(layout.counted(diagram.CLICKS), "maps_mosaic", just=0.35)
    with left:
        channel = _mosaic(classifier, maps, sheet)
        st.caption(
            _channels_of(classifier, name, len(maps.maps))
            + " · "
            + t("click one to see more of it")
            + " · "
            + (
                t("White is nothing, red is more, blue is less than nothing")
                if maps.signed
                else t("Dark is little, yellow is much")
            )
        )
    with right:
        layout.in_sight(_to_be_seen(about_a_channel), "maps_inspector")
        about = Subject(classifier, photo, key, observation)
        inspector.panel(about, name, channel, wide=about_a_channel)
    channel_part.more(classifier, name, channel)
    _downloads(classifier, observation, maps, sheet, channel)


def _to_be_seen(about_a_channel: bool) -> str:
    """Name what the inspector is to be brought into sight for: the latest click, or the scene.

    What was clicked before a scene about a channel was opened does not count in it.
    """
    clicked = layout.counted(_CLICKS)
    if not about_a_channel:
        return clicked
    opened = scenes.opened()
    before = st.session_state.setdefault(f"maps_clicked_before_{opened}", clicked)
    return opened if clicked == before else clicked


def _channels_of(classifier: Classifier, layer: str, count: int) -> str:
    title = layer_title(classifier, layer)
    if title == layer:
        return t("{count} channels of {layer}", count=count, layer=layer)
    return sentence(t("{layer}: {count} channels", count=count, layer=title))


def _strip(classifier: Classifier, maps: FeatureMaps) -> None:
    """Show all values of a layer as the lesson does, four times as wide as high."""
    name, count, values = maps.layer.name, len(maps.maps), maps.maps[0].size
    width = max(1, _STRIP_WIDTH // count)
    whole = pictures.strip(maps, cell=(math.ceil(count * width / 4 / values), width))
    layout.picture(
        whole,
        t(
            "The strip of the lesson: one column for each of {count} channels, its {values} values down it",
            count=count,
            values=values,
        ),
        t("All channels of {layer} as columns", layer=name),
    )
    stem = f"strip-{classifier.provenance.network}-{name}"
    save.png(lambda: whole, stem, "maps_strip_download")


def _settings(maps: FeatureMaps, *, folded: bool) -> tuple[Order, Scale, bool]:
    controls = layout.settings(folded=folded).columns(
        [2, 2, 2], gap="medium", vertical_alignment="bottom"
    )
    order = controls[0].selectbox(
        t("Order"),
        list(ORDERS),
        format_func=lambda choice: t(ORDERS[choice]),
        key=remember_choice("maps_order"),
        persist_state="session",
    )
    scale = controls[1].selectbox(
        t("Colour scale"),
        list(SCALES),
        format_func=lambda choice: t(SCALES[choice]),
        key=remember_choice("maps_scale"),
        persist_state="session",
        help=t("One scale for all lets you compare channels; a scale for each shows more in each."),
    )
    strip_wanted = maps.layer.size <= 14 and controls[2].toggle(
        t("The lesson's strip, too"),
        key="maps_strip",
        persist_state="session",
        help=t("A column for each channel, a row for each place. VGG-16's last layer: 512×49."),
    )
    return order, scale, strip_wanted


def _mosaic(classifier: Classifier, maps: FeatureMaps, sheet: Sheet) -> int:
    """Show all channels as one picture, and give the one that was clicked."""
    key = f"maps_grid_{classifier.provenance.network}_{maps.layer.name}"
    chosen = st.session_state.get(chosen_key(classifier, maps.layer.name))
    channel = chosen if chosen in sheet.channels else sheet.channels[0]
    columns, rows = pictures.grid(len(sheet.channels))
    label = t("Mosaic of the feature maps of {layer}", layer=maps.layer.name)
    # Half a megabyte that a click does not change: the browser has it, if it is an element of its
    # own. The grid lies over it (style.css).
    with st.container(key="maps_mosaic"):
        st.image(sheet.uri, width="stretch", alt=label)
        _grid(
            key=key,
            data={
                "columns": columns,
                "rows": rows,
                "channels": sheet.channels,
                "selected": channel,
                "word": t("Channel"),
                "label": label,
            },
            on_channel_change=lambda: choose_channel(
                classifier, maps.layer.name, st.session_state[key]["channel"]
            ),
        )
    return int(channel)


def choose_channel(classifier: Classifier, layer: str, channel: int) -> None:
    """Choose a channel of a layer as if it was clicked on; to be called before they are shown."""
    choose(classifier, layer, channel)
    layout.count(_CLICKS)


def _over_and_boxed(maps: FeatureMaps, channel: int, seen: Pixels) -> tuple[Pixels, Pixels]:
    """The channel over the photo, and what its most active spot sees."""
    box = receptive_field(maps, channel, len(seen))
    return pictures.overlay(maps, channel, seen), pictures.marked(seen, box)


def _downloads(
    classifier: Classifier,
    observation: Observation,
    maps: FeatureMaps,
    sheet: Sheet,
    channel: int,
) -> None:
    network, layer = classifier.provenance.network, maps.layer.name
    stem = f"maps-{network}-{layer}"
    with st.container(horizontal=True, vertical_alignment="center"):
        save.png(lambda: sheet.pixels, stem, "maps_download_mosaic", t("Download the mosaic"))
        save.png(
            lambda: pictures.sheet([_over_and_boxed(maps, channel, observation.seen)]),
            f"{stem}-{channel}",
            "maps_download_channel",
            t("Download the channel"),
        )
        save.file(
            t("Download the numbers (.npy)"),
            lambda: as_npy(maps.maps),
            f"{stem}.npy",
            "maps_download_npy",
            type="tertiary",
        )
        save.file(
            t("All layers (.npz)"),
            lambda: as_npz(observation),
            f"maps-{network}.npz",
            "maps_download_npz",
            type="tertiary",
        )
        st.button(
            t("Draw the channel large"),
            icon=":material/palette:",
            key="maps_draw",
            on_click=_draw_large,
            args=(layer, channel),
            help=t("Its own ideal picture, on the page “Ideal class”."),
        )


def _draw_large(layer: str, channel: int) -> None:
    st.session_state["ideal_target"] = "channel"
    st.session_state["ideal_channel"] = {"layer": layer, "channel": channel}
    st.switch_page(IDEAL.file)


def as_npy(values: np.ndarray[Any, Any]) -> bytes:
    """An array as a file that `numpy.load` reads."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def as_npz(observation: Observation) -> bytes:
    """The maps of all layers, by the layers' names, as a file that `numpy.load` reads."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        **{name: features.maps for name, features in observation.maps.items()},
    )
    return buffer.getvalue()
