"""Feature maps: what each layer of a network makes of a photo."""

import io

import numpy as np
import streamlit as st

from core import features, photos
from core.predictions import top
from core.problem import N_
from pages.kit import entry, layout, session
from pages.kit import maps as maps_kit
from pages.kit.language import remember_choice, t
from pages.kit.registry import MAPS

entry.only_through_app()

ORDERS: dict[features.Order, str] = {
    "strength": N_("strongest first"),
    "maximum": N_("greatest maximum first"),
    "variance": N_("most varied first"),
    "evidence": N_("those that speak for the answer"),
    "network": N_("as in the network"),
}
SCALES: dict[features.Scale, str] = {"own": N_("each its own"), "common": N_("one for all")}


def as_npy(maps: features.FeatureMaps) -> bytes:
    """The maps (channels, h, w) as a file that `numpy.load` reads."""
    buffer = io.BytesIO()
    np.save(buffer, maps.maps, allow_pickle=False)
    return buffer.getvalue()


layout.heading(t(MAPS.title), t(MAPS.promise))
classifier = session.classifier()
layout.network_line(classifier)
photo = session.photo(MAPS.default_photo)

layers = {layer.name: layer for layer in classifier.layers}
controls = st.columns([3, 1, 1], gap="medium")
with controls[0]:
    name = st.select_slider(
        t("Layer – from the photo (left) to the answer (right)"),
        list(layers),
        value=features.find_layer(classifier, None).name,
        key=f"maps_layer_{classifier.provenance.network}",
        persist_state="session",
        help=t(
            "Early layers answer to edges and colours in small patches; late ones to eyes, faces "
            "or wheels wherever they are."
        ),
    )
with controls[1]:
    order = st.selectbox(
        t("Order"),
        list(ORDERS),
        format_func=lambda choice: t(ORDERS[choice]),
        key=remember_choice("maps_order"),
        persist_state="session",
    )
with controls[2]:
    scale = st.selectbox(
        t("Colour scale"),
        list(SCALES),
        format_func=lambda choice: t(SCALES[choice]),
        key=remember_choice("maps_scale"),
        persist_state="session",
        help=t("One scale for all lets you compare channels; a scale for each shows more in each."),
    )

maps = maps_kit.observed(classifier, photo)[name]
predictions = session.compute(lambda: top(classifier, photo))
channels = features.ranked(maps, order)
mosaic = features.mosaic(maps, channels, scale=scale)

left, right = st.columns([1, 3], gap="medium")
with left:
    seen = photos.to_pixels(photos.prepare(photo, classifier.input_size))
    layout.picture(seen, t("What the network sees"), t("The photo"))
    layout.label(t("What it says"))
    layout.prediction_bars(predictions)
with right:
    layer = maps.layer
    count, height, width = maps.maps.shape
    channel = maps_kit.mosaic(
        maps, channels, mosaic, f"maps_grid_{classifier.provenance.network}_{name}"
    )
    st.caption(
        t(
            "{count} channels of {layer}, {height}×{width} values each · one value sees "
            "{field}×{field} pixels of the photo · click one to see more of it",
            count=count,
            layer=layer.name,
            height=height,
            width=width,
            field=min(layer.receptive_field, classifier.input_size),
        )
    )
    st.caption(
        t("White is nothing, red is more, blue is less than nothing")
        if maps.signed
        else t("Dark is little, yellow is much")
    )
    name_of_file = f"maps-{classifier.provenance.network}-{layer.name}"
    with st.container(horizontal=True):
        st.download_button(
            t("Download the mosaic"),
            lambda: photos.encode_png(mosaic),
            file_name=f"{name_of_file}.png",
            mime="image/png",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            t("Download the numbers (.npy)"),
            lambda: as_npy(maps),
            file_name=f"{name_of_file}.npy",
            mime="application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
        )

maps_kit.one_channel(maps, channel, photo, classifier)

layout.why(
    t("Why does it work?"),
    t(
        "Each channel is a little detector that slides over the photo. Where its pattern is, its "
        "map lights up. The next layer looks at the maps of the one before, so its detectors can "
        "be made of the earlier ones: edges become textures, textures become eyes. Layers that "
        "have learned such general patterns can be used again for other photos – that is transfer "
        "learning."
    ),
    r"a_{c}(x, y) = \sum_{c'} \sum_{i,j} w_{c,c'}(i, j)\; a_{c'}(x+i,\, y+j) + b_c",
    [features.observe, features.mosaic],
)
