"""Chains of convolutions: the same numbers and gradients as PyTorch's own, layer by layer."""

from __future__ import annotations

import copy
from dataclasses import fields, replace

import pytest
import torch
from timm.layers import Conv2dSame
from torch import fx, nn

from core.images import photos
from core.zoo import loading, torch_internals
from core.zoo.chains import Chain, chained, tried, tried_once
from core.zoo.graph import tap, trace
from core.zoo.same_padding import replacement
from core.zoo.torch_internals import Operators

ACTIVATIONS = [nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU]


def drawn(*layers: nn.Module) -> fx.GraphModule:
    """Give the frozen graph of layers with weights from a seed, large enough to reach 6."""
    generator = torch.Generator().manual_seed(3)
    network = nn.Sequential(*layers)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.6, generator=generator)
    return trace(network.requires_grad_(False).eval())


def maps(side: int = 12, channels: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(2, channels, side, side, generator=generator)


def answer_and_slope(network: nn.Module, fed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    fed = fed.clone().requires_grad_()
    answer = network(fed)
    (slope,) = torch.autograd.grad(answer.square().sum(), fed)
    return answer.detach(), slope


def apart(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """How far two are apart, in parts of what is wanted.

    Where a sum lies next to a kink, rounding decides on which side: a few slopes may differ.
    """
    return float((found - wanted).norm() / wanted.norm())


def chains(network: nn.Module) -> list[Chain]:
    return [module for module in network.modules() if isinstance(module, Chain)]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("ends_in_one", [True, False])
def test_a_chain_answers_and_derives_as_its_layers_do(activation, ends_in_one):
    last = [activation()] if ends_in_one else []
    body = drawn(
        nn.Conv2d(4, 8, 1),
        activation(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        activation(),
        nn.Conv2d(8, 6, 3, stride=2, bias=False),
        *last,
    )
    ours = chained(body)
    assert len(chains(ours)) == 1
    assert not list(ours.graph.find_nodes(op="call_module", target="0"))
    expected, slope = answer_and_slope(body, maps())
    assert expected.abs().max() >= 6  # so that every branch of the activations was taken
    for found, wanted in zip(answer_and_slope(ours, maps()), (expected, slope), strict=True):
        assert apart(found, wanted) < 1e-4
    with torch.no_grad():
        assert apart(ours(maps()), expected) < 1e-4


@pytest.mark.parametrize("size", [(12, 12), (13, 13), (12, 13), (13, 12)])
def test_a_chain_pads_as_tensorflow_does(size):
    same = Conv2dSame(4, 8, 3, stride=2)
    body = drawn(same, nn.ReLU6(), nn.Conv2d(8, 4, 1))
    ours = chained(drawn(replacement(same), nn.ReLU6(), nn.Conv2d(8, 4, 1)))
    fed = torch.randn(2, 4, *size, generator=torch.Generator().manual_seed(0))
    for found, wanted in zip(answer_and_slope(ours, fed), answer_and_slope(body, fed), strict=True):
        assert apart(found, wanted) < 1e-4


@pytest.mark.parametrize("side", [224, 240, 97])
def test_the_real_network_answers_and_derives_as_layer_by_layer(lite0, dalmatian, side):
    picture = photos.prepare(dalmatian, side)
    noise = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    pictures = torch.cat([picture, picture.flip(-1), noise])

    def layer_by_layer(pictures: torch.Tensor) -> torch.Tensor:
        return lite0.head(lite0.body(lite0.normalise(pictures)))

    expected, expected_slope = answer_and_slope(layer_by_layer, pictures)
    answer, slope = answer_and_slope(lite0, pictures)
    assert apart(answer, expected) < 1e-4
    with torch.no_grad():
        assert apart(lite0(pictures), expected) < 1e-4
    assert apart(slope, expected_slope) < 0.02
    assert len(list(chained(lite0.body).graph.nodes)) < len(list(lite0.body.graph.nodes)) / 2


def test_a_map_that_is_wanted_is_not_lost_inside_a_chain(lite0, dalmatian):
    inside = next(n.name for n in lite0.body.graph.nodes if n.name.endswith("2_1_conv_dw"))
    tapped = tap(lite0.body, [inside])
    picture = lite0.normalise(photos.prepare(dalmatian, lite0.input_size))
    assert apart(chained(tapped)(picture)[inside], tapped(picture)[inside]) < 1e-4


def test_slopes_that_meet_are_not_overwritten():
    class Meeting(nn.Module):
        """Uses one map twice, so that its slope is a sum of two."""

        def __init__(self):
            super().__init__()
            self.first, self.act = nn.Conv2d(4, 4, 1), nn.ReLU()
            self.second, self.after = nn.Conv2d(4, 4, 1), nn.ReLU()

        def forward(self, fed):
            shared = self.act(self.first(fed))
            return self.after(self.second(shared)) + shared

    body = drawn(Meeting())
    expected = answer_and_slope(body, maps())
    for found, wanted in zip(answer_and_slope(chained(body), maps()), expected, strict=True):
        assert apart(found, wanted) < 1e-4


def test_what_is_to_be_trained_keeps_its_layers():
    body = drawn(nn.Conv2d(4, 4, 1), nn.ReLU())
    body.get_submodule("0").requires_grad_(True)
    assert chained(body) is body
    plain = loading.untrained("efficientnet_lite0", 0)
    assert chained(plain.body.requires_grad_(True)) is plain.body


def test_a_body_is_left_as_it_was(lite0):
    before = [node.format_node() for node in lite0.body.graph.nodes]
    state = list(lite0.state_dict())
    ours = chained(lite0.body)
    assert [node.format_node() for node in lite0.body.graph.nodes] == before
    assert list(lite0.state_dict()) == state
    shared = {p.data_ptr() for p in lite0.body.parameters()}
    assert {p.data_ptr() for p in ours.parameters()} == shared


def test_doubles_go_layer_by_layer():
    body = copy.deepcopy(drawn(nn.Conv2d(4, 4, 3), nn.ReLU6(), nn.Conv2d(4, 2, 1))).double()
    fed = maps(4).double().requires_grad_()
    assert torch.autograd.gradcheck(chained(body), fed)


# Operators that are not part of PyTorch's documented interface


def of_another_size(real):
    """Give an operator whose answer is a hundredth larger than it should be, in place or not."""

    class Larger:
        def __call__(self, *arguments):
            given = real(*arguments)
            return (given[0] * 1.01, *given[1:]) if isinstance(given, tuple) else given * 1.01

        def grad_input(self, *arguments, grad_input):
            real.grad_input(*arguments, grad_input=grad_input)
            grad_input.mul_(1.01)

    return Larger()


def raising(real):
    def operator(*_arguments):
        raise NotImplementedError("not for this processor")

    return operator


def with_another_signature(real):
    return lambda maps: real(maps)


def with_one_row_less(real):
    def operator(*arguments):
        given = real(*arguments)
        return given[:, :, 1:] if isinstance(given, torch.Tensor) else (given[0][:, :, 1:],)

    return operator


NAMES = [field.name for field in fields(Operators)]


def test_the_operators_that_are_not_promised_do_what_they_are_for():
    trouble = tried(torch_internals.operators())
    assert trouble == "", (
        f"PyTorch's undocumented operators are not what they were ({trouble}): networks are computed layer by layer, and all that the app does takes a fifth longer. See core/zoo/torch_internals.py."
    )
    assert tried_once() is not None


@pytest.mark.parametrize("change", [of_another_size, raising, with_another_signature])
@pytest.mark.parametrize("name", NAMES)
def test_an_operator_that_differs_is_found_out(name, change):
    operators = torch_internals.operators()
    assert tried(replace(operators, **{name: change(getattr(operators, name))}))


def test_an_answer_of_another_shape_is_found_out():
    operators = torch_internals.operators()
    assert tried(replace(operators, convolution=with_one_row_less(operators.convolution)))


@pytest.fixture
def untried():
    tried_once.cache_clear()
    yield
    tried_once.cache_clear()


@pytest.mark.parametrize("found", ["differs", "is missing"])
def test_where_an_operator_cannot_be_used_networks_go_layer_by_layer(
    untried, monkeypatch, caplog, found
):
    theirs = torch_internals.operators()

    def operators() -> Operators:
        if found == "is missing":
            raise AttributeError("no attribute '_convolution_pointwise'")
        return replace(theirs, convolution=of_another_size(theirs.convolution))

    body = drawn(nn.Conv2d(4, 4, 1), nn.ReLU())
    with monkeypatch.context() as patched:
        patched.setattr(torch_internals, "operators", operators)
        assert chained(body) is body
        assert chained(body) is body
    (told,) = caplog.messages
    assert "layer by layer" in told


def test_trying_leaves_the_random_numbers_of_others_as_they_are(untried):
    before = torch.get_rng_state()
    with torch.inference_mode(), torch.autocast("cpu"):
        assert tried_once() is not None
    assert torch.equal(torch.get_rng_state(), before)
