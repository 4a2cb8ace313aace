"""Taking something home."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import photos
from core.steps import Pixels
from pages.kit.language import t


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
