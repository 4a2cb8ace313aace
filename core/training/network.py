"""A network in two parts: the frozen one, and the one that is trained, which ends in the head."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import nn

from core.training.settings import Settings
from core.zoo import loading
from core.zoo.chains import chained
from core.zoo.classifier import Classifier, Provenance
from core.zoo.graph import rest, tap


class Network(Protocol):
    """What is trained, from what the frozen part gives to the logits."""

    head: nn.Linear

    @property
    def weights(self) -> Sequence[nn.Parameter]:
        """What is trained, in place."""

    def body(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what the head is fed, (n, D), for what the frozen part gives, (n, ...)."""

    def train(self, is_training: bool) -> None:
        """Prepare batch norms for training, or for evaluation."""

    def trained(self) -> tuple[nn.Linear, Classifier | None]:
        """Return a copy of the head as it is now, and of the body where it is trained too."""


class HeadAlone:
    """A head on frozen features: with cross-entropy, a multinomial logistic regression.

    Embeddings are first centred and scaled, all by one number, to a mean squared length of 1, so
    that one learning rate suits every network. Scaling each feature by itself would make the rare
    ones loud, and costs two points of accuracy on cats and dogs.
    """

    def __init__(self, features: torch.Tensor, classes: int) -> None:
        """Measure the embeddings (n, D) that are trained on, and begin with a blank head."""
        self._mean = features.mean(dim=0)
        squared = (features - self._mean).square().sum(dim=1)
        self._length = squared.mean().sqrt().clamp_min(1e-6)
        self.head = blank_head(features.shape[1], classes)
        self.weights = tuple(self.head.parameters())

    def frozen(self, features: torch.Tensor) -> torch.Tensor:
        """Centre and scale embeddings (n, D)."""
        return (features - self._mean) / self._length

    def body(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return scaled embeddings (n, D) as they are: nothing but the head is trained."""
        return inputs

    def train(self, is_training: bool) -> None:
        """Do nothing: there are no batch norms."""

    def trained(self) -> tuple[nn.Linear, None]:
        """Return the head for raw embeddings: W(x - m)/s + b = (W/s)x + (b - (W/s)m)."""
        weight = self.head.weight.detach() / self._length
        return frozen_head(weight, self.head.bias.detach() - weight @ self._mean), None


class Blocks:
    """The last blocks of a network, or all of them, with a head.

    Attributes:
        takes_pictures: whether nothing is frozen before what is trained, or photos are attacked,
            so that it is fed pictures, as bytes; otherwise it is fed the frozen part's maps.
    """

    def __init__(
        self,
        base: Classifier,
        settings: Settings,
        classes: int,
        start: nn.Linear | None = None,
    ) -> None:
        """Divide a network.

        Args:
            base: the network in its fast form; it is not changed.
            settings: say which blocks are trained.
            classes: how many there are.
            start: the head to begin with, for embeddings of `base`; None for a blank one.

        Raises:
            Problem: the weights of `base` are not here, or are damaged.
        """
        self._base = base
        self._is_random = settings.blocks is None
        name = base.provenance.network
        self._plain = (
            loading.untrained(name, settings.seed)
            if self._is_random
            else loading.load(name, trainable=True)
        )
        whole = self._plain.body.requires_grad_(False)
        last = whole
        if settings.blocks is not None and settings.blocks < len(base.layers):
            cut = -settings.blocks - 1
            last = rest(whole, self._plain.layers[cut].node)
            # What is frozen is faster in the form that cannot be trained.
            self._node = base.layers[cut].node
            self._first = chained(tap(base.body, [self._node]))
        last.requires_grad_(True)
        self.takes_pictures = last is whole or settings.epsilon > 0
        self._trained = whole if self.takes_pictures else last
        self.head = blank_head(self._plain.head.in_features, classes)
        if start is not None:
            self.head.load_state_dict(start.state_dict())
        weights = [w for w in self._trained.parameters() if w.requires_grad]
        self.weights = (*weights, *self.head.parameters())

    @torch.no_grad()
    def frozen(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return what the frozen part makes of pictures (n, 3, S, S) in [0, 1]."""
        if self.takes_pictures:
            return pictures.mul(255).round_().byte()
        pictures = pictures.to(self._base.device)
        maps: torch.Tensor = self._first(self._base.normalise(pictures))[self._node]
        return maps.cpu()

    def body(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return embeddings (n, D) of what the frozen part gives, or of pictures in [0, 1].

        The blocks may be on a graphics card; the head, the labels and all else are not.
        """
        inputs = inputs.to(self._plain.device)
        if self.takes_pictures:
            inputs = self._plain.normalise(inputs if inputs.is_floating_point() else inputs / 255)
        embedding: torch.Tensor = self._trained(inputs)
        return embedding.cpu()

    def train(self, is_training: bool) -> None:
        """Let batch norms use the batch's own statistics, or those of the photos so far.

        Pretrained ones keep what ImageNet taught them, which a few photos would only blur.
        """
        for module in self._trained.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(is_training and self._is_random)

    def trained(self) -> tuple[nn.Linear, Classifier]:
        """Return a copy of the head, and of the whole network in its fast form."""
        body = copy.deepcopy(self._plain.body)
        norms = loading.fast(body)
        origin = Provenance(
            network=self._base.provenance.network,
            weights="trained here from random weights"
            if self._is_random
            else f"last blocks fine-tuned here on {self._base.title}",
            licence=self._base.provenance.licence,
            body=f"tuned-{fingerprint(body)}",
        )
        head = frozen_head(self.head.weight, self.head.bias)
        return head, self._base.with_body(body, norms=norms, origin=origin)


def fast_gradient_sign(
    network: Network,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    epsilon: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Change pictures so that the network is wrong more often, within ε.

    One step of FGSM from a random start, which is as good as many (Wong, Rice and Kolter 2020,
    "Fast is better than free").

    Args:
        network: fed pictures.
        inputs: these, (n, 3, S, S), as bytes.
        labels: (n,).
        epsilon: greatest change of a pixel, in [0, 1].
        generator: of the start.

    Returns:
        Pictures (n, 3, S, S) in [0, 1].
    """
    pictures = inputs / 255
    noise = epsilon * (2 * torch.rand(pictures.shape, generator=generator) - 1)
    start = (pictures + noise).clamp(0, 1).requires_grad_()
    loss = F.cross_entropy(network.head(network.body(start)), labels)
    (gradient,) = torch.autograd.grad(loss, start)
    perturbation = start.detach() + 1.25 * epsilon * gradient.sign() - pictures
    return (pictures + perturbation.clamp(-epsilon, epsilon)).clamp(0, 1)


def blank_head(width: int, classes: int) -> nn.Linear:
    """Return a layer of zeros: no class is preferred before the first photo.

    `nn.Linear` itself would draw from the random numbers that everybody shares.
    """
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, width, classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


@torch.no_grad()
def frozen_head(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    """Return a layer that is not trained, with copies of a weight (classes, D) and a bias.

    Raises:
        RuntimeError: they do not fit each other.
    """
    layer = blank_head(weight.shape[1], len(weight))
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)
    return layer.requires_grad_(False)


def fingerprint(body: nn.Module) -> str:
    """Return an id that two bodies share only if their weights are the same."""
    digest = hashlib.sha256()
    for name, tensor in body.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
