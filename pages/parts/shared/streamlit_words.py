"""Streamlit's own words, which it has in English only, in the language in use.

They are part of its script in the browser, so a style sheet covers them. What it says of files,
`files.ask` says in its place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import streamlit as st

from core.problem import N_
from pages.parts.shared.language import t

_STYLE = """<style>
[data-testid="stFileUploaderDropzoneInstructions"] { display: none; }
%s
</style>"""
# Beside a count of letters, or alone: where only letters are counted, there is but that count.
_ENTER = (
    '[data-testid="InputInstructions"] > span:first-child:nth-last-child(2)',
    '[data-testid="stNumberInput"] [data-testid="InputInstructions"] > span:only-child',
)
_CAMERA = '[data-testid="stCameraInput"]:has({}) [data-testid="stCameraInputButton"]'
_WORDS = (
    (N_("Upload"), "0.9rem", ('[data-testid="stFileUploaderDropzone"] > span button p',)),
    (N_("Enter confirms it"), "0.75rem", _ENTER),
    (N_("Take a photo"), "0.9rem", (_CAMERA.format("video"),)),
    (N_("Take another one"), "0.9rem", (_CAMERA.format("img"),)),
    (
        N_("Nothing found"),
        "0.9rem",
        ('[data-testid="stSelectboxVirtualDropdown"] [data-empty] span',),
    ),
    # It may be that nothing is found, or that as many are chosen as may be.
    (
        N_("Nothing more to choose"),
        "0.9rem",
        ('[data-testid="stMultiSelectDropdown"] [data-empty] span',),
    ),
)
"""What to say, in which size, and what it covers."""


def style() -> None:
    """Load the style sheet that covers them."""
    st.html(_STYLE % "\n".join(_covered(*word) for word in _WORDS))


def _covered(text: str, size: str, selectors: Sequence[str]) -> str:
    """Write the rules that show a text where Streamlit shows its own."""
    content = json.dumps(t(text), ensure_ascii=False)
    before, after = (", ".join(s + pseudo for s in selectors) for pseudo in ("", "::after"))
    return f"{before} {{ font-size: 0; }} {after} {{ content: {content}; font-size: {size}; }}"
