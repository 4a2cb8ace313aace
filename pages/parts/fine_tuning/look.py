"""A look through the photos, before anything is learned from them."""

from __future__ import annotations

from pages.parts.fine_tuning import data_set
from pages.parts.fine_tuning.origins import LOOK
from pages.parts.fine_tuning.runs import Runs
from pages.parts.shared.language import t


def look(runs: Runs) -> None:
    """Show what the photos are, once somebody has asked for it."""
    runs.button(
        LOOK,
        t("Look at the photos"),
        runs.look,
        icon=":material/photo_library:",
        key="train_look",
        help=t("Counts, samples, files that cannot be read, and photos that are there twice."),
    )
    if found := runs.result(LOOK):
        data_set.overview(found)
