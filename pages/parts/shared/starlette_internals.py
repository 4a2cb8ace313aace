"""The part of Starlette, Streamlit's web server, that the app uses though it is not promised."""

from __future__ import annotations

import importlib


def keep_uploads_in_memory(most_bytes: int) -> bool:
    """Let uploads of up to so many bytes stay in memory while they arrive.

    Starlette puts what is beyond a megabyte into a temporary file, and has no setting for that.

    Returns:
        Whether this Starlette can be told so.
    """
    try:
        parser = importlib.import_module("starlette.formparsers").MultiPartParser
        is_as_known = isinstance(parser.spool_max_size, int)
    except (ImportError, AttributeError):
        return False
    if is_as_known:
        parser.spool_max_size = most_bytes
    return is_as_known
