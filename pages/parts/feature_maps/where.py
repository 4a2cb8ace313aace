"""Where the network looks: three methods beside each other on the photo."""

from __future__ import annotations

from functools import partial

import streamlit as st
from PIL import Image

from core.features import deletion, mosaic
from core.features.saliency import METHODS, Explanation, Method, explain
from core.problem import N_
from core.server.jobs import Snapshot
from core.steps import Pixels
from core.zoo.classifier import Classifier
from pages.parts.feature_maps import curves, maps
from pages.parts.feature_maps.follow import begun, follow
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
    key = "maps_where_" + "_".join(str(p.class_id) for p in observation.predictions)
    favourites = [p.class_name for p in observation.predictions]
    left, right = st.columns(2, gap="medium")
    with left:
        class_id = pickers.class_id(t("Where does it see …"), classifier.labels, key, favourites)
    with right:
        against = pickers.other_class_id(
            t("… rather than"), classifier.labels, f"{key}_against", favourites, avoid=class_id
        )
    of = (*maps.photo_key(classifier, photo), class_id, against)
    before = session.job("maps_where")
    run = partial(explain, classifier, photo, class_id, against)
    job = begun("maps_where", of, run, lambda step: step.result)
    if job is not before and (curves_before := session.job("maps_curves")):
        curves_before.stop()
    follow(job, lambda snapshot: _show(snapshot, classifier, observation.seen))
    found = job.snapshot().result
    if isinstance(found, Explanation) and found.is_seen and len(found.heats) == len(METHODS):
        _curves(classifier, photo, found, job.number)


def _curves(classifier: Classifier, photo: Image.Image, found: Explanation, of: int) -> None:
    """Measure how good the heat maps of a job are, and show it."""
    job = begun("maps_curves", of, partial(deletion.compare, classifier, photo, found))
    follow(job, lambda snapshot: curves.show(snapshot, found, classifier))


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
            lit = partial(_lit, found, method, seen)
            layout.picture(lit(), t(_IDEAS[method]), t(name))
            if snapshot.state.is_end:
                name_of_file = f"{method}-{classifier.provenance.network}"
                save.png(lit, name_of_file, f"maps_where_{method}")
    if isinstance(found, Explanation) and snapshot.state.is_end:
        if found.opposite:
            _say_what_differs(found, found.opposite, classifier)
        else:
            _say_what_is_seen(found, classifier)


def _lit(found: Explanation, method: Method, seen: Pixels) -> Pixels:
    """Return a heat map over the photo; of a contrast, both directions."""
    heat = found.heats[method]
    if not found.opposite:
        return mosaic.heat(heat, seen, found.reach[method])
    other = found.opposite.heats[method] / (found.opposite.reach[method] or 1)
    return mosaic.contrast(heat / (found.reach[method] or 1) - other, seen)


def _say_what_differs(found: Explanation, opposite: Explanation, classifier: Classifier) -> None:
    """Say how a contrast is read, and which of the two classes is not seen at all."""
    names = {
        "name": plain(class_name(classifier.labels[found.class_id])),
        "other": plain(class_name(classifier.labels[opposite.class_id])),
    }
    st.caption(
        t(
            "Red speaks for **{name}** rather than **{other}**, blue the other way round; grey does not decide between them.",
            **names,
        )
    )
    unseen = [direction for direction in (found, opposite) if not direction.is_seen]
    for direction in unseen:
        st.info(
            t(
                "The network sees no **{name}** here ({share}), so nothing is coloured for it.",
                name=plain(class_name(classifier.labels[direction.class_id])),
                share=percent(direction.probability, 1),
            ),
            icon=":material/visibility_off:",
        )


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
