"""How one number of a feature map is computed: patch × kernel, summed up, plus bias, activated.

    place = Place(classifier.layer("blocks.0.0").node, channel=3, row=20, column=31)
    maps = values(classifier, photo, needed_for(classifier, place.node))
    for operation in computation(classifier, maps, place).operations:
        operation.result       # the last one's is the number on the map

Everything is read off the network itself, with its own weights and the photo's own maps, whatever
the network: ordinary, depthwise and pointwise convolutions, pools, residual sums, gates.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from timm.layers import Conv2dSame
from timm.layers.padding import pad_same
from torch import fx, nn

from core.images import photos
from core.problem import N_, Problem
from core.zoo.classifier import Classifier
from core.zoo.graph import Gain

Numbers: TypeAlias = NDArray[np.float64]
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.Sigmoid, nn.Hardsigmoid, nn.Softplus)
SUMS = (operator.add, operator.iadd, torch.add)
_PRODUCTS = (operator.mul, operator.imul, torch.mul)
_UNCHANGED = (nn.Identity, nn.Dropout)


@dataclass(frozen=True)
class Place:
    """One value of the network, for some photo.

    Attributes:
        node: the graph's node whose output it is in; see `Layer.node`.
        channel, row, column: where in that output.
    """

    node: str
    channel: int
    row: int
    column: int


def _strongest(contributions: Numbers, count: int) -> tuple[list[int], float]:
    """Return the places of the `count` numbers that are furthest from 0, and the sum of the others."""
    order = np.argsort(-np.abs(contributions), kind="stable")
    return order[:count].tolist(), float(contributions[order[count:]].sum())


@dataclass(frozen=True)
class Convolution:
    """A patch of the maps before, times a kernel, plus a bias.

    Attributes:
        source: the node whose maps it is fed.
        channels: which of its channels: all for ordinary convolutions, one for depthwise ones.
        top, left: where in these maps the patch begins; below 0 in the padding.
        dilation: how far apart in the maps two neighbouring values of the patch are.
        patch: (channels, height, width), 0 in the padding.
        is_inside: (height, width), False in the padding.
        kernel: like the patch.
        bias: 0 if the layer has none.
        has_folded_norm: whether kernel and bias are those of the layer and of the batch norm
            behind it in one.
        result: the sum of all products and the bias.
    """

    source: str
    channels: range
    top: int
    left: int
    dilation: int
    patch: Numbers
    is_inside: NDArray[np.bool_]
    kernel: Numbers
    bias: float
    has_folded_norm: bool
    result: float

    @property
    def contributions(self) -> Numbers:
        """What each channel adds, (channels,): the sum over its patch × kernel."""
        summed: Numbers = (self.patch * self.kernel).sum(axis=(1, 2))
        return summed

    def strongest(self, count: int) -> tuple[list[int], float]:
        """Return the indices of the `count` channels that add or take away most, and the others' sum.

        The indices are those of `channels`, `patch` and `kernel`, the strongest first.
        """
        return _strongest(self.contributions, count)


@dataclass(frozen=True)
class Pooling:
    """The greatest value, or the mean, of a patch of one map.

    Attributes:
        source: the node whose maps it is fed.
        top, left: where in the map the patch begins; below 0 in the padding.
        patch: (height, width), 0 in the padding.
        is_inside: likewise, False in the padding.
        takes_greatest: the greatest value, not the mean.
        result: what comes out.
    """

    source: str
    top: int
    left: int
    patch: Numbers
    is_inside: NDArray[np.bool_]
    takes_greatest: bool
    result: float


@dataclass(frozen=True)
class Term:
    """One value among those that are added or multiplied: the node it is from, and the value."""

    source: str
    value: float


@dataclass(frozen=True)
class Sum:
    """Values of the same place in several maps, added; what a residual connection does."""

    terms: tuple[Term, ...]
    result: float


@dataclass(frozen=True)
class Product:
    """A value of a map times its channel's gate; what squeeze-and-excitation does."""

    terms: tuple[Term, ...]
    result: float


@dataclass(frozen=True)
class Switched:
    """A value of a channel that was switched off or up; see `ablation`."""

    before: float
    factor: float
    result: float


@dataclass(frozen=True)
class Normalisation:
    """A batch norm that stands for itself: (before − mean) ÷ deviation × scale + shift."""

    before: float
    mean: float
    deviation: float
    scale: float
    shift: float
    result: float


@dataclass(frozen=True)
class Activation:
    """What an activation function makes of a value; `name` is that of PyTorch's class."""

    name: str
    before: float
    result: float


@dataclass(frozen=True)
class Pixel:
    """A value of the photo as the network is fed it: (colour − mean) ÷ deviation."""

    colour: float
    mean: float
    deviation: float
    result: float


Operation: TypeAlias = (
    Convolution | Pooling | Sum | Product | Switched | Normalisation | Activation | Pixel
)


@dataclass(frozen=True)
class Computation:
    """How the value at a place is computed.

    Attributes:
        place: where.
        operations: from the one that looks at a patch to the one whose result is the value.
    """

    place: Place
    operations: tuple[Operation, ...]

    @property
    def result(self) -> float:
        """The value."""
        return self.operations[-1].result


def needed_for(classifier: Classifier, node: str) -> list[str]:
    """Return the nodes whose values are needed to tell how any value of a node is computed.

    Raises:
        Problem: there is no such node in this network.
    """
    path = path_to(find_node(classifier, node))
    return list(dict.fromkeys(n.name for step in path for n in (*step.all_input_nodes, step)))


def computation(
    classifier: Classifier, maps: Mapping[str, torch.Tensor], place: Place
) -> Computation:
    """Return how one value is computed for a photo.

    Args:
        classifier: the network.
        maps: what its nodes give for the photo, from `values`: those of `needed_for`.
        place: where the value is.

    Raises:
        Problem: there is no such place in this network.
    """
    path = path_to(find_node(classifier, place.node))
    _check_inside(place, maps[place.node])
    operations = tuple(_operation(classifier, node, place, maps) for node in path)
    return Computation(place, operations)


def find_node(classifier: Classifier, name: str) -> fx.Node:
    """Return a node of the network's graph.

    Raises:
        Problem: there is none of that name.
    """
    for node in classifier.body.graph.nodes:
        if node.name == name and node.op != "output":
            return node
    raise Problem(N_("{network} has no place called {name}."), network=classifier.title, name=name)


@torch.no_grad()
def values(
    classifier: Classifier, photo: Image.Image, nodes: Sequence[str]
) -> Mapping[str, torch.Tensor]:
    """Return the outputs of nodes for an RGB photo, by name, each (channels, h, w)."""
    picture = photos.prepare(photo, classifier.input_size).to(classifier.device)
    seen = classifier.look(nodes=list(dict.fromkeys(nodes)), answer=False)(picture)
    return {name: maps[0] for name, maps in seen.nodes.items()}


def path_to(node: fx.Node) -> list[fx.Node]:
    """Return the operations that make one value of a node, beginning with one that sees a patch.

    Where maps meet, the way goes on to those that were just computed, not to those that a
    residual connection brings from further back.
    """
    path = [node]
    while (source := _single_source(path[-1])) is not None:
        path.append(source)
    return path[::-1]


def _single_source(node: fx.Node) -> fx.Node | None:
    """Return the node at whose same place the way goes on; None where a patch is looked at."""
    if node.op == "call_module":
        return node.all_input_nodes[0] if works_by_value(node) else None
    if node.target in SUMS:
        return next(a for a in node.all_input_nodes if not _leads_to_another(a, node))
    if node.target in _PRODUCTS:  # a gate is computed from the maps that it opens and closes
        ordered = sorted(node.all_input_nodes, key=lambda a: not _leads_to_another(a, node))
        return ordered[0]
    return None


def works_by_value(node: fx.Node) -> bool:
    """Return whether a node changes each value by itself, as activations and batch norms do."""
    return isinstance(called(node), (*ACTIVATIONS, *_UNCHANGED, nn.BatchNorm2d, Gain))


def _leads_to_another(source: fx.Node, node: fx.Node) -> bool:
    """Whether one of a node's inputs is what another of them is computed from."""
    waiting = [other for other in node.all_input_nodes if other is not source]
    seen: set[fx.Node] = set()
    while waiting:
        earlier = waiting.pop()
        if earlier is source:
            return True
        if earlier not in seen and not earlier < source:
            seen.add(earlier)
            waiting += earlier.all_input_nodes
    return False


def called(node: fx.Node) -> nn.Module | None:
    """Return the module that a node calls; None if it calls a function."""
    owner = node.graph.owning_module
    if node.op != "call_module" or owner is None:
        return None
    return owner.get_submodule(str(node.target))


def padded(layer: nn.Conv2d, maps: torch.Tensor) -> torch.Tensor:
    """Return maps (N, C, h, w) with the zeros around them that a convolution puts there."""
    if isinstance(layer, Conv2dSame):  # as TensorFlow does: more at the end than at the beginning
        return pad_same(maps, list(layer.kernel_size), list(layer.stride), list(layer.dilation))
    assert not isinstance(layer.padding, str)  # no network of the zoo has one told by a name
    height, width = layer.padding
    return F.pad(maps, (int(width), int(width), int(height), int(height)))


def _check_inside(place: Place, maps: torch.Tensor) -> None:
    if maps.ndim == 3 and all(
        0 <= at < size
        for at, size in zip((place.channel, place.row, place.column), maps.shape, strict=True)
    ):
        return
    raise Problem(
        N_("{name} has {channels} channels of {height}×{width} values, each counted from 0."),
        name=place.node,
        channels=len(maps),
        height=maps.shape[1] if maps.ndim == 3 else 1,
        width=maps.shape[2] if maps.ndim == 3 else 1,
    )


def _operation(
    classifier: Classifier, node: fx.Node, place: Place, maps: Mapping[str, torch.Tensor]
) -> Operation:
    at = (place.channel, place.row, place.column)
    result = float(maps[node.name][at])
    module = called(node)
    if isinstance(module, nn.Conv2d):
        return _convolution(classifier, node, module, place, maps)
    if node.op == "placeholder":
        mean, deviation = (
            float(statistic.flatten()[place.channel])
            for statistic in (classifier.mean, classifier.std)
        )
        return Pixel(result * deviation + mean, mean, deviation, result)
    if node.target in (*SUMS, *_PRODUCTS):
        terms = tuple(
            Term(source.name, _at(maps[source.name], place)) for source in node.all_input_nodes
        )
        return (Sum if node.target in SUMS else Product)(terms, result)
    before = maps[node.all_input_nodes[0].name]
    if isinstance(module, nn.BatchNorm2d):
        return _normalisation(module, place.channel, float(before[at]), result)
    if isinstance(module, Gain):
        factor = float(module.factors.flatten()[place.channel])
        return Switched(float(before[at]), factor, result)
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        return _pooling(node, module, place, before, result)
    if isinstance(module, nn.AdaptiveAvgPool2d) or node.target is F.adaptive_avg_pool2d:
        return _adaptive_mean(node, place, before, maps[node.name])
    return Activation(type(module).__name__, float(before[at]), result)


def _at(maps: torch.Tensor, place: Place) -> float:
    """Return the value at a place; a gate has one for the whole channel."""
    row, column = (
        min(at, size - 1)
        for at, size in zip((place.row, place.column), maps.shape[1:], strict=True)
    )
    return float(maps[place.channel, row, column])


def _convolution(
    classifier: Classifier,
    node: fx.Node,
    layer: nn.Conv2d,
    place: Place,
    maps: Mapping[str, torch.Tensor],
) -> Convolution:
    (source,) = node.all_input_nodes
    width = layer.in_channels // layer.groups
    first = place.channel // (layer.out_channels // layer.groups) * width
    channels = range(first, first + width)
    fed = maps[source.name][None, first : first + width]
    rows, columns = (
        at * stride + dilation * torch.arange(size)
        for at, stride, dilation, size in zip(
            (place.row, place.column), layer.stride, layer.dilation, layer.kernel_size, strict=True
        )
    )
    patch = padded(layer, fed)[0][:, rows[:, None], columns]
    is_inside = padded(layer, torch.ones_like(fed[:, :1]))[0, 0] > 0
    above, before = (int(is_inside.any(dim=axis).nonzero()[0]) for axis in (1, 0))
    kernel = _numbers(layer.weight[place.channel])
    bias = 0.0 if layer.bias is None else float(layer.bias[place.channel])
    numbers = _numbers(patch)
    return Convolution(
        source=source.name,
        channels=channels,
        top=int(rows[0]) - above,
        left=int(columns[0]) - before,
        dilation=layer.dilation[0],
        patch=numbers,
        is_inside=is_inside[rows[:, None], columns].cpu().numpy(),
        kernel=kernel,
        bias=bias,
        has_folded_norm=any(norm.node == node.name for norm in classifier.norms),
        result=float((numbers * kernel).sum()) + bias,
    )


def _pooling(
    node: fx.Node,
    layer: nn.MaxPool2d | nn.AvgPool2d,
    place: Place,
    before: torch.Tensor,
    result: float,
) -> Pooling:
    size, stride, margin = (
        value if isinstance(value, int) else value[0]
        for value in (layer.kernel_size, layer.stride, layer.padding)
    )
    top, left = place.row * stride - margin, place.column * stride - margin
    height, width = before.shape[1:]
    rows, columns = torch.arange(top, top + size), torch.arange(left, left + size)
    is_inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    patch = before[place.channel][rows.clamp(0, height - 1)[:, None], columns.clamp(0, width - 1)]
    return Pooling(
        source=node.all_input_nodes[0].name,
        top=top,
        left=left,
        patch=_numbers(patch) * is_inside.numpy(),
        is_inside=is_inside.numpy(),
        takes_greatest=isinstance(layer, nn.MaxPool2d),
        result=result,
    )


def _adaptive_mean(
    node: fx.Node, place: Place, before: torch.Tensor, after: torch.Tensor
) -> Pooling:
    """Return a mean over patches that are as large as the wanted size of the result makes them."""
    (top, bottom), (left, right) = (
        (at * size // wanted, -(-(at + 1) * size // wanted))
        for at, size, wanted in zip(
            (place.row, place.column), before.shape[1:], after.shape[1:], strict=True
        )
    )
    patch = _numbers(before[place.channel, top:bottom, left:right])
    return Pooling(
        source=node.all_input_nodes[0].name,
        top=top,
        left=left,
        patch=patch,
        is_inside=np.ones(patch.shape, dtype=bool),
        takes_greatest=False,
        result=float(after[place.channel, place.row, place.column]),
    )


def _normalisation(
    norm: nn.BatchNorm2d, channel: int, before: float, result: float
) -> Normalisation:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return Normalisation(
        before=before,
        mean=float(norm.running_mean[channel]),
        deviation=float((norm.running_var[channel] + norm.eps).sqrt()),
        scale=float(norm.weight[channel]),
        shift=float(norm.bias[channel]),
        result=result,
    )


def _numbers(tensor: torch.Tensor) -> Numbers:
    converted: Numbers = tensor.detach().double().cpu().numpy()
    return converted


@dataclass(frozen=True)
class Logit:
    """How the network's answer for one class is computed from what its head is fed.

    Attributes:
        class_id: the class.
        fed: (D,), what the head is fed: for most networks the mean of each of the last maps.
        weights: (D,), the head's for this class.
        bias: likewise.
        others: the logits of all classes, (classes,), for the softmax.
    """

    class_id: int
    fed: Numbers
    weights: Numbers
    bias: float
    others: Numbers

    @property
    def contributions(self) -> Numbers:
        """What each value adds to the logit, (D,)."""
        return self.fed * self.weights

    def strongest(self, count: int) -> tuple[list[int], float]:
        """Return the `count` values that add or take away most, the strongest first, and the others' sum."""
        return _strongest(self.contributions, count)

    @property
    def result(self) -> float:
        """The logit."""
        return float(self.contributions.sum()) + self.bias

    @property
    def probability(self) -> float:
        """Its share: exp(logit) ÷ the sum of exp over all classes."""
        powers = np.exp(self.others - self.others.max())
        return float(powers[self.class_id] / powers.sum())


@torch.no_grad()
def logit(classifier: Classifier, photo: Image.Image, class_id: int) -> Logit:
    """Return how the logit of a class is computed for an RGB photo."""
    picture = photos.prepare(photo, classifier.input_size).to(classifier.device)
    fed = classifier.embed(picture)
    return Logit(
        class_id=class_id,
        fed=_numbers(fed[0]),
        weights=_numbers(classifier.head.weight[class_id]),
        bias=0.0 if classifier.head.bias is None else float(classifier.head.bias[class_id]),
        others=_numbers(classifier.head(fed)[0]),
    )
