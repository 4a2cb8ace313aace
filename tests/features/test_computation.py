"""One number of a map: patch × kernel, bias and activation add up to what the network computed."""

import random
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from core.features.computation import (
    Activation,
    Convolution,
    Pixel,
    Place,
    Pooling,
    Product,
    Sum,
    computation,
    logit,
    needed_for,
    values,
)
from core.images import photos
from core.problem import Problem
from core.zoo import catalogue, loading
from core.zoo.classifier import Classifier
from core.zoo.graph import measure_layers

NETWORKS = ["efficientnet_lite0", "resnet18", "mobilenet_v3_large"]
"""Together they have every kind of layer; `benchmarks/maps_computation.py` has all networks."""


@pytest.fixture(scope="module")
def cat() -> Image.Image:
    return photos.read_sample("cat")


def of_the_zoo(name: str, lite0: Classifier) -> Classifier:
    """A network in its fast form; one that no package brings has random weights."""
    if name == lite0.name:
        return lite0
    if name in catalogue.BUILT_IN:
        return loading.shared(name)
    network = loading.untrained(name, seed=1)
    norms = loading.fast(network.body)
    layers = measure_layers(network.body, catalogue.entry(name).blocks, network.input_size)
    return network.like(norms=norms, layers=layers)


def places_of(maps: Mapping[str, torch.Tensor], count: int) -> list[Place]:
    """Random places in the network, inside its layers, too."""
    drawn = random.Random(0)
    nodes = [node for node, values in maps.items() if values.ndim == 3]
    chosen = []
    for _ in range(count):
        node = drawn.choice(nodes)
        chosen.append(Place(node, *(drawn.randrange(size) for size in maps[node].shape)))
    return chosen


def recomputed(operation) -> float:
    """The result of an operation, from the numbers that are shown for it."""
    if isinstance(operation, Convolution):
        return float((operation.patch * operation.kernel).sum()) + operation.bias
    if isinstance(operation, Pooling):
        inside = operation.patch[operation.is_inside]
        return float(inside.max() if operation.takes_greatest else inside.mean())
    if isinstance(operation, Sum):
        return sum(term.value for term in operation.terms)
    if isinstance(operation, Product):
        return float(np.prod([term.value for term in operation.terms]))
    if isinstance(operation, Activation):
        function = getattr(torch.nn, operation.name)()
        return float(function(torch.tensor(operation.before)))
    assert isinstance(operation, Pixel)
    return (operation.colour - operation.mean) / operation.deviation


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_shown_adds_up_to_the_number_on_the_map(name, lite0, cat):
    classifier = of_the_zoo(name, lite0)
    nodes = [node.name for node in classifier.body.graph.nodes if node.op != "output"]
    maps = values(classifier, cat, nodes)
    for place in places_of(maps, 200):
        found = computation(classifier, maps, place)
        room = 1e-4 * float(maps[place.node].abs().max())
        value = float(maps[place.node][place.channel, place.row, place.column])
        assert found.result == pytest.approx(value, abs=room)
        for before, after in pairwise(found.operations):
            fed = [after.before] if hasattr(after, "before") else [t.value for t in after.terms]
            assert min(abs(number - before.result) for number in fed) < room
        for operation in found.operations:
            assert recomputed(operation) == pytest.approx(operation.result, abs=room, rel=1e-4)


def test_a_patch_at_the_edge_shows_the_padding(lite0, cat):
    stem = lite0.body.graph.find_nodes(op="call_module", target="conv_stem")[0].name
    maps = values(lite0, cat, needed_for(lite0, stem))
    _, height, width = maps[stem].shape
    (corner,) = computation(lite0, maps, Place(stem, 0, height - 1, width - 1)).operations
    # "Same" padding of an even photo at stride 2 is at its end alone.
    assert corner.is_inside.tolist() == [[True, True, False]] * 2 + [[False] * 3]
    assert (corner.top, corner.left) == (222, 222)
    assert (corner.patch[:, ~corner.is_inside] == 0).all()
    (middle,) = computation(lite0, maps, Place(stem, 0, 10, 20)).operations
    photo = maps["x"][:, 20:23, 40:43].numpy()
    assert (middle.top, middle.left) == (20, 40)
    assert np.allclose(middle.patch, photo, atol=1e-6)


def test_the_strongest_channels_and_the_rest_are_the_whole_sum(lite0, cat):
    node = lite0.layer("blocks.6.0").node
    maps = values(lite0, cat, needed_for(lite0, node))
    (projection,) = computation(lite0, maps, Place(node, 5, 3, 3)).operations
    assert projection.patch.shape == (1152, 1, 1)
    shown, rest = projection.strongest(10)
    assert len(shown) == 10
    told = sum(projection.contributions[shown]) + rest + projection.bias
    assert told == pytest.approx(projection.result)
    assert (
        abs(projection.contributions[shown[-1]]) >= np.sort(np.abs(projection.contributions))[-11]
    )


def test_a_residual_sum_and_a_depthwise_convolution_are_told(lite0, cat):
    node = lite0.layer("blocks.2.1").node
    maps = values(lite0, cat, needed_for(lite0, node))
    projection, added = computation(lite0, maps, Place(node, 2, 4, 4)).operations
    assert isinstance(projection, Convolution)
    assert isinstance(added, Sum)
    assert {term.source for term in added.terms} >= {lite0.layer("blocks.2.0").node}
    inner = projection.source  # activated, behind the depthwise convolution
    maps = values(lite0, cat, needed_for(lite0, inner))
    depthwise, activation = computation(lite0, maps, Place(inner, 7, 4, 4)).operations
    assert depthwise.channels == range(7, 8)
    assert depthwise.has_folded_norm
    assert activation.name == "ReLU6"


def test_a_place_that_is_not_there_is_refused(lite0, cat):
    with pytest.raises(Problem, match="no place called unicorn"):
        needed_for(lite0, "unicorn")
    node = lite0.layer("conv_stem").node
    maps = values(lite0, cat, needed_for(lite0, node))
    for place in (Place(node, 32, 0, 0), Place(node, 0, -1, 0), Place(node, 0, 0, 112)):
        with pytest.raises(Problem, match="32 channels of 112×112"):
            computation(lite0, maps, place)


def test_the_logit_is_the_sum_over_what_the_head_is_fed(lite0, cat):
    class_id = 285
    found = logit(lite0, cat, class_id)
    picture = photos.prepare(cat, lite0.input_size)
    with torch.no_grad():
        logits = lite0(picture)[0]
    assert found.result == pytest.approx(float(logits[class_id]), abs=1e-3)
    assert found.probability == pytest.approx(float(logits.softmax(0)[class_id]), abs=1e-4)
