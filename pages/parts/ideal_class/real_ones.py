"""Real photos of what a drawing is of, and what the network finds in both."""

from __future__ import annotations

import streamlit as st

from core.attacks import starting_points
from core.images import photos
from core.synthesis import real_photos
from core.synthesis.objective import classes_of
from core.synthesis.verdict import Verdict
from pages.parts.ideal_class.saved import fingerprint
from pages.parts.shared import layout, session
from pages.parts.shared.language import class_name, number, percent, plain, t

_MOST_OF_A_DATA_SET = 48


def show(verdict: Verdict) -> None:
    """Show the photos at hand that excite the class most, and what the drawing shares with them."""
    classes = classes_of(verdict.synthesis.objective)
    if len(classes) != 1:
        return
    found = _found().get(fingerprint(verdict.synthesis.pixels), lambda: _look(verdict, classes[0]))
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
