"""A cache of weights with a random network in it: how fast it is does not depend on them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torchvision

from core.zoo import catalogue, weights


@contextmanager
def cached(name: str) -> Iterator[None]:
    """Let torch's cache hold random weights for a network, and nothing else, for a while.

    Whoever loads it, this program and those it starts, finds an ordinary file of weights.

    Args:
        name: of a network of torchvision; see `catalogue.entry`.
    """
    entry = catalogue.entry(name)
    before = os.environ.get("TORCH_HOME")
    with tempfile.TemporaryDirectory() as home:
        os.environ["TORCH_HOME"] = home
        try:
            weights.path(entry).parent.mkdir(parents=True)
            network = torchvision.models.get_model(entry.architecture, weights=None)
            torch.save(network.state_dict(), weights.path(entry))
            yield
        finally:
            os.environ.pop("TORCH_HOME")
            if before is not None:
                os.environ["TORCH_HOME"] = before
