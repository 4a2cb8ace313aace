"""A network as a graph: tracing it, folding its batch norms, measuring and tapping its layers.

Working on the traced graph instead of on hooks has two gains: nothing is ever left behind on a
network that many share, and a tap computes no further than the layer it wants.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import BatchNormAct2d, Conv2dSame, get_same_padding
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn.utils import fuse_conv_bn_weights


@dataclass(frozen=True)
class Layer:
    """One place in a network at which one can look.

    Attributes:
        name: its module path, as in timm and torchvision.
        node: the graph's node whose output it is.
        stage: how many times the picture has been halved before it.
        channels: how many feature maps it gives.
        stride: how many pixels of the photo lie between two neighbouring values.
        receptive_field: side of the square of pixels that one value can depend on, by the
            arithmetic of convolutions (squeeze-and-excitation, which sees all, left aside).
        size: side of its maps in values, for a photo of the network's input size.
        start: where in the photo the middle of the first value's receptive field lies, in pixels
            from the edge; the others follow at the stride's distance.
    """

    name: str
    node: str
    stage: int
    channels: int
    stride: int
    receptive_field: int
    size: int
    start: float = 0.5


@dataclass(frozen=True)
class NormStatistics:
    """What a batch norm saw in training, in the units of its own output.

    Attributes:
        node: the graph's node that gives the normalised values, before the activation.
        mean: of each channel over the training photos, (channels,).
        std: likewise; the absolute value of the norm's own scale.
    """

    node: str
    mean: torch.Tensor
    std: torch.Tensor


_one_at_a_time = threading.Lock()
"""Two tracings at once would put back each other's ways of calling a module."""


class _LeafTracer(fx.Tracer):
    """Keeps layers whole whose Python code cannot be traced: timm's norms and "same" padding.

    While PyTorch traces, it has every call of any module in the process come here. So what other
    threads compute with other networks at that moment is let through.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        childless = next(module.children(), None) is None
        return childless or isinstance(module, BatchNormAct2d)


def trace(network: nn.Module) -> fx.GraphModule:
    """Turn a network into its graph; in-place activations become ordinary ones.

    In-place ones would overwrite the very maps that the app wants to show.
    """
    for module in network.modules():
        if hasattr(module, "inplace"):
            setattr(module, "inplace", False)  # noqa: B010 - not every module declares it
    with _one_at_a_time:
        return fx.GraphModule(network, _LeafTracer().trace(network))


def fold_batch_norms(body: fx.GraphModule) -> tuple[NormStatistics, ...]:
    """Fold every batch norm that follows a convolution into it, and drop identities.

    Exact up to rounding for a network in evaluation mode: a convolution and an affine map per
    channel are one convolution. Changes `body`.

    Returns:
        For each folded norm, in the network's order, the statistics that its scale and shift
        gave its output in training.
    """
    statistics: list[NormStatistics] = []
    for node in list(body.graph.nodes):
        if node.op != "call_module":
            continue
        module = body.get_submodule(node.target)
        source = node.args[0]
        if isinstance(module, nn.BatchNorm2d) and _is_only_use_of_convolution(body, source):
            _fold(body.get_submodule(source.target), module)
            mean, std = module.bias.detach().clone(), module.weight.detach().abs()
            statistics.append(NormStatistics(source.name, mean, std))
            module = module.act if isinstance(module, BatchNormAct2d) else nn.Identity()
            body.set_submodule(node.target, module)
        if isinstance(module, nn.Identity):
            node.replace_all_uses_with(source)
            body.graph.erase_node(node)
    body.recompile()
    body.delete_all_unused_submodules()
    return tuple(statistics)


def _is_only_use_of_convolution(body: fx.GraphModule, node: fx.Node) -> bool:
    return (
        node.op == "call_module"
        and isinstance(body.get_submodule(str(node.target)), nn.Conv2d)
        and len(node.users) == 1
    )


def _fold(convolution: nn.Module, norm: nn.BatchNorm2d) -> None:
    assert isinstance(convolution, nn.Conv2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )


def cut_head(body: fx.GraphModule) -> nn.Linear:
    """Take the last linear layer off, so that `body` gives what this layer was fed.

    Returns:
        The layer. Changes `body`.

    Raises:
        ValueError: the network does not end in a linear layer.
    """
    last = next(node for node in reversed(body.graph.nodes) if node.op == "output").args[0]
    head = body.get_submodule(str(last.target)) if last.op == "call_module" else None
    if not isinstance(head, nn.Linear):
        raise ValueError(f"the network ends in {last.format_node()}, not in a linear layer")
    last.replace_all_uses_with(last.args[0])
    body.graph.erase_node(last)
    body.recompile()
    body.delete_all_unused_submodules()
    return head


def _copied(body: fx.GraphModule) -> tuple[fx.Graph, Any, dict[str, fx.Node]]:
    """Return a copy of a network's graph that has no output yet, what its output is, and its nodes.

    The nodes go by the names of those that they are copies of.
    """
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    output = graph.graph_copy(body.graph, copies)
    return graph, output, {original.name: copy for original, copy in copies.items()}


def tap(body: fx.GraphModule, nodes: Sequence[str]) -> fx.GraphModule:
    """Return a network that shares `body`'s weights and returns the outputs of some of its nodes.

    Args:
        body: a traced network.
        nodes: names of nodes; what lies behind the last of them is not computed.

    Returns:
        A module from (N, 3, H, W) to a dict of tensors by node name.

    Raises:
        KeyError: a name is unknown.
    """
    graph, _, by_name = _copied(body)
    graph.output({name: by_name[name] for name in nodes})
    tapped = fx.GraphModule(body, graph)
    tapped.graph.eliminate_dead_code()
    tapped.recompile()
    return tapped


def rest(body: fx.GraphModule, node: str) -> fx.GraphModule:
    """Return a network that shares `body`'s weights and goes on from the output of one node.

    Args:
        body: a traced network.
        node: the name of a node that everything behind it depends on alone.

    Returns:
        A module from that node's output to the output of `body`.

    Raises:
        KeyError: the name is unknown.
        ValueError: something behind the node also depends on what lies before it.
    """
    graph, output, by_name = _copied(body)
    photo = next(copy for copy in graph.nodes if copy.op == "placeholder")
    with graph.inserting_after(photo):
        maps = graph.placeholder("maps")
    by_name[node].replace_all_uses_with(maps)
    graph.output(output)
    module = fx.GraphModule(body, graph)
    module.graph.eliminate_dead_code()
    photo, _ = module.graph.find_nodes(op="placeholder")
    if photo.users:
        raise ValueError(f"the network does not go through {node} alone")
    module.graph.erase_node(photo)
    module.recompile()
    module.delete_all_unused_submodules()
    return module


class Gain(nn.Module):
    """Multiplies each channel by a number of its own."""

    factors: torch.Tensor

    def __init__(self, factors: torch.Tensor) -> None:
        """Take the numbers, (channels,)."""
        super().__init__()
        self.register_buffer("factors", factors.view(1, -1, 1, 1))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the maps (N, channels, h, w), multiplied."""
        return maps * self.factors


def scaled(
    body: fx.GraphModule, factors: Mapping[str, torch.Tensor]
) -> tuple[fx.GraphModule, dict[str, str]]:
    """Return a network that shares `body`'s weights, with the channels of some nodes multiplied.

    Args:
        body: a traced network; it is not changed.
        factors: by node, what each of its channels is multiplied by, (channels,).

    Returns:
        The network, and by the name of each of these nodes the one that gives the multiplied maps.

    Raises:
        KeyError: a name is unknown.
    """
    graph, output, by_name = _copied(body)
    graph.output(output)
    module = fx.GraphModule(body, graph)
    renamed = {}
    for name, of_channels in factors.items():
        node, place = by_name[name], f"gain_of_{name}"
        module.add_submodule(place, Gain(of_channels))
        readers = list(node.users)
        with graph.inserting_after(node):
            gain = graph.call_module(place, (node,))
        for reader in readers:
            reader.replace_input_with(node, gain)
        renamed[name] = gain.name
    module.recompile()
    return module, renamed


_ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU)


def before_activation(body: fx.GraphModule, node: str) -> str:
    """Return the node that an activation is fed by; any other node is given back.

    Behind a ReLU a channel that is silent gives no gradient; before it, every channel does.
    """
    found = next(n for n in body.graph.nodes if n.name == node)
    if found.op == "call_module" and isinstance(
        body.get_submodule(str(found.target)), _ACTIVATIONS
    ):
        return str(found.all_input_nodes[0].name)
    return node


@dataclass(frozen=True)
class _Geometry:
    """Receptive field, stride and the middle of the first field, in pixels of the photo."""

    field: int = 1
    stride: int = 1
    start: float = 0.5


def measure_layers(body: fx.GraphModule, blocks: str, input_size: int) -> tuple[Layer, ...]:
    """Find the layers of a network and measure them.

    Args:
        body: a traced network.
        blocks: pattern of the module paths that begin a layer; see `catalogue.Entry.blocks`.
        input_size: side of the square photo that sizes are given for.
    """
    geometry = _geometries(body, input_size)
    last_of: dict[str, fx.Node] = {}
    current = ""
    for node in body.graph.nodes:
        if match := re.match(blocks, _module_path(node)):
            current = match.group(0)
        if current and geometry[node] is not None:
            last_of[current] = node
    return tuple(_layer(name, node, geometry[node]) for name, node in last_of.items())


def measure_node(body: fx.GraphModule, name: str, input_size: int) -> Layer:
    """Measure any one node that gives maps, as layers are measured.

    Args:
        body: a traced network.
        name: of the node.
        input_size: side of the square photo that sizes are given for.

    Raises:
        KeyError: there is no such node, or it gives no maps.
    """
    for node, geometry in _geometries(body, input_size).items():
        if node.name == name and geometry is not None:
            return _layer(_module_path(node), node, geometry)
    raise KeyError(name)


def _geometries(body: fx.GraphModule, input_size: int) -> dict[fx.Node, _Geometry | None]:
    """Return the geometry of all nodes; None where nothing is spatial."""
    device = next((p.device for p in body.parameters()), None)
    with torch.no_grad():
        ShapeProp(body).propagate(torch.zeros(1, 3, input_size, input_size, device=device))
    geometry: dict[fx.Node, _Geometry | None] = {}
    for node in body.graph.nodes:
        geometry[node] = _geometry(body, node, geometry)
    return geometry


def _module_path(node: fx.Node) -> str:
    """The module a node calls or, for a function, the one whose code calls it."""
    if node.op == "call_module":
        return str(node.target)
    return next(reversed(node.meta.get("nn_module_stack") or {}), "")


def _layer(name: str, node: fx.Node, geometry: _Geometry | None) -> Layer:
    assert geometry is not None
    _, channels, size, _ = node.meta["tensor_meta"].shape
    return Layer(
        name=name,
        node=node.name,
        stage=round(math.log2(geometry.stride)),
        channels=channels,
        stride=geometry.stride,
        receptive_field=geometry.field,
        size=size,
        start=geometry.start,
    )


def _geometry(
    body: fx.GraphModule, node: fx.Node, known: dict[fx.Node, _Geometry | None]
) -> _Geometry | None:
    """Receptive field of a node from those of its inputs; None once nothing is spatial.

    Where branches meet, the widest counts (Araujo, Norris and Sim, "Computing Receptive Fields
    of Convolutional Neural Networks", Distill 2019).
    """
    if node.op == "placeholder":
        return _Geometry()
    if node.op == "output" or len(getattr(node.meta.get("tensor_meta"), "shape", ())) != 4:
        return None
    inputs = [g for g in (known[source] for source in node.all_input_nodes) if g is not None]
    if not inputs:
        return None
    widest = max(inputs, key=lambda g: g.field)
    module = body.get_submodule(str(node.target)) if node.op == "call_module" else None
    # MobileNetV2 pools by a function; its result is no map any more.
    if isinstance(module, nn.AdaptiveAvgPool2d) or node.target is F.adaptive_avg_pool2d:
        return None
    if not isinstance(module, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
        return widest
    dilation = _first(module.dilation) if not isinstance(module, nn.AvgPool2d) else 1
    reach = dilation * (_first(module.kernel_size) - 1)
    before = _padding_before(module, node.all_input_nodes[0].meta["tensor_meta"].shape[-1])
    return _Geometry(
        field=widest.field + reach * widest.stride,
        stride=widest.stride * _first(module.stride),
        start=widest.start + (reach / 2 - before) * widest.stride,
    )


def _padding_before(module: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d, size: int) -> int:
    """Return how many values a layer puts before the first of `size`; "same" puts more behind."""
    if isinstance(module, Conv2dSame):
        kernel, stride = _first(module.kernel_size), _first(module.stride)
        return get_same_padding(size, kernel, stride, _first(module.dilation)) // 2
    assert not isinstance(module.padding, str)
    return _first(module.padding)


def _first(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]
