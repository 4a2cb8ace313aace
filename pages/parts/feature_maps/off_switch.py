"""Switching channels off, or up: the answer and all later maps change with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st
from PIL import Image

from core.features import mosaic
from core.features.ablation import Losses, losses, with_gains
from core.features.maps import FeatureMaps, Observation
from core.problem import N_
from core.server.jobs import Snapshot
from core.steps import Steps
from core.zoo.classifier import Classifier
from core.zoo.graph import Layer
from core.zoo.predictions import Prediction
from pages.parts.feature_maps import channel_links
from pages.parts.feature_maps.follow import follow
from pages.parts.feature_maps.walk import channel_title, choose, layer_title
from pages.parts.shared import layout, session
from pages.parts.shared.language import class_name, percent, plain, remember_choice, t

_SHOWN = 7
_FACTORS = {0.0: N_("off"), 1.0: N_("as it is"), 2.0: N_("twice"), 5.0: N_("five times")}
_JOB, _OF, _TURNED, _TURNS = "maps_losses", "maps_losses_of", "maps_turned", "maps_turns"


@session.kept
def _applied() -> session.Latest[tuple[Classifier, Classifier]]:
    """Networks with what is switched, beside the shared ones, so that ids stay theirs."""
    return session.Latest(2)


def _gains(classifier: Classifier) -> dict[str, dict[int, float]]:
    """Return by what this session multiplies channels of a network."""
    of_all = st.session_state.setdefault(session.SWITCHED, {})
    body = (classifier.name, classifier.provenance.body)
    found: dict[str, dict[int, float]] = of_all.setdefault(body, {})
    return found


def applied(classifier: Classifier) -> Classifier:
    """Return the network with the channels that are switched; the shared one is left as it is."""
    gains = {layer: dict(channels) for layer, channels in _gains(classifier).items() if channels}
    if not gains:
        return classifier
    key = (id(classifier), *((layer, *channels.items()) for layer, channels in gains.items()))
    return _applied().get(key, lambda: (classifier, with_gains(classifier, gains)))[1]


def banner(classifier: Classifier, before: Prediction, after: Prediction) -> None:
    """Say what is switched and what it did to the answer; nothing if nothing is switched.

    Args:
        classifier: the network as it is shared.
        before: its answer.
        after: the answer with the channels switched.
    """
    gains = _gains(classifier)
    if not any(gains.values()):
        return
    told = [
        f"{', '.join(_switched(channels))} ({layer_title(classifier, layer)})"
        for layer, channels in gains.items()
        if channels
    ]
    layout.in_sight(layout.counted(_TURNS), "maps_switched", just=1)
    with st.container(horizontal=True, vertical_alignment="center", key="maps_switched"):
        st.warning(
            t(
                "Switched – {channels}. The answer was {before}, now it is {after}.",
                channels="; ".join(told),
                before=_bold(before),
                after=_bold(after),
            ),
            icon=":material/toggle_off:",
        )
        st.button(
            t("All as it was"),
            key="maps_switch_back",
            on_click=lambda: st.session_state[session.SWITCHED].clear(),
        )


def _bold(answer: Prediction) -> str:
    return f"**{plain(class_name(answer.class_name))}** ({percent(answer.probability, 1)})"


def _switched(channels: dict[int, float]) -> list[str]:
    return [
        t("channel {channel} {factor}", channel=channel, factor=t(_FACTORS[factor]))
        for channel, factor in sorted(channels.items())
    ]


def view(
    photo: Image.Image,
    photo_key: tuple[object, ...],
    observation: Observation,
    layer: Layer,
    channel: int,
) -> None:
    """Switch the channel in sight, and measure whose loss changes the answer most.

    Args:
        photo: what is looked at.
        photo_key: what tells it, through the network that is shown, from all others.
        observation: what that network makes of it.
        layer: where the channel is.
        channel: which.
    """
    shared = session.classifier()
    _switch(shared, layer.name, channel)
    st.markdown(t("The answer: {answer}", answer=_bold(observation.predictions[0])))
    _most_missed(shared, photo, (id(shared), *photo_key[1:]), observation, layer)


def _switch(classifier: Classifier, layer: str, channel: int) -> None:
    key = remember_choice(f"maps_switch_{classifier.provenance.network}_{layer}_{channel}")
    # The switch follows what holds: "All as it was" turns it back, too.
    st.session_state[key] = _gains(classifier).get(layer, {}).get(channel, 1.0)
    st.segmented_control(
        channel_title(classifier, layer, channel),
        list(_FACTORS),
        format_func=lambda choice: t(_FACTORS[choice]),
        required=True,
        key=key,
        on_change=_turn,
        args=(key, layer, channel),
    )
    if st.session_state.pop(_TURNED, False):
        st.rerun()  # what stands outside of this part has changed: the maps, or which is framed


def _turn(key: str, layer: str, channel: int) -> None:
    of_layer = _gains(session.classifier()).setdefault(layer, {})
    of_layer[channel] = st.session_state[key]
    if of_layer[channel] == 1.0:
        del of_layer[channel]
    st.session_state[_TURNED] = True
    layout.count(_TURNS)


def _most_missed(
    classifier: Classifier,
    photo: Image.Image,
    photo_key: tuple[object, ...],
    observation: Observation,
    layer: Layer,
) -> None:
    class_id = observation.predictions[0].class_id
    key = (*photo_key, layer.name)
    job = session.job(_JOB)
    if job is None or st.session_state.get(_OF) != key:
        st.button(
            t("Which channel matters most?"),
            icon=":material/query_stats:",
            key="maps_measure_losses",
            on_click=_measure,
            args=(key, partial(losses, classifier, photo, layer.name, class_id)),
            help=t("Each channel of this layer is switched off alone, and the answer is measured."),
        )
        return
    follow(job, lambda snapshot: _show(snapshot, classifier, observation))


def _measure(key: tuple[object, ...], run: Callable[[], Steps[Losses]]) -> None:
    st.session_state[_OF] = key
    session.start_job(_JOB, run, lambda step: step.result)


def _show(snapshot: Snapshot, classifier: Classifier, observation: Observation) -> None:
    found = snapshot.step.result if snapshot.step else None
    if not isinstance(found, Losses) or not snapshot.state.is_end:
        return
    maps: FeatureMaps = observation.maps[found.layer]
    name = plain(class_name(classifier.labels[found.class_id]))
    layout.label(t("“{name}” without one of these channels", name=name))
    channel_links.row(
        t("Which channel matters most?"),
        [
            channel_links.Link(
                name=channel_title(classifier, found.layer, channel),
                short=str(channel),
                told=percent(found.without[channel], 1),
                target={"layer": found.layer, "channel": channel},
                picture=mosaic.coloured(maps, channel),
            )
            for channel in found.order[:_SHOWN]
        ],
        "maps_losses_row",
        _choose,
    )
    st.caption(
        t(
            "With all channels on, “{name}” has {share}. Click one and switch it off. With how few channels off does the network change its mind?",
            name=name,
            share=percent(found.probability, 1),
        )
    )


def _choose(target: dict[str, Any]) -> None:
    layer, channel = str(target["layer"]), int(target["channel"])
    choose(session.classifier(), layer, channel)
    st.session_state[_TURNED] = True
