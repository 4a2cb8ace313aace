"""Streamlit's own words, which it has in English only, in the language in use.

They are part of its script in the browser, so a style sheet covers them. What it says of files,
`files.ask` says in its place.
"""

from __future__ import annotations

import json

import streamlit as st

from pages.kit.language import t

_STYLE = """<style>
[data-testid="stFileUploaderDropzoneInstructions"] {{ display: none; }}
{upload}, {enter} {{ font-size: 0; }}
{upload}::after {{ content: {upload_word}; font-size: 0.9rem; }}
{enter_after} {{ content: {enter_words}; font-size: 0.75rem; }}
</style>"""
_UPLOAD = '[data-testid="stFileUploaderDropzone"] > span button p'
# Beside a count of letters, or alone: where only letters are counted, there is but that count.
_ENTER = (
    '[data-testid="InputInstructions"] > span:first-child:nth-last-child(2)',
    '[data-testid="stNumberInput"] [data-testid="InputInstructions"] > span:only-child',
)


def style() -> None:
    """Load the style sheet that covers them."""
    st.html(
        _STYLE.format(
            upload=_UPLOAD,
            upload_word=json.dumps(t("Upload"), ensure_ascii=False),
            enter=", ".join(_ENTER),
            enter_after=", ".join(f"{selector}::after" for selector in _ENTER),
            enter_words=json.dumps(t("Enter confirms it"), ensure_ascii=False),
        )
    )
