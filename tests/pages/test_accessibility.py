"""What keeps people out of a page as it opens; tests in a browser look again at its results.

A visitor goes from page to page by the navigation, so that the app is loaded only once.
"""

from __future__ import annotations

import pytest

from pages.parts.shared import registry
from tests.helpers.accessibility import assert_open_to_all


def go_to(page, info: registry.PageInfo) -> None:
    """Open a page by the navigation."""
    if info.in_class:
        page.get_by_test_id("stTopNavSection").click()
    link = page.locator(f"a[data-testid^=stTopNav][href$='/{info.address}']")
    title = link.inner_text()
    link.click()
    page.get_by_role("heading", name=title, level=1).wait_for()


def test_no_page_has_a_serious_problem(browse):
    """In Portuguese, whose words are longer; in English: tests that go on to the results."""
    first, *others = registry.PAGES
    page = browse(first.address, "pt-BR")
    assert_open_to_all(page, unfolded=True)
    for info in others:
        go_to(page, info)
        assert_open_to_all(page, unfolded=True)


def test_nor_have_those_without_results_in_english(browse):
    page = browse(registry.LESSON.address)
    assert_open_to_all(page)
    for info in (registry.WALL, registry.HAND_IN):
        go_to(page, info)
        assert_open_to_all(page)


@pytest.mark.parametrize(
    "place", ["ideal_class?question=zebra&present=1", "feature_maps?view=tour"]
)
def test_nor_has_a_link_to_a_scene_or_a_view(browse, place):
    assert_open_to_all(browse(place, "pt-BR"), unfolded=True)
