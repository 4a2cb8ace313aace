"""The start page: the lesson in four pictures, each leading into its page."""

from functools import cache
from pathlib import Path

import streamlit as st

from core.images.photos import data_uri
from core.problem import N_
from pages.parts.shared import entry, layout, registry
from pages.parts.shared.language import t

entry.only_through_app()

PICTURES = Path(__file__).parents[1] / "assets" / "home"
CHAPTERS = (
    (
        registry.MAPS,
        "maps.webp",
        N_("1 · From edges to cat"),
        N_(
            "A network looks at a photo in layers: first edges and colours, then textures, then eyes and ears. Walk through them."
        ),
    ),
    (
        registry.TRAINING,
        "train.webp",
        N_("2 · Taught in seconds"),
        N_(
            "What it has learned from a million photos can be used again. A new head learns your classes from a few photos each."
        ),
    ),
    (
        registry.IDEAL,
        "ideal.webp",
        N_("3 · The ideal cat"),
        N_(
            "Ask not “what is this?” but “what would look most like a cat to you?” – and let the network draw it out of noise."
        ),
    ),
    (
        registry.ATTACK,
        "attack.webp",
        N_("4 · The dog that is a cat"),
        N_(
            "The same trick, made tiny: a change that no eye can tell, and the network is sure that the dog is a cat."
        ),
    ),
)


@cache
def picture_uri(file: str) -> str:
    """Return an address that carries a picture; a path, Streamlit would make a large PNG of."""
    return data_uri((PICTURES / file).read_bytes(), "webp")


layout.heading("Ideal Cat", t(registry.HOME.promise))
for row in (CHAPTERS[:2], CHAPTERS[2:]):
    for column, (page, file, title, text) in zip(st.columns(2, gap="large"), row, strict=True):
        with column, st.container(border=True):
            st.image(picture_uri(file), width="stretch", alt=t(title))
            st.header(t(title), anchor=False)
            st.markdown(t(text))
            st.page_link(page.file, label=t("Try it: {page}", page=t(page.title)), icon=page.icon)
with st.container(border=True, horizontal=True, vertical_alignment="center"):
    st.markdown(t("**With a class?** A lesson of 45 minutes is ready: predict first, then look."))
    st.page_link(
        registry.LESSON.file, label=t("Open the lesson"), icon=registry.LESSON.icon, width="content"
    )
st.sidebar.caption(
    t(
        "The live form of the lesson “Pre-trained Networks and Transfer Learning”. Everything runs "
        "on this server's processor; your photos stay in memory and go when you close the tab."
    )
)
