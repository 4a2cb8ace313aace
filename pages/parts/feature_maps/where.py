"""Where the network looks: three methods beside each other on the photo."""

from __future__ import annotations

from functools import partial

import streamlit as st
from PIL import Image

from core.features import mosaic
from core.features.saliency import METHODS, Explanation, Method, explain
from core.problem import N_
from core.server.jobs import Snapshot
from core.steps import Pixels
from core.zoo.classifier import Classifier
from pages.parts.feature_maps import maps
from pages.parts.feature_maps.follow import follow
from pages.parts.shared import layout, pickers, save, session
from pages.parts.shared.language import class_name, percent, plain, t

_IDEAS: dict[Method, str] = {
    "grad_cam": N_("Which places of the last layer speak for the class"),
    "integrated_gradients": N_("Which pixels count, on the way from grey to the photo"),
    "occlusion": N_("Where the class suffers when a grey patch covers it"),
}


def view(classifier: Classifier, photo: Image.Image) -> None:
    """Let a class be chosen, and show where the network sees it."""
    observation = maps.observed(classifier, photo)
    predictions = observation.predictions
    class_id = pickers.class_id(
        t("Where does it see …"),
        classifier.labels,
        "maps_where_" + "_".join(str(p.class_id) for p in predictions),
        [p.class_name for p in predictions],
    )
    key = (*maps.photo_key(classifier, photo), class_id)
    job = session.job("maps_where")
    if job is None or st.session_state.get("maps_where_of") != key:
        st.session_state["maps_where_of"] = key
        job = session.start_job(
            "maps_where", partial(explain, classifier, photo, class_id), lambda step: step.result
        )
    follow(job, lambda snapshot: _show(snapshot, classifier, observation.seen))


def _show(snapshot: Snapshot, classifier: Classifier, seen: Pixels) -> None:
    found = snapshot.step.result if snapshot.step else None
    columns = st.container(key="maps_row_where").columns(1 + len(METHODS), gap="small")
    with columns[0]:
        layout.label(t("The photo"))
        layout.picture(seen, t("What the network sees"), t("The photo"))
    for column, (method, name) in zip(columns[1:], METHODS.items(), strict=True):
        with column:
            layout.label(t(name))
            if not isinstance(found, Explanation) or method not in found.heats:
                st.caption(t("… is being computed"))
                continue
            lit = partial(mosaic.heat, found.heats[method], seen, found.reach[method])
            picture = lit()
            layout.picture(picture, t(_IDEAS[method]), t(name))
            if snapshot.state.is_end:
                name_of_file = f"{method}-{classifier.provenance.network}"
                save.png(lit, name_of_file, f"maps_where_{method}")
    if isinstance(found, Explanation) and snapshot.state.is_end:
        _say_what_is_seen(found, classifier)


def _say_what_is_seen(found: Explanation, classifier: Classifier) -> None:
    """Say how the maps are read, or that there is nothing to be read in them."""
    names = {
        "name": plain(class_name(classifier.labels[found.class_id])),
        "answer": plain(class_name(classifier.labels[found.answer_id])),
        "share": percent(found.probability, 1),
    }
    if not found.is_seen:
        st.info(
            t(
                "Nothing here speaks for **{name}** ({share}), so the maps stay dark. The answer is **{answer}**.",
                **names,
            ),
            icon=":material/visibility_off:",
        )
        return
    st.caption(
        t(
            "Yellow speaks for **{name}**, dark does not matter or speaks against it. The methods ask different questions, so they need not agree.",
            name=names["name"],
        )
    )
    if found.class_id != found.answer_id:
        st.caption(
            t(
                "The network gives **{name}** {share}. Its maps are on the scale of those of **{answer}**, the answer.",
                **names,
            )
        )
