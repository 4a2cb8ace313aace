"""What a network is called, and which classes it knows, by its name; no network is loaded."""

from __future__ import annotations

from core.zoo import catalogue
from core.zoo.labels import Labels, imagenet
from pages.parts.shared import session
from pages.parts.shared.language import t


def title_of(name: str) -> str:
    """Return a network's name for people."""
    # The browser sends it back as a choice, so it must not change with the next training.
    if name == catalogue.OWN:
        return t("★ Your network")
    if name == catalogue.ROOM:
        return t("★ Your class's network")
    return catalogue.TITLES.get(name, name)


def labels_of(name: str) -> Labels:
    """Return the classes of a network."""
    trained = session.trained_here(name)
    return trained.labels if trained else imagenet()
