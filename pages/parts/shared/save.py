"""Taking something home."""

from __future__ import annotations

import re
from collections.abc import Callable

import streamlit as st

from core.export.notebook_form import notebook
from core.images import photos
from core.problem import Problem
from core.steps import Pixels
from pages.parts.shared.language import say, t, without_accents


def stem(*words: str) -> str:
    """Return the beginning of a file's name that says what is in it, as any system can take it.

    >>> stem("Ônibus + zebra", "", "seed0")
    'onibus-zebra-seed0'
    """
    letters = without_accents(" ".join(words)).lower()
    return "-".join(re.findall(r"[a-z0-9.]+", letters)) or "picture"


def file(label: str, make: Callable[[], bytes], name: str, key: str) -> None:
    """Show a button that downloads a file, which is made when the button is clicked."""
    st.download_button(
        label,
        make,
        file_name=name,
        mime="image/png" if name.endswith(".png") else "application/octet-stream",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
        key=key,
    )


def png(make: Callable[[], Pixels], name: str, key: str, label: str = "") -> None:
    """Show a button that downloads a picture; `name` is the file's without its ending."""
    file(label or t("Download PNG"), lambda: photos.encode_png(make()), f"{name}.png", key)


def code(write: Callable[[], str], name: str, key: str) -> None:
    """Show what a run did as code to take along: a script, and the same as a notebook.

    Args:
        write: gives the script, or raises a `Problem` where there is none; called at once.
        name: of the files, without their endings.
        key: of the buttons.
    """
    try:
        script = write()
    except Problem as problem:
        st.caption(say(problem))
        return
    about = t(
        "What this run did in at most 100 lines of PyTorch, with its settings. It needs neither "
        "this app nor anything of it."
    )
    for kind, title, made in (
        ("ipynb", t("Code (notebook)"), notebook(script)),
        ("py", t("Code (script)"), script.encode()),
    ):
        st.download_button(
            title,
            made,
            file_name=f"{name}.{kind}",
            mime="application/x-ipynb+json" if kind == "ipynb" else "text/x-python",
            icon=":material/code:",
            on_click="ignore",
            key=f"{key}_{kind}",
            help=about,
        )
