"""Which channels a channel is fed by, which it feeds, and the way back from a class to the edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import fx, nn

from core.features.computation import (
    SUMS,
    called,
    find_node,
    logit,
    padded,
    path_to,
    values,
    works_by_value,
)
from core.features.diagram import at_depth
from core.features.maps import check_channel
from core.images import photos
from core.problem import N_, Problem
from core.steps import Step, Steps
from core.zoo.classifier import Classifier

DEPTHS = (1.0, 0.6, 0.3, 0.0)
"""How deep in the network the knots of a trace lie, from the answer to the photo."""
WIDTHS = (3, 2, 2, 1)
"""How many channels are followed from each knot, likewise."""


@dataclass(frozen=True)
class Contribution:
    """What one channel adds to another on a photo, or takes away from it.

    Attributes:
        node: the graph's node that the channel is in.
        channel: which.
        amount: weight × activation, summed over the kernel and averaged over the map.
    """

    node: str
    channel: int
    amount: float


@dataclass(frozen=True)
class Fed:
    """What a channel is made of, on a photo.

    Attributes:
        node: where its values are added up, before any activation.
        channel: which.
        contributions: of all channels before it, those that add or take away most first.
        bias: what the layer adds anyhow.
    """

    node: str
    channel: int
    contributions: tuple[Contribution, ...]
    bias: float

    @property
    def total(self) -> float:
        """The mean of the channel's map before the activation: all contributions and the bias."""
        return sum(c.amount for c in self.contributions) + self.bias


def fed_by(classifier: Classifier, photo: Image.Image, node: str, channel: int) -> Fed:
    """Return which channels give how much to a channel, on an RGB photo.

    Args:
        classifier: the network; it is not changed.
        photo: RGB.
        node: see `Layer.node`; any other node of the graph that gives maps will do.
        channel: which of its channels.

    Raises:
        Problem: there is no such channel, or nothing comes before it.
    """
    path = path_to(find_node(classifier, node))
    mixing = path[0]
    if mixing.op == "placeholder":
        raise Problem(N_("The photo is fed by nothing."))
    sums = [step for step in path if step.target in SUMS]  # not gates, which only scale
    (source,) = mixing.all_input_nodes
    beside = [other for step in sums for other in step.all_input_nodes if other not in path]
    wanted = [node, mixing.name, source.name, *(other.name for other in beside)]
    maps = values(classifier, photo, wanted)
    _check_maps(node, channel, maps[node])
    amounts, bias = {channel: float(maps[mixing.name][channel].mean())}, 0.0
    if isinstance(layer := called(mixing), nn.Conv2d):  # a pool looks at each channel alone
        amounts, bias = _through(layer, channel, maps[source.name])
    found = [Contribution(source.name, number, amount) for number, amount in amounts.items()]
    found += [
        Contribution(other.name, channel, float(maps[other.name][channel].mean()))
        for other in beside
    ]
    found.sort(key=lambda contribution: -abs(contribution.amount))
    return Fed((sums[-1] if sums else mixing).name, channel, tuple(found), bias)


def _check_maps(node: str, channel: int, maps: torch.Tensor) -> None:
    """Refuse a channel that a node's maps (channels, h, w) do not have.

    Raises:
        Problem: they do not, or there are no maps, as behind the last pool.
    """
    if maps.ndim != 3:
        raise Problem(N_("{name} has no maps: it gives one number for each channel."), name=node)
    check_channel(node, channel, len(maps))


def _through(layer: nn.Conv2d, channel: int, maps: torch.Tensor) -> tuple[dict[int, float], float]:
    """Return what each channel of `maps` gives to a layer's channel on average, and the bias."""
    width = layer.in_channels // layer.groups
    first = channel // (layer.out_channels // layer.groups) * width
    with torch.no_grad():
        each_alone = F.conv2d(  # the layer, but its products are not summed over the channels
            padded(layer, maps[None, first : first + width]),
            layer.weight[channel][:, None],
            stride=layer.stride,
            dilation=layer.dilation,
            groups=width,
        )
    amounts = each_alone[0].mean(dim=(1, 2)).tolist()
    bias = 0.0 if layer.bias is None else float(layer.bias[channel])
    return dict(enumerate(amounts, first)), bias


def feeds(
    classifier: Classifier, photo: Image.Image, node: str, channel: int
) -> tuple[Contribution, ...]:
    """Return to which later channels a channel gives how much, the most first.

    The amounts are what it adds before the next activation, averaged over the map; the nodes are
    those behind that activation, whose maps others are fed. Arguments and errors as in `fed_by`.
    """
    maps = values(classifier, photo, [node])[node]
    _check_maps(node, channel, maps)
    found = []
    for user in _readers(find_node(classifier, node)):
        layer = called(user)
        if isinstance(layer, nn.Conv2d):
            alone = torch.zeros_like(maps[None])
            alone[:, channel] = maps[channel]
            with torch.no_grad():
                given = layer(alone)[0]
                if layer.bias is not None:
                    given = given - layer.bias[:, None, None]
            found += [
                Contribution(_activated(user).name, number, amount)
                for number, amount in enumerate(given.mean(dim=(1, 2)).tolist())
                if amount
            ]
        else:
            found.append(Contribution(_activated(user).name, channel, float(maps[channel].mean())))
    return tuple(sorted(found, key=lambda contribution: -abs(contribution.amount)))


def _readers(node: fx.Node) -> list[fx.Node]:
    """Return the convolutions, sums and pools that a node's maps go into as they are."""
    return [user for user in node.users if user.op != "output" and _gives_maps(user)]


def _activated(node: fx.Node) -> fx.Node:
    """Return the node behind the activation and batch norm that follow a node, if any do."""
    while len(node.users) == 1 and works_by_value(following := next(iter(node.users))):
        node = following
    return node


def _gives_maps(node: fx.Node) -> bool:
    module = called(node)
    return (
        isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) or len(node.all_input_nodes) > 1
    )


@dataclass(frozen=True)
class Knot:
    """A channel on the way back from a class to the photo.

    Attributes:
        layer: the name of the layer that it is in.
        channel: which.
        amount: how much of the logit goes through it and the knots above: the sum over its map
            of gradient × activation.
        before: the channels of an earlier layer that it owes most to.
    """

    layer: str
    channel: int
    amount: float
    before: tuple[Knot, ...] = ()


def trace_back(
    classifier: Classifier,
    photo: Image.Image,
    class_id: int,
    *,
    widths: Sequence[int] = WIDTHS,
) -> tuple[Knot, ...]:
    """Follow a class's logit back to the edges, along the channels that it owes most to.

    The logit is differentiated by the last layer's maps; gradient × activation, summed over a map,
    is what a channel gives. Then this share of a channel, with the gradient held fast, takes the
    logit's place, and the layer before is asked in the same way: what is told of an earlier channel
    is what it gives by way of the later one. Achtibat et al., "From attribution maps to
    human-understandable explanations through concept relevance propagation", 2023, do so with
    another rule than the gradient.

    Args:
        classifier: the network; it is not changed.
        photo: RGB.
        class_id: the class.
        widths: how many channels are followed from each knot, one number for each of `DEPTHS`.

    Returns:
        The knots of the last layer, those that give most first.
    """
    layers = list(dict.fromkeys(at_depth(classifier, depth).name for depth in DEPTHS))
    picture = photos.prepare(photo, classifier.input_size).to(classifier.device)
    with torch.enable_grad():
        seen = classifier.look(layers)(picture.requires_grad_())
        return _knots(seen.logits[0, class_id], layers, seen.maps, widths)


@dataclass(frozen=True)
class Trace:
    """The way back from a class.

    Attributes:
        class_id: the class.
        logit: the network's for it.
        knots: of the last layer, with what comes before; see `trace_back`.
    """

    class_id: int
    logit: float
    knots: tuple[Knot, ...]


def tracing(
    classifier: Classifier, photo: Image.Image, class_id: int, widths: Sequence[int] = WIDTHS
) -> Steps[Trace]:
    """Follow a class back as `trace_back` does, as a job that takes its turn: in a single step."""
    found = logit(classifier, photo, class_id).result
    knots = trace_back(classifier, photo, class_id, widths=widths)
    yield Step(1, 1, result=Trace(class_id, found, knots))


def _knots(
    score: torch.Tensor,
    layers: Sequence[str],
    maps: Mapping[str, torch.Tensor],
    widths: Sequence[int],
) -> tuple[Knot, ...]:
    """Return the channels of the first of `layers` that a score owes most to, and theirs."""
    layer, *earlier = layers
    (gradient,) = torch.autograd.grad(score, maps[layer], retain_graph=True)
    given = (gradient * maps[layer].detach())[0].sum(dim=(1, 2))
    knots = []
    for channel in given.argsort(descending=True)[: widths[0]].tolist():
        amount = float(given[channel])
        before: tuple[Knot, ...] = ()
        if earlier and amount > 0:  # what gives nothing owes nothing
            share = (gradient[0, channel].detach() * maps[layer][0, channel]).sum()
            before = _knots(share, earlier, maps, widths[1:])
        knots.append(Knot(layer, channel, amount, before))
    return tuple(knots)
