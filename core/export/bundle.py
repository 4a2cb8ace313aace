"""A trained network to take home: one zip that runs anywhere, and the way back from such a zip.

What goes out comes back in: no zip is larger than what is taken back. Where a network is too large
for that, as VGG is, its ONNX form stays out; the backbone's weights are named, since whoever has
the app can have them. If more than the head was trained, they are told by their differences.

What comes back may have been made by anyone. Only files of known names are read, none beyond the
size it must have, and nothing is unpickled or written to disk.
"""

from __future__ import annotations

import copy
import io
import json
import math
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from core.data import datasets
from core.export.model_card import model_card
from core.export.onnx_form import onnx_form
from core.export.wording import Wording
from core.images import photos
from core.images.archives import open_zip
from core.limits import LIMITS
from core.problem import N_, Problem
from core.training.loop import Training
from core.training.network import fingerprint, frozen_head
from core.zoo import catalogue, loading
from core.zoo.classifier import Classifier
from core.zoo.graph import NormStatistics
from core.zoo.labels import Labels

HEAD_FILE = "head.safetensors"
BODY_FILE = "body.safetensors"
CHANGE_FILE = "change.safetensors"
CARD_FILE = "classifier.json"
FORMAT = 2
"""1 where the body, if there is one, is whole; 2 where it is told by its differences."""
MOST_BYTES = LIMITS.zip_mb * 10**6

_LEVELS = 127
_SCALE = ".scale"
_MAX_BYTES_BESIDE = 1_000_000
"""Of the zip, beside weights: labels, cards, the ONNX graph, headers."""
_MAX_ENTRIES = 100
_MAX_CARD_BYTES = 200_000
_MAX_HEADER_BYTES = 200_000
_LONGEST_TEXT = 200
_PHOTOS_COMPARED = 2

Source = Callable[[str, int], bytes]
"""Gives the content of a file by its name; it raises where there is none, or more than so many bytes."""


_SCRIPT_HEAD = N_(
    "Say what the network in this folder sees in photos: python predict.py PHOTO...\n\nIt takes the network.onnx and labels.txt next to it, and: pip install onnxruntime pillow numpy"
)
"""What stands at the top of `predict.py`."""


def write(
    training: Training,
    about: Mapping[str, str] | None = None,
    *,
    most_bytes: int | None = MOST_BYTES,
    wording: Wording | None = None,
) -> bytes:
    """Pack a trained network into a zip: weights, ONNX, labels, model card, `predict.py`.

    Takes some seconds, nearly all of them for the ONNX form.

    Args:
        training: the network with the evidence for it.
        about: further lines on data and settings for the model card, by their names.
        most_bytes: how large it may be. Beyond, ONNX and `predict.py` stay out; if that is not
            enough, a tuned body is told by its differences from the catalogue's, rounded to 8
            bits. None for any size.
        wording: the language of the model card and of what heads `predict.py`.

    Raises:
        Problem: the network cannot be written as ONNX, or not faithfully; or it is too large.
        ValueError: the body is a tuned one, of another structure than the catalogue's.
    """
    classifier = training.classifier
    with_onnx = most_bytes is None or holds_onnx(classifier, most_bytes)
    is_rounded = most_bytes is not None and _whole_body_bytes(classifier) > most_bytes
    files: dict[str, bytes | str] = {
        "labels.txt": "".join(f"{' '.join(label.split())}\n" for label in classifier.labels),
        "MODEL_CARD.md": model_card(
            training,
            about or {},
            with_onnx=with_onnx,
            is_rounded=is_rounded,
            wording=wording,
        ),
    }
    if with_onnx:
        files["network.onnx"] = onnx_form(classifier, _pictures(training))
        script = Path(__file__).with_name("predict.py").read_text("utf-8")
        head = (wording or Wording()).say(_SCRIPT_HEAD)
        files["predict.py"] = script.replace(_SCRIPT_HEAD, head, 1)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {**files, **essentials(training, is_rounded=is_rounded)}.items():
            weights = name.endswith((".onnx", ".safetensors"))  # not worth compressing
            archive.writestr(name, content, zipfile.ZIP_STORED if weights else zipfile.ZIP_DEFLATED)
    archived = buffer.getvalue()
    if most_bytes is not None and len(archived) > most_bytes:
        raise Problem(
            N_(
                "This network takes {size} MB, and {limit} MB would be taken back, so it is not offered. It stays as it was; train a smaller one, or only its head."
            ),
            size=math.ceil(len(archived) / 1e6),
            limit=most_bytes // 10**6,
        )
    return archived


def holds_onnx(classifier: Classifier, most_bytes: int = MOST_BYTES) -> bool:
    """Whether the whole network, as ONNX, fits into a zip of so many bytes with the rest."""
    onnx = sum(tensor.nbytes for tensor in classifier.state_dict().values()) + _MAX_BYTES_BESIDE
    return onnx + _whole_body_bytes(classifier) <= most_bytes


def _whole_body_bytes(classifier: Classifier) -> int:
    """What a zip without ONNX takes with a tuned body as it is, or at least seems to."""
    body = _body_tensors(classifier).values() if classifier.provenance.body else ()
    return sum(t.nbytes for t in (*body, classifier.head.weight)) + _MAX_BYTES_BESIDE


def essentials(training: Training, *, is_rounded: bool = False) -> dict[str, bytes]:
    """Return the files that `assemble` needs, by their names.

    Args:
        training: the network.
        is_rounded: whether a tuned body is told by its rounded differences, in a quarter of the
            bytes; see `_change`.

    Raises:
        ValueError: the body is a tuned one, of another structure than the catalogue's.
    """
    classifier = training.classifier
    origin = classifier.provenance
    card: dict[str, Any] = {
        "format": FORMAT if is_rounded else 1,
        "network": origin.network,
        "tuned": bool(origin.body),
        "weights": origin.weights,
        "title": classifier.title,
        "labels": list(classifier.labels),
        "n_train": training.n_train,
        "n_val": training.n_val,
        "val_accuracy": training.accuracy,
        "val_interval_95": training.interval,
    }
    if is_rounded:
        card["backbone"] = catalogue.entry(origin.network).weights_file
    head = {"weight": classifier.head.weight, "bias": classifier.head.bias}
    files = {
        CARD_FILE: json.dumps(card, indent=2, ensure_ascii=False).encode(),
        HEAD_FILE: _packed(head),
    }
    if origin.body:
        body = _body_tensors(classifier)
        known = _body_tensors(loading.shared(origin.network))
        _check_same(body, known)
        if is_rounded:
            files[CHANGE_FILE] = _packed(_change(body, known))
        else:
            files[BODY_FILE] = _packed(body)
    return files


def read(
    archive: bytes, name: str, base: Callable[[str], Classifier] = loading.shared
) -> Classifier:
    """Read the network out of a zip that `write` made, or that says it was.

    Args:
        archive: the bytes of the zip.
        name: what to call it in an error; never used as a path.
        base: gives the network of the catalogue that it grew out of, by its name.

    Raises:
        WeightsMissing: the weights of that network are not on this machine.
        Problem: it is no such zip, a damaged one, or one with anything in it that is not as it
            must be.
    """
    try:
        opened = open_zip(archive, _MAX_ENTRIES)
        folder = _folder_inside(opened)
    except Exception as error:  # each way of being no zip has an error of its own
        raise _foreign(name) from error

    def from_zip(file: str, limit: int) -> bytes:
        info = opened.getinfo(folder + file)
        if info.file_size > limit:
            raise ValueError(f"more than {limit} bytes")
        with opened.open(info) as content:  # gives no more than the size that is declared
            return content.read()

    with opened:
        return assemble(from_zip, name, base)


def assemble(
    source: Source, name: str, base: Callable[[str], Classifier] = loading.shared
) -> Classifier:
    """Make a network out of the files that `essentials` gave, or that may have been made up.

    Args:
        source: gives their contents.
        name: what to call them in an error.
        base: gives the network of the catalogue that it grew out of, by its name.

    Raises:
        WeightsMissing: the weights of that network are not on this machine.
        Problem: they are no such files, or anything in them is not as it must be.
    """
    card = _card(source, name)
    network = _network(card, name)
    labels = _part(name, CARD_FILE, lambda: _labels(card["labels"]))
    accuracy = _part(name, CARD_FILE, lambda: _fraction(card["val_accuracy"]))
    title = _part(name, CARD_FILE, lambda: _text(card.get("title", "")))
    grown_out_of = base(network)
    wanted = {
        "weight": torch.empty(len(labels), grown_out_of.head.in_features),
        "bias": torch.empty(len(labels)),
    }
    head = _part(name, HEAD_FILE, lambda: _unpacked(source, HEAD_FILE, wanted))
    if card.get("tuned", False):
        known = _body_tensors(grown_out_of)
        if card.get("format") == FORMAT:
            body = _part(name, CHANGE_FILE, lambda: _changed(source, card, network, known))
        else:
            body = _part(name, BODY_FILE, lambda: _unpacked(source, BODY_FILE, known))
        weights = _part(name, CARD_FILE, lambda: _text(card.get("weights", "")))
        grown_out_of = _with_body(grown_out_of, body, weights)
    return grown_out_of.with_head(
        frozen_head(head["weight"], head["bias"]),
        name=catalogue.OWN,
        title=title or " · ".join(labels[:3]),
        labels=labels,
        accuracy=accuracy,
    )


def _pictures(training: Training) -> torch.Tensor:
    """Return some of the photos that the network was evaluated on, and noise, which nobody trains on."""
    size = training.classifier.input_size
    seen = [
        photos.prepare(photos.decode(photo.data, photo.name), size)
        for photo in training.validation[:_PHOTOS_COMPARED]
    ]
    noise = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    return torch.cat([*seen, noise])


def _body_tensors(classifier: Classifier) -> dict[str, torch.Tensor]:
    """All that makes one body differ from another of the same structure."""
    tensors = dict(classifier.body.state_dict())
    for norm in classifier.norms:
        tensors |= {f"norms.{norm.node}.mean": norm.mean, f"norms.{norm.node}.std": norm.std}
    return tensors


def _change(
    body: Mapping[str, torch.Tensor], known: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Tell a body by its differences from a known one, in 8 bits.

    In each row of a tensor they are rounded to 1/127 of the greatest. Tensors without any stay out.
    """
    change: dict[str, torch.Tensor] = {}
    for key, tensor in body.items():
        difference = (tensor - known[key]).detach()
        if not difference.any():
            continue
        rows = difference.flatten(1) if difference.dim() > 1 else difference[None]
        scale = rows.abs().amax(dim=1, keepdim=True) / _LEVELS
        change[key] = (rows / scale.clamp_min(1e-30)).round().to(torch.int8).view(difference.shape)
        change[key + _SCALE] = scale
    return change


def _changed(
    source: Source, card: Mapping[str, Any], network: str, known: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return the body of which `_change` gave the differences; whatever does not fit is refused."""
    if card.get("backbone") != catalogue.entry(network).weights_file:
        raise ValueError("differences from other weights")
    most = sum(t.numel() + 4 * (len(t) if t.dim() > 1 else 1) for t in known.values())
    change = safetensors.torch.load(source(CHANGE_FILE, most + _MAX_HEADER_BYTES))
    body = dict(known)
    while change:
        key = next(iter(change)).removesuffix(_SCALE)
        steps, scale, before = change.pop(key), change.pop(key + _SCALE), known[key]
        rows = len(before) if before.dim() > 1 else 1
        _check_same(
            {"steps": steps, "scale": scale},
            {"steps": before.to(torch.int8), "scale": torch.empty(rows, 1)},
        )
        if not bool(scale.isfinite().all()):
            raise ValueError("not all are numbers")
        body[key] = before + (steps.view(rows, -1) * scale).view(before.shape).to(before.device)
    return body


def _with_body(base: Classifier, tensors: Mapping[str, torch.Tensor], weights: str) -> Classifier:
    """A classifier with other weights in a copy of its body; `base` is shared and stays as it is."""
    body = copy.deepcopy(base.body)
    body.load_state_dict({key: tensors[key] for key in body.state_dict()})
    norms = tuple(
        NormStatistics(
            norm.node,
            tensors[f"norms.{norm.node}.mean"].to(base.device),
            tensors[f"norms.{norm.node}.std"].to(base.device),
        )
        for norm in base.norms
    )
    # Computed, not read: a made-up id could pass these weights off as somebody else's.
    origin = replace(base.provenance, weights=weights, body=f"tuned-{fingerprint(body)}")
    return base.with_body(body, norms=norms, origin=origin)


def _packed(tensors: Mapping[str, torch.Tensor]) -> bytes:
    return safetensors.torch.save(
        {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    )


def _unpacked(
    source: Source, file: str, wanted: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    size = sum(tensor.nbytes for tensor in wanted.values())
    tensors = safetensors.torch.load(source(file, size + _MAX_HEADER_BYTES))
    _check_same(tensors, wanted)
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise ValueError("not all are numbers")
    return tensors


def _check_same(tensors: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> None:
    if tensors.keys() != wanted.keys():
        raise ValueError("tensors of other names")
    for key, tensor in tensors.items():
        if (tensor.shape, tensor.dtype) != (wanted[key].shape, wanted[key].dtype):
            raise ValueError(f"{key} is {tensor.dtype} of the shape {tuple(tensor.shape)}")


def _folder_inside(opened: zipfile.ZipFile) -> str:
    """The folder that the files are in: none, or one, where somebody unpacked and packed again."""
    (card,) = [name for name in opened.namelist() if name.rpartition("/")[2] == CARD_FILE]
    folder = card.removesuffix(CARD_FILE)
    if folder.count("/") > 1:
        raise ValueError("too deep")
    return folder


def _card(source: Source, name: str) -> dict[str, Any]:
    try:
        content = source(CARD_FILE, _MAX_CARD_BYTES)
    except (KeyError, OSError) as error:
        raise _foreign(name) from error
    except Exception as error:
        raise _damaged(name, CARD_FILE) from error
    card = _part(name, CARD_FILE, lambda: json.loads(content))
    if not isinstance(card, dict) or not {"network", "labels", "val_accuracy"} <= card.keys():
        raise _foreign(name)
    format = card.get("format", FORMAT)  # the first cards did not tell
    if not isinstance(format, int) or format < 1:
        raise _damaged(name, CARD_FILE)
    if format > FORMAT:
        raise Problem(
            N_("{file} was saved by a newer version of this app. Update the app to load it."),
            file=name,
        )
    return card


def _network(card: Mapping[str, Any], name: str) -> str:
    for entry in catalogue.ENTRIES:
        if entry.name == card["network"]:
            return entry.name
    raise Problem(
        N_("{file} is based on a network called {network}, which is not one of this app's."),
        file=name,
        network=str(card["network"]).encode(errors="replace").decode()[:_LONGEST_TEXT],
    )


def _labels(names: object) -> Labels:
    if not isinstance(names, list) or not 1 <= len(names) <= datasets.MAX_CLASSES:
        raise ValueError("not a list of classes")
    texts = [_text(name) for name in names]
    if not all(texts):
        raise ValueError("a class without a name")
    return Labels(texts)


def _text(value: object) -> str:
    """A text on one line, not too long, that can be shown."""
    if not isinstance(value, str):
        raise ValueError("not a text")
    value.encode()  # half a character, as JSON can spell it, could be neither shown nor saved
    shown = "".join(c if unicodedata.category(c) != "Cc" else " " for c in value)
    return " ".join(shown.split())[:_LONGEST_TEXT].rstrip()


def _fraction(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("not a fraction")
    return float(value)


def _part(name: str, file: str, make: Callable[[], Any]) -> Any:
    """Make something of one of the files, which may hold anything."""
    try:
        return make()
    except Exception as error:
        raise _damaged(name, file) from error


def _foreign(name: str) -> Problem:
    return Problem(
        N_(
            "{file} does not hold a network that was trained here. Choose a zip or a folder that was saved here."
        ),
        file=name,
    )


def _damaged(name: str, part: str) -> Problem:
    return Problem(
        N_(
            "{file} is damaged or was changed: its {part} cannot be used. Nothing was loaded; save the network anew."
        ),
        file=name,
        part=part,
    )
