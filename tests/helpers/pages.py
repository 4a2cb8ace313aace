"""Pages without a browser, as Streamlit's AppTest holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest


def all_text(app: AppTest) -> str:
    """Return what a page says in words."""
    kinds = ("markdown", "caption", "title", "header", "info", "success", "error", "warning")
    return "\n".join(element.value for kind in kinds for element in app.get(kind))
