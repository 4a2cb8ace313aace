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

_OFTEN = 100  # ms; at each frame, as Playwright looks otherwise, it keeps the browser drawing

_IS_DARK = """() => getComputedStyle(document.querySelector('[data-testid="stApp"]'))
  .backgroundColor.match(/\\d+/g).every(part => part < 60)"""


def assert_open_to_all(page, *, unfolded: bool = False) -> None:
    """See that a page has no serious and no critical finding as it stands, once it is at rest.

    In the light theme and, as far as colours go, in the dark one.

    Args:
        page: as it stands.
        unfolded: whether to open first what is folded away, such as the source code.
    """
    page.locator("h1").first.wait_for()
    # What fades in or out is pale for a moment.
    page.add_style_tag(content="* {transition: none !important; animation: none !important}")
    page.wait_for_function(_QUIET, polling=_OFTEN)
    if unfolded:
        folded = page.locator("[data-testid=stMain] details:not([open]) > summary")
        folded.evaluate_all("summaries => summaries.forEach(summary => summary.click())")
        page.evaluate("() => { window.quietSince = performance.now() }")  # some are filled now
        page.wait_for_function(_QUIET, polling=_OFTEN)
    told = _lasting_problems(page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(_IS_DARK, polling=_OFTEN)
    told += [f"dark: {problem}" for problem in _lasting_problems(page, "color-contrast")]
    page.emulate_media(color_scheme="light")
    assert not told, "\n".join([page.url, *told])


def _lasting_problems(page, *rules: str) -> list[str]:
    """Problems, but not of a page that ran again meanwhile and was pale; what is wrong, stays."""
    told = problems(page, *rules)
    if told:
        page.wait_for_timeout(3000)
        page.wait_for_function(_QUIET, polling=_OFTEN)
        told = problems(page, *rules)
    return told


def problems(page, *rules: str) -> list[str]:
    """Serious and critical findings, and headings out of order, but for those that are excused.

    Args:
        page: as it stands.
        rules: of axe-core, that are looked at; all of them without any.
    """
    from axe_playwright_python.base import AXE_SCRIPT
    from axe_playwright_python.sync_playwright import Axe

    options: dict[str, object] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    is_there = page.evaluate("() => 'axe' in window")
    found = Axe("" if is_there else AXE_SCRIPT).run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['html'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical") or rule["id"] == "heading-order"
        for node in rule["nodes"]
        if not any(rule["id"] == name and part in node["html"] for name, part in EXCUSED)
    ]
