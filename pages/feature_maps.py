"""Feature maps: a walk through a network with a photo in the hand."""

import streamlit as st
from PIL import Image

from core.features import maps, mosaic
from core.problem import N_
from core.zoo.classifier import Classifier
from core.zoo.grad_cam import grad_cam
from pages.parts.feature_maps import (
    compare,
    diagram,
    filters,
    off_switch,
    rebuilt,
    tour,
    trace,
    where,
)
from pages.parts.feature_maps import maps as maps_part
from pages.parts.shared import entry, layout, questions, session
from pages.parts.shared.language import remember_choice, t
from pages.parts.shared.registry import MAPS

entry.only_through_app()

VIEWS = {
    "maps": N_("The maps"),
    "where": N_("Where it looks"),
    "tour": N_("From edges to cat"),
    "trace": N_("Trace it back"),
    "rebuilt": N_("What is left"),
    "compare": N_("Side by side"),
    "filters": N_("First filters"),
}
VIEW_CLICKS = "maps_view_clicks"


@st.fragment
def walk(classifier: Classifier, photo: Image.Image) -> None:
    """Choose a layer in the diagram, and what to look at. A choice runs only this part."""
    covered = questions.awaits_prediction(MAPS)
    shared, classifier = classifier, off_switch.applied(classifier)
    tour.lead(classifier, is_open=st.session_state.get("maps_view") == "tour" and not covered)
    observation = maps_part.observed(classifier, photo)
    layer = diagram.layer_choice(classifier, photo, observation, covered=covered)
    if covered:
        st.info(
            t("Predict first, above: then you can look inside here."), icon=":material/visibility:"
        )
        return
    if classifier is not shared:
        before = maps_part.observed(shared, photo).predictions[0]
        off_switch.banner(shared, before, observation.predictions[0])
    view = st.segmented_control(
        t("What to look at"),
        list(VIEWS),
        format_func=lambda choice: t(VIEWS[choice]),
        default="maps",
        required=True,
        key=remember_choice("maps_view"),
        persist_state="session",
        on_change=layout.count,
        args=(VIEW_CLICKS,),
        label_visibility="collapsed",
    )
    if view == "where":
        where.view(classifier, photo)
    elif view == "tour":
        tour.view(classifier, photo)
    elif view == "trace":
        trace.view(classifier, photo)
    elif view == "rebuilt":
        rebuilt.view(classifier, photo, layer)
    elif view == "compare":
        compare.view(classifier, photo, layer)
    elif view == "filters":
        filters.view(classifier)
    else:  # what comes next is a click in the diagram
        layout.in_sight(layout.counted(VIEW_CLICKS), diagram.component_key(classifier), just=1)
        maps_part.layer_view(classifier, photo, layer)


layout.heading(t(MAPS.title), t(MAPS.promise))
classifier = session.classifier()
layout.network_line(classifier)
walk(classifier, session.photo(MAPS.default_photo))

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
    [maps.observe, mosaic.mosaic, grad_cam],
)
