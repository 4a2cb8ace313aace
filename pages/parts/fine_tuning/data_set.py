"""What the training page shows of the data, before anything is learned from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from core.classroom.collection import GROUP
from core.data.datasets import Found, Photo
from core.data.overview import Overview
from core.data.photo_files import Skipped
from pages.parts.fine_tuning.thumbnails import SHEET_COLUMNS, TILE, fingerprint, sprite
from pages.parts.shared import layout
from pages.parts.shared.language import number, percent, plain, say, t, tn

_MOST_LISTED = 20


def overview(seen: Overview) -> None:
    """Show what there is to learn from, before anything is learned."""
    if seen.total:
        st.markdown(_balance(seen))
    if seen.parts:
        _parts(seen.parts)
    if not any(map(are_of_phones, seen.samples)):  # of those it is told where they are chosen
        takes(seen.classes, seen.takes)
    for sentence in _copies(seen) if seen.total else ():
        st.markdown(sentence)
    if seen.contradictions:
        _contradictions(seen)
    if nothing := [
        name for name, count in zip(seen.classes, seen.counts, strict=True) if not count
    ]:
        st.warning(
            t(
                "No photo can be read of: {names}. The reasons are below.",
                names=", ".join(map(plain, nothing)),
            ),
            icon=":material/warning:",
        )
    if seen.unlabelled:
        st.markdown(
            t(
                "Photos without a class, left out: **{count}**. A class is a folder of its own.",
                count=number(seen.unlabelled),
            )
        )
    unreadable(seen.unreadable)
    columns = st.columns(2 if len(seen.classes) <= 4 else 3, gap="medium")
    for i, (name, count, samples) in enumerate(
        zip(seen.classes, seen.counts, seen.samples, strict=True)
    ):
        with columns[i % len(columns)]:
            layout.label(
                tn("{name}: {count} photo", "{name}: {count} photos", count, name=plain(name))
            )
            if samples:
                alt = t("Some photos of the class {name}", name=name)
                picture = sprite(fingerprint(samples), samples, TILE, SHEET_COLUMNS)
                st.image(picture, width="stretch", alt=alt)


def found(listed: Found) -> None:
    """Say what is in a zip that has just come in."""
    classes = " · ".join(f"{plain(name)} {number(n)}" for name, n in listed.counts.items())
    st.success(
        t(
            "{photos} in {classes}: {counts}",
            photos=tn("**{count}** photo", "**{count}** photos", sum(listed.counts.values())),
            classes=tn("**{count}** class", "**{count}** classes", len(listed.counts)),
            counts=classes,
        ),
        icon=":material/check:",
    )
    if listed.parts:
        _parts(listed.parts)
    unreadable(listed.left_out)


def _parts(parts: tuple[int, int]) -> None:
    st.markdown(
        t(
            "**{train}** to train, **{validate}** to validate, as your folders say.",
            train=number(parts[0]),
            validate=number(parts[1]),
        )
    )


def _balance(seen: Overview) -> str:
    if seen.balance == 1:
        return t(
            "**{count} photos** in {classes} classes of the same size.",
            count=number(seen.total),
            classes=len(seen.classes),
        )
    (fewest, least), (largest, most) = seen.smallest, seen.largest
    return t(
        "**{count} photos** in {classes} classes, from {least} ({fewest}) to {most} ({largest}). "
        "Always answering “{largest}” would be right for {share} of them.",
        count=number(seen.total),
        classes=len(seen.classes),
        least=number(least),
        fewest=plain(fewest),
        most=number(most),
        largest=plain(largest),
        share=percent(seen.always_largest),
    )


def _copies(seen: Overview) -> list[str]:
    if not seen.copies:
        return [t("No photo is there twice.")]
    sentences = [
        t(
            "Exact copies of other photos, which add nothing: **{count}**.",
            count=number(seen.extra_copies),
        )
    ]
    if seen.leaks:
        sentences.append(
            t(
                "Photos that are both training and validation photos: **{count}**.",
                count=number(len(seen.leaks)),
            )
        )
    return sentences


def _contradictions(seen: Overview) -> None:
    st.warning(
        t(
            "Photos that are in several classes at once: {count}. Some of their labels must be "
            "wrong; keep each in one class.",
            count=number(len(seen.contradictions)),
        ),
        icon=":material/rule:",
    )
    with st.expander(t("Which ones")):
        for group in seen.contradictions[:_MOST_LISTED]:
            names = (f"{plain(p.name)} ({plain(seen.classes[p.label])})" for p in group.photos)
            st.markdown("- " + " = ".join(names))
        if len(seen.contradictions) > _MOST_LISTED:
            st.markdown("- …")


def are_of_phones(photos: Iterable[Photo]) -> bool:
    """Return whether photos came from the phones of a class's room."""
    return any(photo.group.startswith(GROUP) for photo in photos)


def takes(classes: Sequence[str], counts: Sequence[int], *, of_phones: bool = False) -> None:
    """Say how photos that belong together are divided; nothing where there are none.

    Args:
        classes: their names.
        counts: the groups of each class, takes or phones; 0 for photos that are from elsewhere;
            see `datasets.takes`.
        of_phones: whether a group is a phone's photos, not a take of the webcam.
    """
    if not any(counts):
        return
    st.markdown(
        t(
            "The photos of one phone stay together: the validation photos come from phones that it has not learned from. So the accuracy answers the question: would it know the things of somebody it never saw?"
        )
        if of_phones
        else t(
            "The photos of one take, taken while the button was held once, hardly differ. So they stay together: the validation photos come from takes that it has not learned from."
        )
    )
    single = [name for name, count in zip(classes, counts, strict=True) if count == 1]
    if not single:
        return
    names = ", ".join(map(plain, single))
    st.warning(
        t(
            "Only one phone has sent photos of: {names}. The network learns from the first seven tenths of them and is validated on the rest, things that it has seen: its accuracy will look better than it is. Let a second phone photograph them.",
            names=names,
        )
        if of_phones
        else t(
            "There is only one take of: {names}. The network learns from the first seven tenths of it and is validated on the rest, which looks nearly the same: its accuracy will look better than it is. Record a second take, from another side or in other light.",
            names=names,
        ),
        icon=":material/phone_android:" if of_phones else ":material/videocam:",
    )


def unreadable(skipped: Sequence[Skipped]) -> None:
    """List what was left out, with the reasons; nothing where there is none."""
    if not skipped:
        return
    with st.expander(t("Left out, with the reasons: {count}", count=number(len(skipped)))):
        for one in skipped[:_MOST_LISTED]:
            st.markdown(f"- {say(one.reason)}")
        if len(skipped) > _MOST_LISTED:
            st.markdown("- …")
