"""The same network with random weights: what is left of it when nothing was learned before."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import torch
from torch import fx, nn

from core.images import photos
from core.zoo.classifier import Classifier

_LEAST_SPREAD = 1e-5


@torch.no_grad()
def random_body(classifier: Classifier, seed: int) -> Classifier:
    """Return a network of the same architecture whose body has never learned anything.

    Weights are drawn as He et al. (2015) advise, which keeps the signal alive from layer to
    layer. Then each layer's output is shifted and scaled, channel by channel, to mean 0 and
    spread 1 on the app's sample photos: what a batch norm would do, and what the fast form, which
    has none, needs instead (Mishkin and Matas 2016, "All you need is a good init").

    The global random numbers are left alone, and so is `classifier`.

    Args:
        classifier: the network to be imitated.
        seed: of the weights. The same one gives the same network.

    Returns:
        A frozen network. Only what it embeds is of use: its head stays that of `classifier`,
        whose labels mean nothing any more.
    """
    body = copy.deepcopy(classifier.body).requires_grad_(False).eval()
    origin = replace(
        classifier.provenance,
        weights=f"random numbers, seed {seed}",
        accuracy=None,
        body=f"random-{seed}",
    )
    other = classifier.like(body=body, norms=(), provenance=origin)
    samples = [photos.read_sample(sample.id) for sample in photos.SAMPLES]
    seen = torch.cat([photos.prepare(photo, classifier.input_size) for photo in samples])
    generator = torch.Generator().manual_seed(seed)
    seen = (seen.to(classifier.device) - other.mean) / other.std
    _Randomiser(body, generator).run(seen)
    return other


class _Randomiser(fx.Interpreter):
    """Runs a network once, and gives each layer new weights just before its turn."""

    def __init__(self, body: fx.GraphModule, generator: torch.Generator) -> None:
        super().__init__(body)
        self._generator = generator

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        module = self.fetch_attr(str(target))
        if isinstance(module, nn.BatchNorm2d):
            _forget(module)
        if not isinstance(module, (nn.Conv2d, nn.Linear)):
            return super().call_module(target, args, kwargs)
        _draw(module, self._generator)
        return _standardise(module, super().call_module(target, args, kwargs))


def _draw(module: nn.Conv2d | nn.Linear, generator: torch.Generator) -> None:
    fan_in = module.weight[0].numel()
    drawn = torch.randn(module.weight.shape, generator=generator) * math.sqrt(2 / fan_in)
    module.weight.copy_(drawn)
    if module.bias is None:
        bias = torch.zeros(len(module.weight), device=module.weight.device)
        module.bias = nn.Parameter(bias, requires_grad=False)
    else:
        module.bias.zero_()


def _standardise(module: nn.Conv2d | nn.Linear, output: torch.Tensor) -> torch.Tensor:
    """Fold the shift and scale into the layer, and give what it would have given with them."""
    assert module.bias is not None
    others = [0, *range(2, output.ndim)]
    mean = output.mean(dim=others)
    spread = output.std(dim=others, correction=0).clamp_min(_LEAST_SPREAD)
    module.weight.div_(spread.view(-1, *[1] * (module.weight.ndim - 1)))
    module.bias.copy_(-mean / spread)
    shape = (1, -1, *[1] * (output.ndim - 2))
    return (output - mean.view(shape)) / spread.view(shape)


def _forget(norm: nn.BatchNorm2d) -> None:
    """Make a batch norm that is not folded away pass on what the layer before it has made."""
    norm.reset_running_stats()
    if norm.affine:
        nn.init.ones_(norm.weight)
        nn.init.zeros_(norm.bias)
