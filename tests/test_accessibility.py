"""What keeps people out of a page as it opens; tests in a browser look again at its results."""

from __future__ import annotations

import pytest

from pages.kit import registry
from tests.helpers.accessibility import assert_open_to_all


@pytest.mark.parametrize(
    "place",
    [
        *(info.address for info in registry.PAGES),
        "ideal_class?question=zebra&present=1",
        "feature_maps?view=tour",
    ],
)
def test_no_page_has_a_serious_problem(browse, place):
    """In Portuguese, whose words are longer; in English: tests that go on to the results."""
    assert_open_to_all(browse(place, "pt-BR"), unfolded=True)


@pytest.mark.parametrize("info", [registry.LESSON, registry.WALL, registry.HAND_IN])
def test_nor_have_those_without_results_in_english(browse, info):
    assert_open_to_all(browse(info.address))
