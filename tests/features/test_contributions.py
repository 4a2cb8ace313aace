"""What a channel is fed by and feeds adds up; the way back from a class goes by what it owes to."""

import pytest
import torch
from PIL import Image

from core.features.ablation import losses, with_gains
from core.features.computation import values
from core.features.contributions import fed_by, feeds, trace_back
from core.features.maps import observe
from core.images import photos
from core.problem import Problem


@pytest.fixture(scope="module")
def cat() -> Image.Image:
    return photos.read_sample("cat")


@pytest.mark.parametrize("layer", ["conv_stem", "blocks.0.0", "blocks.2.1", "conv_head"])
def test_all_that_a_channel_is_fed_adds_up_to_its_map(layer, lite0, cat):
    node = lite0.layer(layer).node
    found = fed_by(lite0, cat, node, 5)
    before = values(lite0, cat, [found.node])[found.node][5]
    scale = float(before.abs().max())
    assert found.total == pytest.approx(float(before.mean()), abs=1e-4 * scale)
    amounts = [abs(c.amount) for c in found.contributions]
    assert amounts == sorted(amounts, reverse=True)


def test_a_residual_connection_brings_its_own_channel(lite0, cat):
    found = fed_by(lite0, cat, lite0.layer("blocks.2.1").node, 5)
    earlier = lite0.layer("blocks.2.0").node
    assert [c.channel for c in found.contributions if c.node == earlier] == [5]


def test_what_a_channel_feeds_is_what_others_are_fed_by_it(lite0, cat):
    node = lite0.layer("blocks.1.0").node
    given = feeds(lite0, cat, node, 3)
    convolution = next(c for c in given if c.node != lite0.layer("blocks.1.1").node)
    told = fed_by(lite0, cat, convolution.node, convolution.channel)
    (same,) = [c for c in told.contributions if (c.node, c.channel) == (node, 3)]
    assert same.amount == pytest.approx(convolution.amount, abs=1e-5)
    skipped = [c for c in given if c.node == lite0.layer("blocks.1.1").node]
    assert [c.channel for c in skipped] == [3]


def test_one_can_follow_what_a_channel_feeds_to_the_head(lite0, cat):
    node, channel, steps = lite0.layer("conv_stem").node, 6, 0
    while given := feeds(lite0, cat, node, channel):
        node, channel, steps = given[0].node, given[0].channel, steps + 1
    assert node == lite0.layers[-1].node
    assert steps > len(lite0.layers)


def test_who_asks_for_what_is_not_there_is_told(lite0, cat):
    with pytest.raises(Problem, match="32 channels"):
        fed_by(lite0, cat, lite0.layer("conv_stem").node, 32)
    with pytest.raises(Problem, match="fed by nothing"):
        fed_by(lite0, cat, "x", 0)
    with pytest.raises(Problem, match="no maps"):
        fed_by(lite0, cat, "global_pool_flatten", 0)


def test_a_pool_is_fed_by_its_own_channel_alone(lite0, cat):
    (only,) = fed_by(lite0, cat, "global_pool_pool", 5).contributions
    maps = values(lite0, cat, [lite0.layers[-1].node])[lite0.layers[-1].node]
    assert only.channel == 5
    assert only.amount == pytest.approx(float(maps[5].mean()), abs=1e-4)


def test_a_trace_follows_the_channels_that_a_class_owes_most_to(lite0, cat):
    observation = observe(lite0, cat)
    knots = trace_back(lite0, cat, observation.predictions[0].class_id)
    last = lite0.layers[-1].name
    evidence = observation.maps[last].evidence
    strongest = sorted(range(len(evidence)), key=lambda channel: -evidence[channel])[:3]
    assert [knot.channel for knot in knots] == strongest
    assert knots[0].amount == pytest.approx(float(evidence[strongest[0]]), rel=1e-3)
    depth, knot = 1, knots[0]
    while knot.before:
        assert len(knot.before) <= 2
        depth, knot = depth + 1, knot.before[0]
    assert depth == 4
    assert knot.layer == lite0.layers[0].name


def test_what_an_earlier_channel_gives_is_how_the_later_one_falls_without_it(lite0, cat):
    """Checked by finite differences: the earlier channel is turned up and down a little."""
    knot = trace_back(lite0, cat, observe(lite0, cat).predictions[0].class_id)[0]
    earlier = knot.before[0]
    picture = photos.prepare(cat, lite0.input_size).requires_grad_()
    seen = lite0.look([knot.layer])(picture)
    (gradient,) = torch.autograd.grad(seen.logits[0].max(), seen.maps[knot.layer])

    def given(factor: float) -> float:
        other = with_gains(lite0, {earlier.layer: {earlier.channel: factor}})
        maps = other.look([knot.layer], answer=False)(picture.detach()).maps[knot.layer]
        return float((gradient * maps)[0, knot.channel].sum())

    slope = (given(1.02) - given(0.98)) / 0.04
    assert slope == pytest.approx(earlier.amount, rel=0.1)


# Switching off


def test_a_channel_that_is_off_is_one_whose_weights_are_zero(lite0, cat):
    import copy

    layer = lite0.layer("blocks.0.0")  # no residual: the convolution alone makes its maps
    without = with_gains(lite0, {layer.name: {3: 0.0, 7: 0.0}})
    zeroed = copy.deepcopy(lite0)
    convolution = next(n for n in zeroed.body.graph.nodes if n.name == layer.node)
    module = zeroed.body.get_submodule(convolution.target)
    module.weight.data[[3, 7]] = 0
    module.bias.data[[3, 7]] = 0
    picture = photos.prepare(cat, lite0.input_size)
    with torch.no_grad():
        ours, theirs, before = without(picture), zeroed.like()(picture), lite0(picture)
    assert torch.allclose(ours, theirs, atol=1e-3)
    assert not torch.allclose(ours, before, atol=1e-2)
    maps = observe(without, cat).maps[layer.name].maps
    assert (maps[[3, 7]] == 0).all()
    assert (maps[4] != 0).any()
    assert (
        without.body.get_submodule("conv_stem").weight
        is lite0.body.get_submodule("conv_stem").weight
    )


def test_a_channel_can_be_turned_up_and_all_at_one_changes_nothing(lite0, cat):
    name = "blocks.2.1"
    before = observe(lite0, cat)
    same = observe(with_gains(lite0, {name: {3: 1.0}}), cat)
    assert same.predictions[0].probability == pytest.approx(before.predictions[0].probability, 1e-3)
    louder = observe(with_gains(lite0, {name: {3: 2.0}}), cat).maps[name].maps[3]
    assert louder == pytest.approx(2 * before.maps[name].maps[3], rel=1e-4, abs=1e-4)


def test_the_loss_of_each_channel_is_that_of_switching_it_off(lite0, cat):
    class_id = observe(lite0, cat).predictions[0].class_id
    name = "blocks.2.0"
    *_, last = losses(lite0, cat, name, class_id)
    found = last.result
    assert sorted(found.without) == list(range(lite0.layer(name).channels))
    for channel in (found.order[0], found.order[-1]):
        off = with_gains(lite0, {name: {channel: 0.0}})
        probability = off.probabilities(photos.prepare(cat, off.input_size))[0, class_id]
        assert found.without[channel] == pytest.approx(float(probability), abs=1e-3)
    assert found.without[found.order[0]] <= found.probability


def test_a_channel_that_is_not_there_is_told(lite0):
    with pytest.raises(Problem, match="24 channels"):
        with_gains(lite0, {"blocks.1.0": {24: 0.0}})
    with pytest.raises(Problem, match="no layer called unicorn"):
        with_gains(lite0, {"unicorn": {1: 0.0}})
