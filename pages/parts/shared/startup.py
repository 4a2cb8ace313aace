"""What happens once per process: importing PyTorch and keeping the collector off it."""

from __future__ import annotations

import gc
import threading
from functools import lru_cache

import streamlit as st

from core.server import log, metrics
from core.server.scheduler import scheduler
from core.zoo import catalogue
from pages.parts.shared import housekeeping, streamlit_internals, uploads
from pages.parts.shared.language import t

_ready = threading.Event()


def warm_up() -> None:
    """Begin, in the background, to import PyTorch and load the built-in network."""
    _begin()


def wait_until_warm() -> None:
    """Wait until PyTorch is there, and say so; the first visitor waits a few seconds."""
    _begin()
    if not _ready.is_set():
        with st.spinner(t("Waking the network up – only the first time, a few seconds …")):
            _ready.wait()


@lru_cache(maxsize=1)
def _begin() -> None:
    log.set_up()
    uploads.guard()
    streamlit_internals.send_all_before_a_fragment()
    streamlit_internals.end_callbacks_before_the_next_run()
    scheduler().on_end = metrics.ends().note
    metrics.log_regularly(scheduler())
    housekeeping.tidy_regularly()
    threading.Thread(target=_import_all, name="warm-up", daemon=True).start()


def _import_all() -> None:
    try:
        scheduler().call(_load_default)
        gc.collect()
        gc.freeze()  # half a million objects that will never be garbage
    finally:
        _ready.set()


def _load_default() -> None:
    from core import cores
    from core.zoo import loading

    cores.hold()
    loading.shared(catalogue.DEFAULT)
