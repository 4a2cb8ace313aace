"""What the training page shows of what a network knew before."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.training.evidence import Familiarity, Score
from pages.parts.fine_tuning.evidence import score_list
from pages.parts.shared import layout
from pages.parts.shared.language import class_name, percent, plain, t

_MOST_NAMED = 20


def is_it_fair(familiar: Sequence[Familiarity], comparison: Sequence[Score] = ()) -> None:
    """Show which of the visitor's classes the network knew already.

    Args:
        familiar: what it took photos of each class for, before it was trained here.
        comparison: how well it learns sets that it cannot know, by the sets' names.
    """
    st.header(t("Is it fair?"), anchor=False)
    st.markdown(_verdict(familiar))
    rows = [
        {
            t("Your class"): one.class_name,
            t("ImageNet has, by name"): _by_name(one.by_name),
            t("Answers one of these"): percent(one.fraction_by_name)
            if one.by_name and one.total
            else "–",
            t("Most often mistaken for"): _taken_for(one),
            t("How sure it was"): percent(one.confidence) if one.total else "–",
        }
        for one in familiar
    ]
    st.dataframe(rows, hide_index=True, width="stretch")
    st.caption(
        t(
            "The network has learned ImageNet's 1,000 classes from 1.3 million photos. Here it answers with these, not with yours. Where it gives similar answers for all photos of a class, it already knew how to see it, and your photos had only to give it your name."
        )
    )
    if comparison:
        layout.label(t("And with photos that ImageNet has nothing like?"))
        score_list(comparison)


def _verdict(familiar: Sequence[Familiarity]) -> str:
    known = [one for one in familiar if one.known]
    if not known:
        return t(
            "ImageNet has **none of your classes** by name. What carries over are edges, "
            "textures and parts, not the classes themselves."
        )
    names = ", ".join(plain(one.class_name) for one in known[:_MOST_NAMED])
    if len(known) == len(familiar):
        return t(
            "Not quite: ImageNet already knows **all of your classes** ({names}). The challenge "
            "is a class that it has never seen.",
            names=names,
        )
    return t(
        "Partly: of your {count} classes ImageNet already knows **{known}** ({names}).",
        count=len(familiar),
        known=len(known),
        names=names,
    )


def _by_name(names: Sequence[str]) -> str:
    if not names:
        return "–"
    if len(names) <= 2:
        return ", ".join(map(class_name, names))
    return t("{count} classes: {name}, …", count=len(names), name=class_name(names[0]))


def _taken_for(one: Familiarity) -> str:
    if not one.total:
        return "–"
    return f"{class_name(one.answer)} ({percent(one.fraction)})"
