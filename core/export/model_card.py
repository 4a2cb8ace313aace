"""A model card: what a network was made of, how good it is and where it ends (Mitchell et al. 2019)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date

import torch

from core.export.wording import Wording
from core.problem import N_
from core.training.evidence import wilson
from core.training.loop import Training
from core.training.settings import SETTINGS, Settings, Strategy
from core.zoo import catalogue

_STRATEGIES: dict[Strategy, str] = {
    "head": N_("the last layer, on the frozen features of the rest"),
    "blocks": N_("the last blocks, with the last layer"),
    "scratch": N_("everything, from random weights"),
}
_ABOUT = N_(
    "A network that tells {count} classes of photos apart. It was trained with Ideal Cat on {date}, and evaluated on photos that it had not learned from: it gets **{accuracy}** of {n_val} right (95 % interval: {low} to {high})."
)
_WITHOUT_ONNX = N_(
    "Ideal Cat opens this zip. `labels.txt` has the classes, a line each, in the order of the logits. `head.safetensors` is the last layer{body}. The network as ONNX is too large to be in here. `python -m core train … --export network.zip --whole` puts it in."
)
_WITH_ONNX = N_(
    "`network.onnx` takes RGB in [0, 1], float32, (N, 3, {size}, {size}), and gives logits, (N, {count}); the normalisation is inside. Its logits were compared with PyTorch's and agree to 1e-4. Read a photo upright, in 8-bit sRGB, cut it to its middle square and resize it (bicubic), as `predict.py` does. `labels.txt` has the classes, a line each, in the order of the logits. `head.safetensors` is the last layer{body}. Ideal Cat opens the whole zip again."
)
_ROUNDED_BODY = N_(
    ", `change.safetensors` what all before it has changed by since ImageNet, rounded to 8 bits"
)
_BODY = N_(", `body.safetensors` all before it")
_CHOSEN_BY = N_(
    "The intervals are Wilson's. Where the best of several epochs was kept, it was chosen by these same photos, so new photos may fare a little worse."
)
_LIMITS = (
    N_(
        "**It must call everything one of its classes.** It has no word for anything else: a photo of something it has never seen gets one of these {count} names too, often with a high probability."
    ),
    N_(
        "The scores hold for photos like its validation photos. Other cameras, backgrounds or places can do worse."
    ),
    N_("It looks at the middle square of a photo only."),
    N_(
        "A probability is not a certainty, and changes too small to see can turn the answer (adversarial photos)."
    ),
    N_("It was made for learning. Do not let it decide anything about people."),
)
_TITLES = {
    "use": N_("Use"),
    "data": N_("Data and settings"),
    "scores": N_("Scores"),
    "origin": N_("Where the weights come from"),
    "limits": N_("Limits"),
}
_COLUMNS = (
    N_("Class"),
    N_("Learned from"),
    N_("Examined on"),
    N_("Right"),
    N_("95 % interval"),
    N_("Most often mistaken for"),
)


def model_card(
    training: Training,
    about: Mapping[str, str],
    *,
    with_onnx: bool = True,
    is_rounded: bool = False,
    wording: Wording | None = None,
) -> str:
    """Write the card of a trained network, in Markdown.

    Args:
        training: the network with the evidence for it.
        about: further lines on data and settings, by their names.
        with_onnx: whether the card lies beside the network as ONNX.
        is_rounded: whether a tuned body is told by its rounded differences.
        wording: its language.
    """
    wording = wording or Wording()
    say, percent = wording.say, wording.percent
    classifier = training.classifier
    count, size = len(classifier.labels), classifier.input_size
    low, high = training.interval
    body = ""
    if classifier.provenance.body:
        body = say(_ROUNDED_BODY if is_rounded else _BODY)
    use = say(_WITHOUT_ONNX).format(body=body)
    if with_onnx:
        commands = "    pip install onnxruntime pillow numpy\n    python predict.py photo.jpg\n\n"
        use = commands + say(_WITH_ONNX).format(size=size, count=count, body=body)
    data = {
        **about,
        say(N_("Photos learned from")): str(training.n_train),
        say(N_("Validation photos")): str(training.n_val),
        say(N_("Files left out")): str(len(training.skipped)),
        **_settings(training.settings, say),
    }
    about_it = say(_ABOUT).format(
        count=count,
        date=date.today().isoformat(),
        accuracy=percent(training.accuracy),
        n_val=training.n_val,
        low=percent(low),
        high=percent(high),
    )
    title = {name: say(text) for name, text in _TITLES.items()}
    limits = "\n".join(f"- {say(limit)}" for limit in _LIMITS).format(count=count)
    return f"""# {_plain(classifier.title)}

{about_it}

## {title["use"]}

{use}

## {title["data"]}

{_table(data)}
## {title["scores"]}

| {" | ".join(map(say, _COLUMNS))} |
|---|---|---|---|---|---|
{_scores(training, wording)}
{say(_CHOSEN_BY)}

## {title["origin"]}

{_table(_origin(training, say))}
## {title["limits"]}

{limits}
"""


def _table(rows: Mapping[str, str]) -> str:
    lines = [f"| {_plain(name)} | {_plain(value)} |\n" for name, value in rows.items()]
    return "".join(["| | |\n|---|---|\n", *lines])


def _settings(settings: Settings, say: Callable[[str], str]) -> dict[str, str]:
    rows = {
        say(N_("What learned")): say(_STRATEGIES[settings.strategy]),
        say(N_("Seed of the split")): str(settings.seed),
    }
    if settings.strategy != "scratch":
        rows |= _named(say(N_("head")), settings.of_head, "head", say)
    if settings.strategy != "head":
        rows |= _named(say(N_("blocks")), settings, "blocks", say)
    return rows


def _named(
    of: str, settings: Settings, strategy: Strategy, say: Callable[[str], str]
) -> dict[str, str]:
    """Return the settings that change anything for a strategy, by names for people."""
    rows: dict[str, str] = {}
    for name, setting in SETTINGS.items():
        if setting.name and strategy in setting.strategies:
            value = getattr(settings, name)
            told = say(N_("all")) if value is None else f"{value}{setting.unit}"
            rows[f"{of}: {say(setting.name)}"] = told
    return rows


def _scores(training: Training, wording: Wording) -> str:
    labels, confusion = training.classifier.labels, training.confusion
    learned = Counter(photo.label for photo in training.train)
    rows = []
    for i, name in enumerate(labels):
        right, total = int(confusion[i, i]), int(confusion[i].sum())
        low, high = wilson(right, total)
        wrong = confusion[i].copy()
        wrong[i] = 0
        mistaken = f"{_plain(labels[int(wrong.argmax())])} ({wrong.max()})" if wrong.any() else "–"
        template = wording.say(N_("{low} to {high}"))
        interval = template.format(low=wording.percent(low), high=wording.percent(high))
        interval = interval if total else "–"
        counts = f"{learned[i]} | {total} | {right}"
        rows.append(f"| {_plain(name)} | {counts} | {interval} | {mistaken} |\n")
    return "".join(rows)


def _origin(training: Training, say: Callable[[str], str]) -> dict[str, str]:
    origin = training.classifier.provenance
    known = {entry.name: entry for entry in catalogue.ENTRIES}.get(origin.network)
    rows = {
        say(N_("Network")): known.title if known else origin.network,
        say(N_("Weights")): origin.weights,
    }
    if training.settings.strategy != "scratch":
        rows[say(N_("Based on"))] = f"ImageNet, {known.weights_file}" if known else origin.network
        rows[say(N_("Licence of these"))] = origin.licence
    return {**rows, "PyTorch": str(torch.__version__)}


def _plain(text: str) -> str:
    """A person's text on one line, without any meaning in Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>#|!&~])", r"\\\1", " ".join(text.split()))
