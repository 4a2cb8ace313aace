"""The parts of pages that run in the browser: a script and a style sheet of the same name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parents[3] / "assets" / "components"


def component(name: str) -> Any:
    """Return what shows a component, whose files are NAME.js and, if it has a look, NAME.css."""
    css = _FOLDER / f"{name}.css"
    return st.components.v2.component(
        name,
        js=(_FOLDER / f"{name}.js").read_text("utf-8"),
        css=css.read_text("utf-8") if css.exists() else None,
    )
