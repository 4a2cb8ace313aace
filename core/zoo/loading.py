"""From a name to a classifier."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import fx, nn

from core.problem import N_, Problem
from core.zoo import catalogue, weights
from core.zoo.catalogue import Entry
from core.zoo.classifier import Classifier, Provenance
from core.zoo.graph import NormStatistics, cut_head, fold_batch_norms, measure_layers, trace
from core.zoo.labels import imagenet
from core.zoo.same_padding import is_replaceable, replacement

_SHARED_AT_ONCE = 5
_loading = threading.Lock()


def shared(name: str) -> Classifier:
    """Return the fast classifier of that name, the same one to everybody who asks.

    A few are kept in memory, the least recently used goes first. See `load`.
    """
    with _loading:  # two who ask at once must not load it twice
        return _shared(catalogue.entry(name).name)


@lru_cache(maxsize=_SHARED_AT_ONCE)
def _shared(name: str) -> Classifier:
    return load(name)


def portable(classifier: Classifier) -> tuple[Callable[..., Classifier], tuple[Any, ...]] | None:
    """Return how to make a fast classifier in another process, as `object.__reduce__` does.

    What the catalogue has is told by its name; only a head or a body of its own goes along.
    None where the network did not grow out of one of the catalogue.
    """
    origin = classifier.provenance
    entry = next((e for e in catalogue.ENTRIES if e.name == origin.network), None)
    if entry is None:
        return None
    own: dict[str, Any] = {"input_size": classifier.input_size, "layers": classifier.layers}
    if origin != _origin(entry):
        own |= {
            "name": classifier.name,
            "title": classifier.title,
            "head": classifier.head,
            "labels": classifier.labels,
            "provenance": origin,
        }
    if not origin.body:
        return _brought, (entry.name, own)
    return _brought, (entry.name, own | {"norms": classifier.norms}, classifier.body.state_dict())


def _brought(
    name: str, own: dict[str, Any], weights_of_body: dict[str, torch.Tensor] | None = None
) -> Classifier:
    base = shared(name)
    if all(getattr(base, key) == value for key, value in own.items() if key != "head"):
        return base
    if weights_of_body is None:
        return base.like(**own)
    body = copy.deepcopy(base.body)
    body.load_state_dict(weights_of_body)
    return base.like(**own, body=body)


def load(name: str, *, trainable: bool = False) -> Classifier:
    """Load a network of the catalogue.

    Args:
        name: see `catalogue.entry`.
        trainable: False for the fast form (batch norms folded into the convolutions,
            channels-last, frozen, outputs equal to about 1e-5), which is made to be shared;
            True for the plain one, with batch norms and gradients, to be trained by its owner.

    Raises:
        WeightsMissing: its weights are not on this machine; see `weights.download`.
        Problem: there is no such network, or the file of its weights is damaged.
    """
    entry = catalogue.entry(name)
    if not weights.present(entry):
        raise weights.missing(entry)
    network = _build(entry)
    network.load_state_dict(_read(entry, network))
    return _classifier(entry, network, _origin(entry), trainable=trainable)


def _origin(entry: Entry) -> Provenance:
    return Provenance(entry.name, f"ImageNet, {entry.weights_file}", entry.licence)


def untrained(name: str, seed: int) -> Classifier:
    """Return a network of the catalogue with random weights, to be trained by its owner.

    Convolutions are drawn as He et al. (2015) do, from random numbers of the call's own.

    Args:
        name: see `catalogue.entry`; its weights need not be here.
        seed: of the weights.

    Raises:
        Problem: there is no such network.
    """
    entry = catalogue.entry(name)
    with torch.random.fork_rng(devices=[]):  # packages draw weights that are not used
        network = _build(entry)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    origin = Provenance(entry.name, "random", entry.licence, body=f"untrained-{seed}")
    return _classifier(entry, network, origin, trainable=True)


def fast(body: fx.GraphModule) -> tuple[NormStatistics, ...]:
    """Bring a body into the form that is made to be shared: folded, frozen, channels-last.

    Returns:
        What its batch norms saw in training. Changes `body`.
    """
    body.eval().requires_grad_(False)
    norms = fold_batch_norms(body)
    for name, module in list(body.named_modules()):
        if is_replaceable(module):
            body.set_submodule(name, replacement(module))
    body.to(memory_format=torch.channels_last)
    return norms


def _classifier(
    entry: Entry, network: nn.Module, origin: Provenance, *, trainable: bool
) -> Classifier:
    body = trace(network.eval())
    norms = () if trainable else fast(body)
    head = cut_head(body)
    layers = measure_layers(body, entry.blocks, entry.input_size)
    classifier = Classifier(
        name=entry.name,
        title=entry.title,
        body=body,
        head=head,
        labels=imagenet(),
        input_size=entry.input_size,
        mean=entry.mean,
        std=entry.std,
        layers=layers,
        norms=norms,
        provenance=origin,
    )
    return classifier.eval().to(best_device())


def best_device() -> torch.device:
    """The graphics card where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _build(entry: Entry) -> nn.Module:
    if entry.source == "package":
        import timm

        return timm.create_model(entry.architecture)
    import torchvision

    return torchvision.models.get_model(entry.architecture, weights=None)


def _read(entry: Entry, network: nn.Module) -> dict[str, torch.Tensor]:
    """Read an entry's weights, under the names that `network` has for them.

    The packages' files name the same tensors differently, but in the same order.
    """
    own = network.state_dict()
    try:
        stored = torch.load(weights.path(entry), map_location="cpu", weights_only=True)
        if not isinstance(stored, dict):
            raise ValueError("the file does not hold named tensors")
        if entry.source == "package":
            stored = dict(zip(own, stored.values(), strict=True))
        for key, tensor in own.items():
            if key.endswith("num_batches_tracked"):  # older files lack this counter
                stored.setdefault(key, tensor)
            if stored[key].shape != tensor.shape:
                raise ValueError(f"{key} has the shape {tuple(stored[key].shape)}")
        return {key: stored[key] for key in own}
    except Exception as error:  # unpickling a damaged file can raise anything
        raise Problem(
            N_("The file {file} does not hold the weights of {network}. Delete it and try again."),
            file=weights.path(entry),
            network=entry.title,
        ) from error
