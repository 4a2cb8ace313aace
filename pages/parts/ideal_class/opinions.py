"""What networks see in a drawing, and what that means."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence

from streamlit.delta_generator import DeltaGenerator

from core.problem import N_
from core.synthesis.objective import Mixture
from core.synthesis.verdict import Verdict
from core.zoo.predictions import RECOGNITIONS, Opinion, Recognition, by_network, recognition
from pages.parts.shared import network_names
from pages.parts.shared.language import class_name, number, percent, plain, t

RECOGNITION_NAMES: dict[Recognition, str] = {
    "recognised": N_("recognised by"),
    "unsure": N_("unsure"),
    "not recognised": N_("not recognised by"),
}
_MARKS: Mapping[Recognition, tuple[str, str, str]] = {
    "recognised": ("✓", "right", N_("recognised")),
    "unsure": ("?", "unsure", N_("unsure")),
    "not recognised": ("✗", "wrong", N_("not recognised")),
}
"""By how a network sees a picture: a mark, the class of its line, and the word for it."""
_MIXED_AS_ASKED = 0.2
"""How far the answer's shares may be from those asked for without a word."""


def show(place: DeltaGenerator, asked: Sequence[Opinion], drew: str = "") -> None:
    """Show what networks take a picture for, a line for each.

    Args:
        place: where.
        asked: their opinions; nothing is shown without any.
        drew: name of the network that drew it, where it is asked too.
    """
    rows = "".join(_row(of_one, drew == name) for name, of_one in by_network(asked).items())
    if rows:
        place.html(f'<ul class="opinions">{rows}</ul>')


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
    network = network_names.title_of(first.model)
    if drew:
        network = t("{network} · drew it", network=network)
    return (
        f'<li class="{kind}"><span class="mark">{mark}</span>'
        f'<span class="network">{html.escape(network)}</span>'
        f'<span class="told">{html.escape(told)}</span>'
        f"<small>{html.escape(' · '.join((t(word), *wanted)))}</small></li>"
    )


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
            score=score(verdict.others),
        )
    )
    if told := _mixture_told(verdict):
        place.caption(told)


def score(asked: Sequence[Opinion]) -> str:
    """Say how many networks recognise a picture, are unsure, or do not; nobody is not told."""
    verdicts = Counter(recognition(of_one) for of_one in by_network(asked).values())
    total = number(verdicts.total())
    shares = {
        one: t("{count} of {total}", count=number(verdicts[one]), total=total)
        for one in RECOGNITIONS
        if verdicts[one]
    }
    return " · ".join(f"{t(RECOGNITION_NAMES[one])} **{share}**" for one, share in shares.items())


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
