"""A classifier as ONNX, which other programs, languages and browsers can run."""

from __future__ import annotations

import copy
import threading
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from core.problem import N_, Problem
from core.zoo.classifier import Classifier

INPUT, OUTPUT = "pictures", "logits"
TOLERANCE = 1e-4
"""How far logits may be from PyTorch's, absolutely, or relatively where they exceed 1."""
_exporting = threading.Lock()
_MOST_BYTES_KEPT = 60_000_000
_kept: WeakKeyDictionary[nn.Module, bytes] = WeakKeyDictionary()
"""By the bodies of the catalogue's networks, on which many heads stand."""


def onnx_form(classifier: Classifier, pictures: torch.Tensor) -> bytes:
    """Write the whole network as ONNX, and compare it with the original before giving it away.

    Its input "pictures" is float32, (N, 3, S, S) in [0, 1] for any N and the network's input
    size S; its output "logits" is (N, classes). The normalisation is inside.

    Args:
        classifier: the network; it is not changed.
        pictures: what the two are compared on, (n, 3, S, S) in [0, 1].

    Raises:
        Problem: the network cannot be written, or onnxruntime finds other logits than PyTorch.
    """
    try:
        with _exporting:  # PyTorch's exporter keeps books that all threads share
            written = _written(classifier)
        difference = _difference(classifier, written, pictures)
    except Exception as error:  # the exporter names what it cannot do in many ways
        raise Problem(
            N_("This network cannot be written as ONNX, so it is not offered. It stays as it was.")
        ) from error
    if not difference <= TOLERANCE:
        raise Problem(
            N_(
                "As ONNX, this network answers differently by {difference:.1e}, where {limit:.0e} is allowed, so it is not offered. It stays as it was."
            ),
            difference=difference,
            limit=TOLERANCE,
        )
    return written


def _written(classifier: Classifier) -> bytes:
    """Export a network; one whose body has been exported before only gets its head put on.

    The exporter takes seconds, and at the end of a lesson a whole class takes its heads home.
    """
    if (known := _kept.get(classifier.body)) is not None:
        return _with_head(known, classifier.head)
    written = _export(classifier)
    if not classifier.provenance.body and len(written) <= _MOST_BYTES_KEPT:
        _kept[classifier.body] = written
    return written


def _with_head(written: bytes, head: nn.Linear) -> bytes:
    """Put another head on an exported network."""
    import onnx

    model = onnx.ModelProto.FromString(written)
    graph = model.graph
    of_head = {"head.weight": head.weight, "head.bias": head.bias}
    for initializer in graph.initializer:
        if (tensor := of_head.pop(initializer.name, None)) is not None:
            values = tensor.detach().cpu().numpy()
            initializer.CopyFrom(onnx.numpy_helper.from_array(values, initializer.name))
    if of_head:
        raise ValueError(f"no {', '.join(of_head)} in the exported network")
    del graph.value_info[:]  # shapes in between, which may be those of the other head
    graph.output[0].type.tensor_type.shape.dim[1].dim_value = head.out_features
    grafted: bytes = model.SerializeToString()
    return grafted


def _export(classifier: Classifier) -> bytes:
    # While it is traced, a network's weights are stand-ins; others compute with the shared ones.
    own = copy.deepcopy(classifier).cpu().eval()
    size = own.input_size
    program = torch.onnx.export(
        own,
        (torch.zeros(2, 3, size, size),),  # of one picture, the exporter would make a constant
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("N")},),
        input_names=[INPUT],
        output_names=[OUTPUT],
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    _forget_origin(model)
    written: bytes = model.SerializeToString()
    return written


def _forget_origin(model: Any) -> None:
    """Remove the exporter's notes: they tell the paths of this machine's files."""
    graph = model.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.metadata_props[:], model.metadata_props[:]
    model.doc_string = "RGB in [0, 1], (N, 3, height, width), to logits; normalisation is inside."


@torch.no_grad()
def _difference(classifier: Classifier, written: bytes, pictures: torch.Tensor) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors; its warnings would end up among the server's
    session = onnxruntime.InferenceSession(written, options, providers=["CPUExecutionProvider"])
    logits = classifier(pictures.to(classifier.device)).cpu().numpy()
    # In one batch and one by one, since N may be anything.
    batches = [pictures.numpy(), *(picture[None].numpy() for picture in pictures)]
    answers = [session.run([OUTPUT], {INPUT: batch})[0] for batch in batches]
    theirs = np.stack([answers[0], np.concatenate(answers[1:])])
    return float(np.abs(theirs - logits).max() / max(1.0, np.abs(logits).max()))
