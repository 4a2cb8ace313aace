"""Convolutions and the activations behind them, computed and differentiated several at a time.

The same answers bit for bit, and the same slopes up to rounding, a fifth sooner on processors: the
activation is computed inside the convolution, so that a map is written once instead of twice, and
on the way back the slopes that an activation lets through are sorted out in place, since between
the convolutions of a chain nobody else has a use for them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard

import torch
from torch import fx, nn
from torch.autograd.function import once_differentiable

from core.zoo import torch_internals
from core.zoo.same_padding import SameConvolution
from core.zoo.torch_internals import Operators

_ROUNDING = 1e-3
"""How far a chain may be from its layers, as a share of the largest value: what float32 and the
reduced precision of some processors' matrix units come to, and far less than any other slip."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Activation:
    """One that oneDNN computes inside a convolution.

    Attributes:
        name: oneDNN's, "none" for none at all.
        bounds: oneDNN's parameters of it.
        function: PyTorch's.
        derivative: of `Operators`, the one for the slope before it from the slope behind it and
            its output, where that can be told from the output.
        levels: the derivative's parameters.
        of_input: likewise, where what it was fed is needed instead; that is computed by itself
            then, if a gradient is wanted.
    """

    name: str
    bounds: tuple[float, ...] = ()
    function: Callable[[torch.Tensor], torch.Tensor] = nn.functional.relu
    derivative: str = ""
    levels: tuple[float, ...] = ()
    of_input: str = ""


_NONE = _Activation("none")
_ACTIVATIONS: dict[type[nn.Module], _Activation] = {
    nn.ReLU: _Activation("relu", derivative="threshold_backward", levels=(0.0,)),
    nn.ReLU6: _Activation(
        "hardtanh", (0.0, 6.0), derivative="hardtanh_backward", levels=(0.0, 6.0)
    ),
    nn.Hardswish: _Activation(
        "hardswish", function=nn.functional.hardswish, of_input="hardswish_backward"
    ),
    nn.SiLU: _Activation("swish", function=nn.functional.silu, of_input="silu_backward"),
}


def chained(body: fx.GraphModule) -> fx.GraphModule:
    """Return a form of a network that shares its weights and computes the same, sooner.

    A map that anything else has a use for, such as the graph's output, is not lost inside a chain.

    Args:
        body: a traced network; see `graph.tap`.

    Returns:
        Another module; `body` itself where nothing can be gained: it is to be trained, it is not
        on the processor, or this PyTorch's operators are not what they were; see `tried`.
    """
    parameters = list(body.parameters())
    frozen_here = all(p.device.type == "cpu" and not p.requires_grad for p in parameters)
    if not parameters or not frozen_here or (operators := tried_once()) is None:
        return body
    graph = fx.Graph()
    graph.output(graph.graph_copy(body.graph, {}))
    module = fx.GraphModule(body, graph)
    taken: set[fx.Node] = set()
    for node in list(graph.nodes):
        if node not in taken and (nodes := _chain_from(module, node)):
            taken.update(nodes)
            _replace(module, nodes, operators)
    module.recompile()
    module.delete_all_unused_submodules()
    return module


def _chain_from(module: fx.GraphModule, node: fx.Node | None) -> list[fx.Node]:
    """Return the nodes, from this one on, that make up a chain; none where it gains nothing."""
    nodes: list[fx.Node] = []
    while node is not None and _is_plain(_called(module, node)):
        nodes.append(node)
        user = _only_user(node)
        if user is not None and type(_called(module, user)) in _ACTIVATIONS:
            nodes.append(user)
        node = _only_user(nodes[-1])
    return nodes if len(nodes) > 1 else []


def _replace(module: fx.GraphModule, nodes: Sequence[fx.Node], operators: Operators) -> None:
    """Put a chain in the place of the nodes that make it up."""
    links: list[tuple[nn.Conv2d, nn.Module | None]] = []
    for node in nodes:
        called = _called(module, node)
        if _is_plain(called):
            links.append((called, None))
        else:
            links[-1] = (links[-1][0], called)
    name = f"chain_of_{nodes[0].name}"
    module.add_submodule(name, Chain(links, operators))
    with module.graph.inserting_after(nodes[-1]):
        call = module.graph.call_module(name, nodes[0].args)
    nodes[-1].replace_all_uses_with(call)
    for node in reversed(nodes):
        module.graph.erase_node(node)


def _called(module: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return module.get_submodule(str(node.target)) if node.op == "call_module" else None


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _is_plain(module: nn.Module | None) -> TypeGuard[nn.Conv2d]:
    """Whether oneDNN can do a convolution alone: others pad in ways of their own."""
    return type(module) is SameConvolution or (
        type(module) is nn.Conv2d and isinstance(module.padding, tuple)
    )


class _Link:
    """One frozen convolution and the activation behind it."""

    def __init__(
        self, layer: nn.Conv2d, activation: nn.Module | None, operators: Operators
    ) -> None:
        """Take a layer, what follows it, and what both are computed with."""
        self._layer = layer
        self._operators = operators
        self.activation = _NONE if activation is None else _ACTIVATIONS[type(activation)]
        self._is_pointwise = (
            layer.kernel_size == layer.stride == (1, 1)
            and layer.padding == (0, 0)
            and layer.groups == 1
        )

    def _weight_and_padding(self, maps: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """Return both as oneDNN wants them, for what the layer is fed."""
        if isinstance(self._layer, SameConvolution):
            return self._layer.equally_padded(maps)
        return self._layer.weight, self._layer.padding

    def look(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the activated maps, written once."""
        return self._convolve(maps, self.activation)

    def look_and_keep(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the activated maps, and what the activation's derivative is told from."""
        if not self.activation.of_input:
            activated = self.look(maps)
            return activated, activated
        fed = self._convolve(maps, _NONE)
        return self.activation.function(fed), fed

    def _convolve(self, maps: torch.Tensor, activation: _Activation) -> torch.Tensor:
        layer, (weight, padding) = self._layer, self._weight_and_padding(maps)
        convolved: torch.Tensor = self._operators.convolution(
            maps,
            weight,
            layer.bias,
            padding,
            layer.stride,
            layer.dilation,
            layer.groups,
            activation.name,
            activation.bounds,
            "",
        )
        return convolved

    def back(
        self, slope: torch.Tensor, maps: torch.Tensor, kept: torch.Tensor, *, in_place: bool
    ) -> torch.Tensor:
        """Return the gradient with respect to `maps` from the one with respect to the activated maps.

        Args:
            slope: likewise.
            maps: what the convolution was fed.
            kept: from `look_and_keep`.
            in_place: whether `slope` may be overwritten.
        """
        activation = self.activation
        if activation.of_input:
            slope = getattr(self._operators, activation.of_input)(slope, kept)
        elif activation.derivative:
            derivative = getattr(self._operators, activation.derivative)
            if in_place:
                derivative.grad_input(slope, kept, *activation.levels, grad_input=slope)
            else:
                slope = derivative(slope, kept, *activation.levels)
        return self._back_through_layer(slope, maps)

    def _back_through_layer(self, slope: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
        layer = self._layer
        if self._is_pointwise:
            # A product of matrices. PyTorch's own way is slower, of a single picture by far.
            count, channels, height, width = slope.shape
            values = slope.permute(0, 2, 3, 1).reshape(-1, channels) @ layer.weight.flatten(1)
            return values.view(count, height, width, -1).permute(0, 3, 1, 2)
        weight, padding = self._weight_and_padding(maps)
        before: torch.Tensor = self._operators.convolution_backward(
            slope,
            maps,
            weight,
            None,
            layer.stride,
            padding,
            layer.dilation,
            False,
            (0, 0),
            layer.groups,
            (True, False, False),
        )[0]
        return before


class Chain(nn.Module):
    """Convolutions that follow each other, each with or without an activation behind it."""

    def __init__(
        self, layers: Sequence[tuple[nn.Conv2d, nn.Module | None]], operators: Operators
    ) -> None:
        """Take frozen convolutions and, for each, the activation behind it."""
        super().__init__()
        modules = [module for layer in layers for module in layer if module is not None]
        self.one_by_one = nn.Sequential(*modules)
        self.links = [_Link(convolution, after, operators) for convolution, after in layers]

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return what comes out of the last, (N, channels, h, w), for what the first is fed."""
        if maps.dtype is not torch.float32 or torch.is_autocast_enabled("cpu"):
            maps = self.one_by_one(maps)
        elif maps.requires_grad and torch.is_grad_enabled():
            maps = _Derivable.apply(maps, self.links)
        else:
            for link in self.links:
                maps = link.look(maps)
        return maps


class _Derivable(torch.autograd.Function):
    """A chain's maps, with their gradient."""

    @staticmethod
    def forward(ctx: Any, maps: torch.Tensor, links: Sequence[_Link]) -> torch.Tensor:
        """Go through the chain, and keep what the way back needs."""
        ctx.links = links
        tensors = []
        for link in links:
            activated, kept = link.look_and_keep(maps)
            tensors += [maps, kept]
            maps = activated
        ctx.save_for_backward(*tensors)
        return maps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Go back through it; only the first slope belongs to somebody else."""
        tensors = ctx.saved_tensors
        for place, link in reversed(list(enumerate(ctx.links))):
            maps, kept = tensors[2 * place], tensors[2 * place + 1]
            slope = link.back(slope, maps, kept, in_place=place < len(ctx.links) - 1)
        return slope, None


@lru_cache(maxsize=1)
def tried_once() -> Operators | None:
    """Return this PyTorch's operators if they do what they are for, else None, and log why."""
    try:
        operators = torch_internals.operators()
        trouble = tried(operators)
    except AttributeError as missing:
        trouble = str(missing)
    if trouble:
        _log.warning(
            "convolutions are computed layer by layer, which takes a fifth longer",
            extra={"reason": trouble, "pytorch": str(torch.__version__)},
        )
        return None
    return operators


def tried(operators: Operators) -> str:
    """Compare two tiny chains, forward and backward, with the layers that they are made of.

    Returns:
        What is wrong with the operators; empty if nothing is.
    """
    fed = 4 * torch.randn(2, 4, 9, 10, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cpu", enabled=False):
        # An activation at the end of a chain is differentiated otherwise than one inside it.
        for activations in ([nn.ReLU, nn.Hardswish, nn.ReLU6], [nn.ReLU6, nn.SiLU, nn.ReLU]):
            chain = Chain(_tiny_layers(*activations), operators)
            expected = _seen(chain.one_by_one, fed)
            try:
                found = _seen(chain, fed)
            except Exception as error:  # what has changed may fail in any way
                return repr(error)
            for name, values in expected.items():
                if not _is_near(found[name], values):
                    return f"another {name}"
    return ""


def _tiny_layers(
    first: type[nn.Module], second: type[nn.Module], last: type[nn.Module]
) -> list[tuple[nn.Conv2d, nn.Module | None]]:
    """Return a layer of each kind that chains are made of, frozen, with weights from a seed."""
    with torch.device("meta"):  # draws no weights: others' random numbers stay as they are
        layers: list[tuple[nn.Conv2d, nn.Module | None]] = [
            (nn.Conv2d(4, 8, 1), first()),
            (nn.Conv2d(8, 8, 3, padding=1, groups=8), second()),
            (SameConvolution(8, 6, 3, stride=2), None),
            (nn.Conv2d(6, 6, 3, padding=2, dilation=2, bias=False), last()),
        ]
    generator = torch.Generator().manual_seed(0)
    for convolution, _ in layers:
        convolution.to_empty(device="cpu").to(memory_format=torch.channels_last)
        convolution.requires_grad_(False)
        for parameter in convolution.parameters():
            parameter.normal_(std=0.4, generator=generator)
    return layers


def _seen(network: nn.Module, fed: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return a network's answer without and with a gradient, and the gradient itself."""
    with torch.no_grad():
        answer = network(fed)
    fed = fed.clone().requires_grad_()
    derivable = network(fed)
    (slope,) = torch.autograd.grad(derivable.square().sum(), fed)
    return {
        "answer": answer,
        "answer where a gradient is wanted": derivable.detach(),
        "gradient": slope,
    }


def _is_near(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    if ours.shape != theirs.shape:
        return False
    return bool((ours - theirs).abs().max() <= _ROUNDING * theirs.abs().max())
