"""The one shape that every network has for the rest of the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import fx, nn

from core.zoo.chains import chained
from core.zoo.graph import Layer, NormStatistics, before_activation, tap
from core.zoo.labels import Labels


@dataclass(frozen=True)
class Provenance:
    """Where a network's weights come from.

    Attributes:
        network: name of the network in the catalogue that it is or grew out of.
        weights: one line on where the weights come from.
        licence: of the weights.
        accuracy: share of validation photos that it got right, for networks trained here.
        body: what the body's weights are, where they are not the catalogue's: an id that two
            bodies share only if their weights are the same; empty for the catalogue's own.
    """

    network: str
    weights: str
    licence: str
    accuracy: float | None = None
    body: str = ""


@dataclass(frozen=True)
class Seen:
    """What a network makes of some pictures.

    Attributes:
        logits: (N, classes).
        maps: by layer name, the feature maps that were asked for, (N, channels, h, w).
        nodes: by name, likewise, the outputs of nodes of the network's graph.
    """

    logits: torch.Tensor
    maps: Mapping[str, torch.Tensor]
    nodes: Mapping[str, torch.Tensor]


class Classifier(nn.Module):
    """A classifier on RGB in [0, 1], with its normalisation inside.

    Normalising twice or never is the most common mistake in this field; here it cannot be made.

    Attributes:
        name: id of the network, unique within the catalogue or the session.
        title: its name for people.
        labels: the names of its classes.
        input_size: side of the square picture it was trained on, in pixels.
        layers: the places in it at which one can look, from the photo to the head.
        norms: what its batch norms saw in training; empty where it has none, and in the plain
            form, whose norms still stand for themselves.
        provenance: where its weights come from.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        *,
        name: str,
        title: str,
        body: fx.GraphModule,
        head: nn.Linear,
        labels: Labels,
        input_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        layers: tuple[Layer, ...],
        provenance: Provenance,
        norms: tuple[NormStatistics, ...] = (),
    ) -> None:
        super().__init__()
        self.name = name
        self.title = title
        self.body = body
        self.head = head
        self.labels = labels
        self.input_size = input_size
        self.layers = layers
        self.norms = norms
        self.provenance = provenance
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return self.mean.device

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the logits (N, classes) of pictures (N, 3, H, W) in [0, 1], of any size."""
        logits: torch.Tensor = self.head(self.embed(pictures))
        return logits

    def embed(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return what the head is fed, (N, D), for pictures (N, 3, H, W) in [0, 1]."""
        # Files for other programs hold the layers, not how we compute them here.
        body = self.body if torch.compiler.is_exporting() else self._chained
        embedding: torch.Tensor = body(self.normalise(pictures))
        return embedding

    @cached_property
    def _chained(self) -> fx.GraphModule:
        return chained(self.body)

    @torch.no_grad()
    def probabilities(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the probabilities (N, classes) of pictures (N, 3, H, W) in [0, 1]."""
        return self(pictures.to(self.device)).softmax(dim=-1)

    def look(
        self, layers: Sequence[str] = (), nodes: Sequence[str] = (), *, answer: bool = True
    ) -> Callable[[torch.Tensor], Seen]:
        """Return a function that looks at pictures and at what some layers make of them, in one go.

        The maps are the very tensors that the logits are computed from, so that one can be
        differentiated by the other.

        Args:
            layers: names of layers whose maps are wanted.
            nodes: names of nodes of the graph whose outputs are wanted, too.
            answer: whether the logits are wanted; without them there are none, (N, 0), and no
                layer behind those that are looked at is computed.

        Returns:
            From pictures (N, 3, H, W) in [0, 1] to what is seen. Made once, used many times.

        Raises:
            KeyError: the network has no such layer.
        """
        of_layers = {name: self.layer(name).node for name in layers}
        (embedding,) = self.body.graph.output_node().all_input_nodes
        wanted = [embedding.name] if answer else []
        tapped = chained(tap(self.body, [*of_layers.values(), *nodes, *wanted]))

        def look(pictures: torch.Tensor) -> Seen:
            outputs = tapped(self.normalise(pictures))
            return Seen(
                logits=self.head(outputs[embedding.name])
                if answer
                else pictures.new_empty(len(pictures), 0),
                maps={name: outputs[node] for name, node in of_layers.items()},
                nodes={node: outputs[node] for node in nodes},
            )

        return look

    def layer(self, name: str) -> Layer:
        """Look up a layer by its name.

        Raises:
            KeyError: the network has none of that name.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def layer_at(self, node: str) -> Layer | None:
        """Return the layer whose output a node of the graph gives; None if it is inside of one."""
        return next((layer for layer in self.layers if layer.node == node), None)

    def with_head(
        self, head: nn.Linear, *, name: str, title: str, labels: Labels, accuracy: float | None
    ) -> Classifier:
        """Return a classifier with this one's body and a head of its own.

        The body is shared, so thirty students' networks cost little more than one.

        Args:
            head: from the width of `embed` to the number of labels.
            name: the new network's id.
            title: its name for people.
            labels: the names of its classes.
            accuracy: its share of correct answers on validation photos, where known.

        Raises:
            ValueError: head, body and labels do not fit each other.
        """
        if head.out_features != len(labels):
            raise ValueError(f"{head.out_features} outputs for {len(labels)} labels")
        if head.in_features != self.head.in_features:
            raise ValueError(f"a head for {head.in_features} features, not {self.head.in_features}")
        provenance = Provenance(
            network=self.provenance.network,
            weights=self.provenance.weights
            if self.provenance.body
            else f"head trained here on {self.title}",
            licence=self.provenance.licence,
            accuracy=accuracy,
            body=self.provenance.body,
        )
        return self.like(
            name=name,
            title=title,
            head=head.requires_grad_(False),
            labels=labels,
            provenance=provenance,
        )

    def with_body(
        self, body: fx.GraphModule, *, norms: tuple[NormStatistics, ...], origin: Provenance
    ) -> Classifier:
        """Return a classifier with other weights in a body of the same structure.

        Args:
            body: the other body; it is not copied.
            norms: what its batch norms saw in training, where they have been folded.
            origin: where its weights come from, with an id of their own.
        """
        return self.like(body=body, norms=norms, provenance=origin)

    def for_drawing(self, size: int) -> Classifier:
        """Return the same network for pictures of `size` pixels, seen before its activations.

        The weights are shared. Its layers give what their activation, if they end in one, is fed,
        so that silent channels can be woken; all else about them is as measured at the usual size.
        """
        layers = tuple(
            replace(layer, node=before_activation(self.body, layer.node)) for layer in self.layers
        )
        return self.like(input_size=size, layers=layers)

    def like(self, **changes: Any) -> Classifier:
        """Return a classifier that shares everything with this one but for what is changed."""
        same: dict[str, Any] = {
            "name": self.name,
            "title": self.title,
            "body": self.body,
            "head": self.head,
            "labels": self.labels,
            "input_size": self.input_size,
            "mean": self.mean.flatten().tolist(),
            "std": self.std.flatten().tolist(),
            "layers": self.layers,
            "norms": self.norms,
            "provenance": self.provenance,
        }
        return Classifier(**(same | changes)).eval().to(self.device)

    def normalise(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return what the body is fed for pictures (N, 3, H, W) in [0, 1]."""
        normalised = (pictures - self.mean) / self.std
        # On CPUs, channels-last is a third faster for these networks, and exact.
        return normalised.contiguous(memory_format=torch.channels_last)
