"""A page with nothing but the webcam's panels, for tests/pages/test_webcam.py and benchmarks/webcam_live.py.

With `?busy=1` a run of its own embeds photos all the time; with `?busy=watched` it watches that.
"""

from __future__ import annotations

import streamlit as st

from core.data import datasets
from core.server.scheduler import scheduler
from core.training.embeddings import EmbeddingCache, embed
from core.zoo import loading
from pages.parts.fine_tuning import webcam
from pages.parts.shared import layout, live, session

st.set_page_config(page_title="Webcam", layout="wide")
layout.style()
st.title("Webcam", anchor=False)
classifier = session.compute(lambda: loading.shared("efficientnet_lite0"))


def work():
    """Look at the digits again and again, remembering nothing."""
    while True:
        yield from embed(classifier, datasets.digits().photos, EmbeddingCache(1))


if "busy" in st.query_params and session.job("busy") is None:
    scheduler().submit(session.owner(), "busy", work)
job = session.job("busy")
watched = st.query_params.get("busy") == "watched"

columns = st.columns(2)
counts = []
for column, name in zip(columns, ("cat", "<b>🐶 / dog</b>"), strict=True):
    with column:
        st.text(name)
        counts.append(len(webcam.collect(f"photos_{name[0]}", name, watched=watched)))
st.text(f"The page knows of {counts[0]} and {counts[1]} photos.")
webcam.live("live", classifier, watched=watched)
if job and watched:
    live.watch(job, lambda snapshot: None)
