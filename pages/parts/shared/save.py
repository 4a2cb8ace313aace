"""Taking something home."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import streamlit as st

from core.export.notebook_form import notebook
from core.images import photos
from core.problem import Problem
from core.steps import Pixels
from pages.parts.shared.language import say, t, without_accents

_KINDS = {
    "csv": "text/csv",
    "gif": "image/gif",
    "html": "text/html",
    "ipynb": "application/x-ipynb+json",
    "png": "image/png",
    "py": "text/x-python",
    "webp": "image/webp",
    "zip": "application/zip",
}
"""Of files, by the endings of their names."""


def stem(*words: str) -> str:
    """Return the beginning of a file's name that says what is in it, as any system can take it.

    >>> stem("Ônibus + zebra", "", "seed0")
    'onibus-zebra-seed0'
    """
    letters = without_accents(" ".join(words)).lower()
    return "-".join(re.findall(r"[a-z0-9.]+", letters)) or "picture"


def file(
    label: str, make: bytes | Callable[[], bytes | str], name: str, key: str, **more: Any
) -> None:
    """Show a button that downloads a file.

    Args:
        label: of the button.
        make: the file, or what makes it when the button is clicked.
        name: of the file, with its ending.
        key: of the button.
        more: what else the button takes.
    """
    more.setdefault("icon", ":material/download:")
    kind = _KINDS.get(name.rpartition(".")[2], "application/octet-stream")
    st.download_button(label, make, file_name=name, mime=kind, on_click="ignore", key=key, **more)


def png(
    make: Callable[[], Pixels], name: str, key: str, label: str = "", type: str = "tertiary"
) -> None:
    """Show a button that downloads a picture; `name` is the file's without its ending."""
    label = label or t("Download PNG")
    file(label, lambda: photos.encode_png(make()), f"{name}.png", key, type=type)


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
        file(
            title,
            made,
            f"{name}.{kind}",
            f"{key}_{kind}",
            icon=":material/code:",
            help=about,
        )
