"""What keeps people out, as axe-core finds it, on every page in both languages."""

from __future__ import annotations

import pytest

from pages.kit import registry
from tests.test_browser import A_WHILE, address, chromium, pytestmark  # noqa: F401

EXCUSED: dict[tuple[str, str], str] = {}
"""Streamlit's own, which we cannot mend: rule, part of the element's HTML, reason. None today."""


QUIET_FOR_A_SECOND = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  const runs = app?.dataset.testScriptState !== 'notRunning';
  const now = performance.now();
  if (runs || document.querySelector('[data-stale=true]')) window.quietSince = now;
  window.quietSince ??= now;
  return now - window.quietSince > 1000;
}"""
"""A page may run again as soon as it stands, and all of it is pale meanwhile."""


def settled(page) -> None:
    """Wait until the page has run; what fades in or out meanwhile is pale for a moment."""
    page.locator("h1").first.wait_for()
    page.add_style_tag(content="* {transition: none !important; animation: none !important}")
    page.wait_for_function(QUIET_FOR_A_SECOND)


def problems(page) -> list[str]:
    """Serious and critical findings, but for those that are excused."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['html'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
        if not any(rule["id"] == name and part in node["html"] for name, part in EXCUSED)
    ]


@pytest.mark.parametrize("locale", ["en-US", "pt-BR"])
def test_no_page_has_a_serious_problem(address, chromium, locale):  # noqa: F811
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale=locale)
    page = context.new_page()
    page.set_default_timeout(A_WHILE)
    found = {}
    for info in registry.PAGES:
        page.goto(f"{address}/{info.address}")
        settled(page)
        found[info.address] = problems(page)
    page.goto(f"{address}/ideal_class?question=zebra&present=1")
    settled(page)
    found["presenter"] = problems(page)
    context.close()
    told = [f"{name}: {problem}" for name, listed in found.items() for problem in listed]
    assert not told, "\n".join(told)
