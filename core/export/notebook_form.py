"""A script as a notebook: its cells begin with `# %%`, as editors have it."""

from __future__ import annotations

import json

_MARK = "# %%"
_MARKDOWN = "# %% [markdown]"


def notebook(script: str) -> bytes:
    """Return a script as a notebook (nbformat 4.5), ready to be saved as `.ipynb`.

    Args:
        script: its cells begin with lines of `# %%`, those of text with `# %% [markdown]`.
    """
    parts: list[list[str]] = []
    for line in script.splitlines():
        if line.startswith(_MARK):
            parts.append([])
        parts[-1].append(line)
    written = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"language_info": {"name": "python"}},
        "cells": [_cell(f"cell-{number}", lines) for number, lines in enumerate(parts)],
    }
    return json.dumps(written, indent=1, ensure_ascii=False).encode()


def _cell(cell_id: str, lines: list[str]) -> dict[str, object]:
    first, *rest = lines
    if first.startswith(_MARKDOWN):
        text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in rest).strip()
        return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": text}
    title = first.removeprefix(_MARK).strip()
    source = "\n".join([f"# {title}", *rest] if title else rest).strip()
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }
