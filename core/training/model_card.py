"""A model card: what a network was made of, how good it is and where it ends (Mitchell et al. 2019)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

import torch

from core.training.evidence import wilson
from core.training.loop import Training
from core.zoo import catalogue


def model_card(training: Training, about: Mapping[str, str]) -> str:
    """Write the card of a trained network, in Markdown.

    Args:
        training: the network with the evidence for it.
        about: further lines on data and settings, by their names.
    """
    labels = training.classifier.labels
    low, high = training.interval
    return f"""# {_plain(training.classifier.title)}

A network that tells {len(labels)} classes of photos apart. It was trained with Ideal Cat on
{date.today().isoformat()}, and examined on photos that it had not learned from: it gets
**{training.accuracy:.1%}** of {training.n_val} right (95 % interval: {low:.1%} to {high:.1%}).

## Use

    pip install onnxruntime pillow numpy
    python predict.py photo.jpg

`network.onnx` takes RGB in [0, 1], float32, (N, 3, {_size(training)}, {_size(training)}), and gives logits, (N, {len(labels)});
the normalisation is inside. Its logits were compared with PyTorch's and agree to 1e-4. Cut a photo to its middle
square and resize it (bicubic), as `predict.py` does. `labels.txt` has the classes, a line each, in the order of the logits.
`head.safetensors` is the last layer{", `body.safetensors` all before it" if training.classifier.provenance.body else ""}. Ideal Cat opens the whole zip again.

## Data and settings

| | |
|---|---|
| Photos learned from | {training.n_train} |
| Photos examined on | {training.n_val} |
| Unreadable files left out | {len(training.skipped)} |
{_rows(about)}
## Scores

| Class | Examined on | Right | 95 % interval | Most often mistaken for |
|---|---|---|---|---|
{_scores(training)}
The intervals are Wilson's. Where the best of several epochs was kept, it was chosen by these same photos, so new
photos may fare a little worse.

## Where the weights come from

{_origin(training)}
## Limits

- **It must call everything one of its classes.** It has no word for anything else: a photo of something it has never
  seen gets one of these {len(labels)} names too, often with a high probability.
- The scores hold for photos like those it was examined on. Other cameras, backgrounds or places can do worse.
- It looks at the middle square of a photo only.
- A probability is not a certainty, and changes too small to see can turn the answer (adversarial photos).
- It was made for learning. Do not let it decide anything about people.
"""


def _size(training: Training) -> int:
    return training.classifier.input_size


def _rows(about: Mapping[str, str]) -> str:
    return "".join(f"| {_plain(name)} | {_plain(value)} |\n" for name, value in about.items())


def _scores(training: Training) -> str:
    labels, confusion = training.classifier.labels, training.confusion
    rows = []
    for i, name in enumerate(labels):
        right, total = int(confusion[i, i]), int(confusion[i].sum())
        low, high = wilson(right, total)
        wrong = confusion[i].copy()
        wrong[i] = 0
        mistaken = f"{_plain(labels[int(wrong.argmax())])} ({wrong.max()})" if wrong.any() else "–"
        interval = f"{low:.1%} to {high:.1%}" if total else "–"
        rows.append(f"| {_plain(name)} | {total} | {right} | {interval} | {mistaken} |\n")
    return "".join(rows)


def _origin(training: Training) -> str:
    origin = training.classifier.provenance
    known = {entry.name: entry for entry in catalogue.ENTRIES}.get(origin.network)
    base = f"{known.title}, ImageNet, {known.weights_file}" if known else origin.network
    changed = "all weights that were trained on" if origin.body else "the last layer"
    return f"""| | |
|---|---|
| Base network | {_plain(base)} |
| Licence of its weights | {_plain(origin.licence)} |
| Trained here | {changed} |
| PyTorch | {torch.__version__} |

"""


def _plain(text: str) -> str:
    """A person's text on one line, without any meaning in Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>#|!&~])", r"\\\1", " ".join(text.split()))
