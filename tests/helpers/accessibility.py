"""What keeps people out of a page, as axe-core finds it."""

from __future__ import annotations

EXCUSED: dict[tuple[str, str], str] = {}
"""Streamlit's own, which we cannot mend: rule, part of the element's HTML, reason. None today."""

_QUIET = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  const runs = app?.dataset.testScriptState !== 'notRunning';
  const now = performance.now();
  if (runs || document.querySelector('[data-stale=true]')) window.quietSince = now;
  window.quietSince ??= now;
  return now - window.quietSince > 600;
}"""
"""A page may run again as soon as it stands, and all of it is pale meanwhile."""


def assert_open_to_all(page) -> None:
    """See that a page has no serious and no critical finding as it stands, once it is at rest."""
    page.locator("h1").first.wait_for()
    # What fades in or out is pale for a moment.
    page.add_style_tag(content="* {transition: none !important; animation: none !important}")
    page.wait_for_function(_QUIET)
    told = problems(page)
    assert not told, "\n".join([page.url, *told])


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
