"""What is shown of a drawing while it grows and when it is finished: one picture, or several abreast."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.attacks import starting_points
from core.images import photos
from core.problem import N_
from core.server.jobs import Snapshot
from core.steps import Pixels, Step
from core.synthesis import real_photos, record
from core.synthesis.objective import Mixture, classes_of
from core.synthesis.regularisers import REGULARISERS
from core.synthesis.verdict import Verdict
from core.training.loop import OWN_NETWORK
from core.zoo import catalogue
from core.zoo.predictions import Opinion, Recognition, by_network, recognition
from pages.parts.ideal_class import drawing
from pages.parts.shared import layout, live, plots, session
from pages.parts.shared.language import class_name, number, percent, plain, sentence, t

LOSSES = ("class loss", *(regulariser.loss for regulariser in REGULARISERS.values()))
_MIXED_AS_ASKED = 0.2
"""How far the answer's shares may be from those asked for without a word."""
_MOST_OF_A_DATA_SET = 48


def network_title(name: str) -> str:
    """Return a network's name for people; the visitor's own one has none in the catalogue."""
    if name in (session.OWN, OWN_NETWORK):
        return t("Your network")
    return catalogue.entry(name).title


@dataclass
class Canvas:
    """Where one drawing is shown: the picture, and beside it numbers and opinions.

    Attributes:
        picture, numbers, told: the places.
        reel: the frames of the growing picture.
    """

    picture: DeltaGenerator
    numbers: DeltaGenerator
    told: DeltaGenerator
    reel: live.Reel = field(default_factory=live.Reel)

    def show(self, snapshot: Snapshot, contrasted: Callable[[Pixels], Pixels]) -> None:
        """Show a drawing as it stands; a finished one as a time-lapse in the same place."""
        if snapshot.step is None or not isinstance(snapshot.step.result, record.Record):
            return
        kept, verdict = snapshot.step.result, snapshot.result
        if isinstance(verdict, Verdict):
            with self.picture.container():
                drawing.time_lapse(verdict.record, contrasted)
            opinions(self.told, (*verdict.own, *verdict.others), verdict.synthesis.model)
        else:
            self.reel.add(contrasted(kept.synthesis.pixels))
            if (film := self.reel.film()) is None:
                return
            alt = t("The picture after {done} steps", done=snapshot.step.index)
            self.picture.image(film, width="stretch", alt=alt)
            opinions(self.told, kept.opinions)
        own = verdict.own if isinstance(verdict, Verdict) else ()
        plots.live_numbers(self.numbers, _numbers(snapshot.history, own))


def _numbers(
    history: Mapping[str, Sequence[float]], own: Sequence[Opinion]
) -> list[plots.LiveNumber]:
    """Return how sure the network is, or how active the channel, with the curve so far.

    Args:
        history: the run's scalars, each measured on what the network looked at in that step.
        own: what it says of the finished picture, once there is one.
    """
    names = ("probability", "second probability", "activation")
    latest = {name: history[name][-1] for name in names if any(history.get(name, ()))}
    of_the_picture = (opinion.target_probability or 0.0 for opinion in own)
    latest |= dict(zip(names[: len(own)], of_the_picture, strict=True))
    return [
        plots.LiveNumber(
            sentence(t(name)),
            percent(value, 1) if share else number(value, 2),
            history[name],
            share,
        )
        for name, value in latest.items()
        if any(history.get(name, ()))
        for share in (name.endswith("probability"),)
    ]


def opinions(place: DeltaGenerator, asked: Sequence[Opinion], drew: str = "") -> None:
    """Show what networks take a picture for, a line for each.

    Args:
        place: where.
        asked: their opinions; nothing is shown without any.
        drew: name of the network that drew it, where it is asked too.
    """
    rows = "".join(_row(of_one, drew == name) for name, of_one in by_network(asked).items())
    if rows:
        place.html(f'<ul class="opinions">{rows}</ul>')


_MARKS: Mapping[Recognition, tuple[str, str, str]] = {
    "recognised": ("✓", "right", N_("recognised")),
    "unsure": ("?", "unsure", N_("unsure")),
    "not recognised": ("✗", "wrong", N_("not recognised")),
}
"""By how a network sees a picture: a mark, the class of its line, and the word for it."""


def _row(of_one: Sequence[Opinion], drew: bool) -> str:
    first = of_one[0]
    told = f"{class_name(first.class_name)} {percent(first.probability, 1)}"
    mark, kind, word = _MARKS[recognition(of_one)]
    wanted = [
        f"{class_name(opinion.target)} {percent(opinion.target_probability, 1)}"
        for opinion in of_one
        if opinion.target_probability is not None
        and opinion.target_probability != first.probability
    ]
    network = network_title(first.model)
    if drew:
        network = t("{network} · drew it", network=network)
    return (
        f'<li class="{kind}"><span class="mark">{mark}</span>'
        f'<span class="network">{html.escape(network)}</span>'
        f'<span class="told">{html.escape(told)}</span>'
        f"<small>{html.escape(' · '.join((t(word), *wanted)))}</small></li>"
    )


@dataclass(frozen=True)
class Abreast:
    """Several drawings beside each other.

    Attributes:
        titles: what each is called, by its name.
        canvases: where each is shown, by its name.
    """

    titles: Mapping[str, str]
    canvases: Mapping[str, Canvas]

    @classmethod
    def laid_out(cls, place: DeltaGenerator, titles: Mapping[str, str]) -> Abreast:
        """Lay out a column for each drawing, with its title."""
        canvases = {}
        with place.container(key=f"abreast_{len(titles)}"):
            columns = st.columns(len(titles), gap="small")
        for column, (name, title) in zip(columns, titles.items(), strict=True):
            column.markdown(f"**{title}**")
            canvas = Canvas(column.empty(), column.empty(), column.empty())
            canvas.picture.caption(t("comes next …"))
            canvases[name] = canvas
        return cls(titles, canvases)

    def show(self, snapshot: Snapshot, contrasted: Callable[[Pixels], Pixels]) -> None:
        """Show the drawings as they stand, at their true scale."""
        if snapshot.step is None or not isinstance(snapshot.step.result, Mapping):
            return
        verdicts: Mapping[str, Verdict] = snapshot.result or {}
        for name, canvas in self.canvases.items():
            step: Step[record.Record] | None = snapshot.step.result.get(name)
            if step is None or step.result is None:
                continue
            pixels = contrasted(step.result.synthesis.pixels)
            canvas.reel.add(pixels)
            film = live.data_uri(pixels, 92) if snapshot.state.is_end else canvas.reel.film()
            if film is None:
                continue
            canvas.picture.image(film, width="stretch", alt=self.titles[name])
            if verdict := verdicts.get(name):
                opinions(canvas.told, (*verdict.own, *verdict.others), verdict.synthesis.model)
            else:
                share = percent(step.scalars["probability"], 1)
                canvas.numbers.markdown(t("It is **{share}** sure of it.", share=share))
                opinions(canvas.told, step.result.opinions)
            if verdicts:
                canvas.numbers.empty()


def meaning(place: DeltaGenerator, verdict: Verdict) -> None:
    """Say what the others' opinions of a finished picture mean."""
    if not verdict.own:
        place.caption(
            t(
                "This is what one channel looks for. Other networks have no such channel, so there "
                "is nobody to ask; look at what lights it up on the feature map page."
            )
        )
        return
    place.caption(
        t(
            "The honest score, from the networks that never saw this run: {score}. A network recognises it if it is surer of it than of all else together. The network that drew it is sure of whatever was made for it.",
            score=drawing.score(verdict.others),
        )
    )
    if told := _mixture_told(verdict):
        place.caption(told)


def _mixture_told(verdict: Verdict) -> str:
    """Say why the answer is not mixed as the picture was asked to be; empty where it is."""
    objective = verdict.synthesis.objective
    if not isinstance(objective, Mixture):
        return ""
    wanted = (objective.share, 1 - objective.share)
    answered = [opinion.target_probability or 0.0 for opinion in verdict.own]
    if max(abs(a - b) for a, b in zip(wanted, answered, strict=True)) < _MIXED_AS_ASKED:
        return ""
    first, second = (plain(class_name(opinion.target)) for opinion in verdict.own)
    return t(
        "Asked for were {asked_first} {first} and {asked_second} {second}; it answers {first} with {share_first} and {second} with {share_second}. The share says how much each class counts in the loss. In the answer both compete (softmax): the class that is a little ahead gets nearly everything.",
        asked_first=percent(wanted[0]),
        asked_second=percent(wanted[1]),
        first=first,
        second=second,
        share_first=percent(answered[0], 1),
        share_second=percent(answered[1], 1),
    )


def real_ones(verdict: Verdict) -> None:
    """Show the photos at hand that excite the class most, and what the drawing shares with them."""
    classes = classes_of(verdict.synthesis.objective)
    if len(classes) != 1:
        return
    found = _found().get(
        drawing.fingerprint(verdict.synthesis.pixels), lambda: _look(verdict, classes[0])
    )
    name = plain(class_name(verdict.own[0].target))
    layout.label(t("Beside real ones"))
    if not found.shown:
        st.caption(
            t(
                "None of the {count} photos at hand shows one: the network gives “{name}” "
                "{share} at most. Upload a photo of one, and it will stand here.",
                count=found.asked,
                name=name,
                share=percent(found.highest, 1),
            )
        )
        return
    columns = st.columns(real_photos.MOST_PHOTOS)
    for column, photo in zip(columns, found.shown, strict=False):
        share = percent(photo.probability, 1)
        with column:
            layout.picture(photo.pixels, f"{name} {share}", t("A photo seen as {name}", name=name))
    st.markdown(_in_common(found, name))


def _in_common(found: real_photos.Beside, name: str) -> str:
    told = {
        "name": name,
        "channels": real_photos.CHANNELS,
        "shared": number(found.shown[0].shared),
    }
    if found.elsewhere is None:
        return t(
            "Of the {channels} channels that speak most for “{name}” in the drawing, **{shared}** "
            "do so in the first photo, too.",
            **told,
        )
    return t(
        "Of the {channels} channels that speak most for “{name}” in the drawing, **{shared}** do "
        "so in the first photo, too; in photos of other things {elsewhere} on average.",
        elsewhere=number(found.elsewhere, 1),
        **told,
    )


@session.kept
def _found() -> session.Latest[real_photos.Beside]:
    """The real photos beside this session's latest drawings."""
    return session.Latest(8)


def _look(verdict: Verdict, class_id: int) -> real_photos.Beside:
    synthesis = verdict.synthesis
    classifier = session.network_named(synthesis.model)
    candidates = _at_hand()
    return session.compute(
        lambda: real_photos.beside(classifier, class_id, synthesis.pixels, candidates)
    )


def _at_hand() -> list[tuple[str, real_photos.Read]]:
    """Return the visitor's photos, some of the data set in use, and those that come with the app."""
    own = [(name, lambda image=image: image) for name, image in session.own_photos().items()]
    training = session.training()
    learned = (*training.validation, *training.train) if training else ()
    learned = learned[:: max(1, -(-len(learned) // _MOST_OF_A_DATA_SET))]
    brought = [
        (photo.name, lambda photo=photo: photos.decode(photo.data, photo.name)) for photo in learned
    ]
    samples = [
        (file.name, lambda file=file: photos.decode(file.read(), file.name))
        for file in starting_points.at_hand()
    ]
    return [*own, *brought, *samples]


def curves(snapshot: Snapshot) -> None:
    """Show the run's curves: probabilities, and the loss term by term, weighted as the settings say."""
    charts = st.columns(2)
    scores = [
        n for n in ("probability", "second probability", "activation") if n in snapshot.history
    ]
    with charts[0]:
        plots.curves(snapshot.history, scores, t("step"), "ideal_p", sentence(t(scores[0])))
    terms = [name for name in LOSSES if name in snapshot.history]
    with charts[1]:
        plots.curves(snapshot.history, terms, t("step"), "ideal_loss", t("Loss, term by term"))
