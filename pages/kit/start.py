"""What happens once per process: importing PyTorch and keeping the collector off it.

And keeping uploads off the disk.
"""

from __future__ import annotations

import gc
import sys
import threading
from functools import lru_cache

import streamlit as st
from starlette.formparsers import MultiPartParser

from core.jobs import scheduler
from core.zoo import catalogue
from pages.kit.language import t

_ready = threading.Event()


def warm_up() -> None:
    """Begin, in the background, to import PyTorch and load the built-in network."""
    _begin()


def keep_uploads_off_the_disk() -> None:
    """Have uploads arrive in memory.

    Else whatever is larger than a megabyte goes through a file on its way into memory. How much
    there can be is limited by server.maxUploadSize.
    """
    MultiPartParser.spool_max_size = sys.maxsize


def wait_until_warm() -> None:
    """Wait until PyTorch is there, and say so; the first visitor waits a few seconds."""
    _begin()
    if not _ready.is_set():
        with st.spinner(t("Waking the network up – only the first time, a few seconds …")):
            _ready.wait()


@lru_cache(maxsize=1)
def _begin() -> None:
    keep_uploads_off_the_disk()
    threading.Thread(target=_import_all, name="warm-up", daemon=True).start()


def _import_all() -> None:
    try:
        scheduler().call(_load_default)
        gc.collect()
        gc.freeze()  # half a million objects that will never be garbage
    finally:
        _ready.set()


def _load_default() -> None:
    from core.zoo import loading

    loading.shared(catalogue.DEFAULT)
