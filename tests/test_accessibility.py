"""What keeps people out, as axe-core finds it, on every page in both languages."""

from __future__ import annotations

from pages.kit import registry

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


def unfold(page) -> None:
    """Open what is folded away, such as the source code."""
    folded = page.locator("[data-testid=stMain] details:not([open]) > summary")
    folded.evaluate_all("summaries => summaries.forEach(summary => summary.click())")
    page.wait_for_function(QUIET_FOR_A_SECOND)


def problems(page) -> list[str]:
    """Serious and critical findings, and headings out of order, but for those that are excused."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['html'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical") or rule["id"] == "heading-order"
        for node in rule["nodes"]
        if not any(rule["id"] == name and part in node["html"] for name, part in EXCUSED)
    ]


def test_no_page_has_a_serious_problem(address, tab):
    """Both languages at once: while one page comes to rest, so does the other, which is dark."""
    pages = {locale: tab(locale) for locale in ("en-US", "pt-BR")}
    pages["pt-BR"].emulate_media(color_scheme="dark")
    places = [
        *(info.address for info in registry.PAGES),
        "ideal_class?question=zebra&present=1",
        "feature_maps?view=tour",
    ]
    told = []
    for place in places:
        for page in pages.values():
            page.goto(f"{address}/{place}")
        for locale, page in pages.items():
            settled(page)
            unfold(page)
            told += [f"{locale} {place}: {problem}" for problem in problems(page)]
    assert not told, "\n".join(told)
