"""Keeping a trained network as two small files, neither of which can carry code."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from core.problem import N_, Problem
from core.training.head import LinearHead
from core.training.loop import OWN_NETWORK, Training
from core.zoo import loading
from core.zoo.classifier import Classifier
from core.zoo.labels import Labels

HEAD_FILE = "head.safetensors"
CARD_FILE = "classifier.json"


def save(training: Training, folder: Path) -> None:
    """Write a trained head and its card into a folder, which is made if need be.

    Raises:
        Problem: the folder cannot be written to.
    """
    head = training.trained.head
    card = {
        "network": training.classifier.provenance.network,
        "title": training.classifier.title,
        "labels": list(training.classifier.labels),
        "n_train": training.n_train,
        "n_val": training.n_val,
        "val_accuracy": training.accuracy,
        "val_interval_95": training.interval,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"weight": head.weight, "bias": head.bias}, folder / HEAD_FILE)
        (folder / CARD_FILE).write_text(json.dumps(card, indent=2, ensure_ascii=False), "utf-8")
    except OSError as error:
        raise Problem(
            N_("The folder {folder} cannot be written to ({reason})."),
            folder=folder,
            reason=error.strerror,
        ) from error


def load(folder: Path) -> Classifier:
    """Read a network that `save` has written.

    Raises:
        Problem: the folder holds no such network, or a damaged one.
    """
    try:
        card = json.loads((folder / CARD_FILE).read_text("utf-8"))
        tensors = load_file(folder / HEAD_FILE)
        head = LinearHead(tensors["weight"], tensors["bias"]).module()
        return loading.shared(card["network"]).with_head(
            head,
            name=OWN_NETWORK,
            title=str(card["title"]),
            labels=Labels([str(label) for label in card["labels"]]),
            accuracy=float(card["val_accuracy"]),
        )
    except Problem:
        raise
    except Exception as error:  # a damaged card can hold anything where anything else should be
        raise Problem(
            N_(
                "The folder {folder} does not hold a network trained here. Train one into it first."
            ),
            folder=folder,
        ) from error
