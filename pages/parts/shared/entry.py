"""Seeing to it that every visit comes in through `app.py`."""

from __future__ import annotations

import streamlit as st

from pages.parts.shared.streamlit_internals import entered_past_app


def only_through_app() -> None:
    """Send a visit that came in past `app.py` back to it; each page's first line.

    A folder called `pages` makes Streamlit serve its scripts by itself until `st.navigation` has
    been called once: the first visitor of a fresh server who opens a link to a page would get
    that page without navigation, side bar and language. Were the addresses different from the
    files' names, they would get "page not found" over a page that cannot be clicked.
    There is no public way to turn that off before the first visit.
    """
    if entered_past_app():
        st.rerun()
