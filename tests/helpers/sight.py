"""What of a page is in the window."""

from __future__ import annotations

IN_SIGHT = """([selector, part]) => [...document.querySelectorAll(selector)].some(element => {
  const { top, bottom, height } = element.getBoundingClientRect();
  const below = selector => document.querySelector(selector)?.getBoundingClientRect().bottom ?? 0;
  const bar = below("[data-testid=stHeader]");
  const card = document.querySelector(".st-key-scene_is_answered")?.parentElement;
  const covers = card && getComputedStyle(card).position === "sticky" && !card.contains(element);
  const roof = covers ? Math.max(bar, card.getBoundingClientRect().bottom) : bar;
  return height > 0 && Math.min(bottom, innerHeight) - Math.max(top, roof) >= part * height;
})"""
WHERE = """selector => JSON.stringify({
  window: innerHeight,
  scrolled: document.querySelector("[data-testid=stMain]").scrollTop,
  places: [...document.querySelectorAll(selector)].map(e => e.getBoundingClientRect().toJSON()),
})"""


def in_sight(page, selector: str, part: float = 0.95) -> None:
    """Wait until so much of an element is in the window, without anybody having scrolled."""
    from playwright.sync_api import TimeoutError as WaitedInVain

    try:
        page.wait_for_function(IN_SIGHT, arg=[selector, part], polling=100)
    except WaitedInVain as error:
        raise AssertionError(f"{selector}: {page.evaluate(WHERE, selector)}") from error
