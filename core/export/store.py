"""Keeping a trained network in a folder: the files of a bundle that hold its weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.export import bundle
from core.export.bundle import BODY_FILE, CARD_FILE, HEAD_FILE
from core.problem import N_, Problem
from core.training.loop import Training
from core.zoo import loading
from core.zoo.classifier import Classifier

__all__ = ["BODY_FILE", "CARD_FILE", "HEAD_FILE", "load", "save"]


def save(training: Training, folder: Path) -> None:
    """Write a trained network's weights and its card into a folder, which is made if need be.

    Raises:
        Problem: the folder cannot be written to.
    """
    files = bundle.essentials(training)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise Problem(
            N_("The folder {folder} cannot be written to ({reason})."),
            folder=folder,
            reason=error.strerror,
        ) from error


def load(folder: Path, base: Callable[[str], Classifier] = loading.shared) -> Classifier:
    """Read a network that `save` has written.

    Args:
        folder: where it is.
        base: gives the network of the catalogue that it grew out of, by its name.

    Raises:
        Problem: the folder holds no such network, or a damaged one.
    """

    def from_folder(file: str, limit: int) -> bytes:
        path = folder / file
        if path.stat().st_size > limit:
            raise ValueError(f"more than {limit} bytes")
        return path.read_bytes()

    return bundle.assemble(from_folder, str(folder), base)
