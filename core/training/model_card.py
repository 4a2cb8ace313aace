"""A model card: what a network was made of, how good it is and where it ends (Mitchell et al. 2019)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

import torch

from core.training.evidence import wilson
from core.training.loop import Settings, Training, Way
from core.zoo import catalogue

_WAYS: dict[Way, str] = {
    "head": "the last layer, on the frozen features of the rest",
    "blocks": "the last blocks, with the last layer",
    "scratch": "everything, from random weights",
}


def model_card(
    training: Training,
    about: Mapping[str, str],
    *,
    with_onnx: bool = True,
    is_rounded: bool = False,
) -> str:
    """Write the card of a trained network, in Markdown.

    Args:
        training: the network with the evidence for it.
        about: further lines on data and settings, by their names.
        with_onnx: whether the card lies beside the network as ONNX.
        is_rounded: whether a tuned body is told by its rounded differences.
    """
    classifier = training.classifier
    count, size = len(classifier.labels), classifier.input_size
    low, high = training.interval
    body_file = ""
    if classifier.provenance.body:
        body_file = (
            ", `change.safetensors` what all before it has changed by since ImageNet, rounded to 8 bits"
            if is_rounded
            else ", `body.safetensors` all before it"
        )
    use = f"""Ideal Cat opens this zip. `labels.txt` has the classes, a line each, in the order of the logits.
`head.safetensors` is the last layer{body_file}.
The network as ONNX is too large to be in here. `python -m core train … --export network.zip --whole` puts it in.
"""
    if with_onnx:
        use = f"""    pip install onnxruntime pillow numpy
    python predict.py photo.jpg

`network.onnx` takes RGB in [0, 1], float32, (N, 3, {size}, {size}), and gives logits, (N, {count}); the
normalisation is inside. Its logits were compared with PyTorch's and agree to 1e-4. Read a photo upright, in
8-bit sRGB, cut it to its middle square and resize it (bicubic), as `predict.py` does. `labels.txt` has the
classes, a line each, in the order of the logits. `head.safetensors` is the last layer{body_file}. Ideal Cat opens the whole zip again.
"""
    data = {
        **about,
        "Photos learned from": str(training.n_train),
        "Photos examined on": str(training.n_val),
        "Files left out": str(len(training.skipped)),
        **_settings(training.settings),
    }
    return f"""# {_plain(classifier.title)}

A network that tells {count} classes of photos apart. It was trained with Ideal Cat on
{date.today().isoformat()}, and examined on photos that it had not learned from: it gets
**{training.accuracy:.1%}** of {training.n_val} right (95 % interval: {low:.1%} to {high:.1%}).

## Use

{use}
## Data and settings

{_table(data)}
## Scores

| Class | Learned from | Examined on | Right | 95 % interval | Most often mistaken for |
|---|---|---|---|---|---|
{_scores(training)}
The intervals are Wilson's. Where the best of several epochs was kept, it was chosen by these same photos,
so new photos may fare a little worse.

## Where the weights come from

{_table(_origin(training))}
## Limits

- **It must call everything one of its classes.** It has no word for anything else: a photo of something it has never
  seen gets one of these {count} names too, often with a high probability.
- The scores hold for photos like those it was examined on. Other cameras, backgrounds or places can do worse.
- It looks at the middle square of a photo only.
- A probability is not a certainty, and changes too small to see can turn the answer (adversarial photos).
- It was made for learning. Do not let it decide anything about people.
"""


def _table(rows: Mapping[str, str]) -> str:
    lines = [f"| {_plain(name)} | {_plain(value)} |\n" for name, value in rows.items()]
    return "".join(["| | |\n|---|---|\n", *lines])


def _settings(settings: Settings) -> dict[str, str]:
    rows = {"What learned": _WAYS[settings.way], "Seed of the split": str(settings.seed)}
    if settings.way != "scratch":
        rows |= _named("head", asdict(settings.head))
    if settings.tuning:
        rows |= _named("blocks", asdict(settings.tuning))
    return rows


def _named(of: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings, and the settings within them, by names for people."""
    rows: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            rows |= _named(of, value)
        else:
            rows[f"{of}: {name.replace('_', ' ')}"] = "all" if value is None else str(value)
    return rows


def _scores(training: Training) -> str:
    labels, confusion = training.classifier.labels, training.confusion
    learned = Counter(photo.label for photo in training.train)
    rows = []
    for i, name in enumerate(labels):
        right, total = int(confusion[i, i]), int(confusion[i].sum())
        low, high = wilson(right, total)
        wrong = confusion[i].copy()
        wrong[i] = 0
        mistaken = f"{_plain(labels[int(wrong.argmax())])} ({wrong.max()})" if wrong.any() else "–"
        interval = f"{low:.1%} to {high:.1%}" if total else "–"
        counts = f"{learned[i]} | {total} | {right}"
        rows.append(f"| {_plain(name)} | {counts} | {interval} | {mistaken} |\n")
    return "".join(rows)


def _origin(training: Training) -> dict[str, str]:
    origin = training.classifier.provenance
    known = {entry.name: entry for entry in catalogue.ENTRIES}.get(origin.network)
    rows = {"Network": known.title if known else origin.network, "Weights": origin.weights}
    if training.settings.way != "scratch":
        rows["Grown out of"] = f"ImageNet, {known.weights_file}" if known else origin.network
        rows["Licence of these"] = origin.licence
    return {**rows, "PyTorch": str(torch.__version__)}


def _plain(text: str) -> str:
    """A person's text on one line, without any meaning in Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>#|!&~])", r"\\\1", " ".join(text.split()))
