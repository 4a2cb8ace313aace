"""Does what is told of a network's inside add up, and how long does it take to tell it?

    python -m benchmarks.maps_computation [--values 200] [--networks lite0 vgg16 ...] [--times]

A row for each network of the catalogue, with random weights where no package brings any, and for
three trained here: only the head, the last blocks, all from scratch. Its numbers are the largest
differences that were found, each as a share of the largest value of the map, or logit:

- one number: for random values all over the network, each of its operations computed again from
  the numbers that are shown for it, against the map (asked: 1e-4);
- fed by: all that feeds a channel and the bias added up, against the mean of its map before the
  activation;
- off: the logits of the network with a channel switched off, against those of a copy in which the
  weights are 0 by which all others read this channel.

With --times the medians of what a click waits for, on this machine, without a browser.
"""

from __future__ import annotations

import argparse
import copy
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import nn

from core.data.datasets import Dataset, from_files
from core.features.ablation import losses, with_gains
from core.features.computation import (
    Activation,
    Convolution,
    Normalisation,
    Operation,
    Pixel,
    Place,
    Pooling,
    Product,
    Sum,
    Switched,
    called,
    computation,
    find_node,
    needed_for,
    path_to,
    values,
)
from core.features.contributions import fed_by, trace_back
from core.images import photos
from core.steps import finish
from core.training.embeddings import EmbeddingCache
from core.training.loop import train
from core.training.settings import Settings, settings_for
from core.zoo import catalogue, loading
from core.zoo.classifier import Classifier
from core.zoo.graph import Layer, measure_layers

CHANNELS = 20
"""So many channels' sources are added up in each network."""
OFF = 6
"""So many channels are switched off in each."""
TIMES = 9
CLASS = 285
LOOKED_AT = ("conv_stem", "blocks.0.0", "blocks.2.1", "blocks.4.2", "blocks.6.0", "conv_head")
"""Layers of Lite0 in which each channel is switched off."""
OWN: Mapping[str, Settings] = {
    "own: head": Settings(epochs=3),
    "own: blocks": settings_for("blocks", epochs=1, blocks=4, batch=4),
    "own: scratch": settings_for("scratch", epochs=1, batch=4),
}


def of_the_catalogue(name: str) -> Classifier:
    """Return a network in its fast form; one that no package brings has random weights."""
    if name in catalogue.BUILT_IN:
        return loading.shared(name)
    network = loading.untrained(name, seed=1)
    norms = loading.fast(network.body)
    layers = measure_layers(network.body, catalogue.entry(name).blocks, network.input_size)
    return network.like(norms=norms, layers=layers)


def own(settings: Settings) -> Classifier:
    """Return a network that has just learned a little."""
    base = loading.shared(catalogue.DEFAULT)
    return finish(train(base, few_photos(), settings, EmbeddingCache())).classifier


def few_photos() -> Dataset:
    """Return cut-outs of two sample photos."""
    files = {}
    for name in ("dalmatian", "cat"):
        picture = photos.read_sample(name)
        crops = [picture.crop((i, i, i + 200, i + 200)) for i in range(0, 60, 10)]
        pngs = [photos.encode_png(photos.to_pixels(photos.to_tensor(crop))) for crop in crops]
        files[name] = [(f"{i}.png", png) for i, png in enumerate(pngs)]
    return from_files(files)


def recomputed(operation: Operation) -> float:
    """Compute an operation again, from the numbers that are shown for it."""
    match operation:
        case Convolution():
            return float((operation.patch * operation.kernel).sum()) + operation.bias
        case Pooling():
            inside = operation.patch[operation.is_inside]
            return float(inside.max() if operation.takes_greatest else inside.mean())
        case Sum():
            return sum(term.value for term in operation.terms)
        case Product():
            return float(np.prod([term.value for term in operation.terms]))
        case Switched():
            return operation.before * operation.factor
        case Normalisation():
            normalised = (operation.before - operation.mean) / operation.deviation
            return normalised * operation.scale + operation.shift
        case Activation():
            function = getattr(nn, operation.name)()
            return float(function(torch.tensor(operation.before)))
        case Pixel():
            return (operation.colour - operation.mean) / operation.deviation


def worst_number(network: Classifier, photo: Image.Image, count: int) -> float:
    """Return the largest difference among the operations of random values."""
    chance = random.Random(0)
    nodes = [node.name for node in network.body.graph.nodes if node.op != "output"]
    maps = values(network, photo, nodes)
    nodes = [node for node in nodes if maps[node].ndim == 3]
    worst = 0.0
    for _ in range(count):
        node = chance.choice(nodes)
        place = Place(node, *(chance.randrange(size) for size in maps[node].shape))
        steps = path_to(find_node(network, node))
        for step, operation in zip(
            steps, computation(network, maps, place).operations, strict=True
        ):
            there = maps[step.name]
            value = float(there[place.channel, place.row, place.column])
            scale = float(there.abs().max()) or 1.0
            worst = max(worst, abs(recomputed(operation) - value) / scale)
    return worst


def worst_sum(network: Classifier, photo: Image.Image) -> float:
    """Return the largest difference among the sums of all that feeds a channel."""
    chance = random.Random(0)
    worst = 0.0
    for _ in range(CHANNELS):
        layer = chance.choice(network.layers)
        found = fed_by(network, photo, layer.node, chance.randrange(layer.channels))
        before = values(network, photo, [found.node])[found.node][found.channel]
        scale = float(before.abs().max()) or 1.0
        worst = max(worst, abs(found.total - float(before.mean())) / scale)
    return worst


def readers(network: Classifier, layer: Layer) -> list[nn.Conv2d]:
    """Return the convolutions that read a layer's maps; none where others do, too."""
    found = []
    for user in find_node(network, layer.node).users:
        module = called(user)
        if not isinstance(module, nn.Conv2d) or module.groups > 1:
            return []
        found.append(module)
    return found


@torch.no_grad()
def worst_without(network: Classifier, photo: Image.Image) -> float:
    """Return the largest difference among the logits without a channel, in two ways."""
    chance = random.Random(0)
    picture = photos.prepare(photo, network.input_size)
    possible = [layer for layer in network.layers if readers(network, layer)]
    worst = 0.0
    for _ in range(OFF):
        layer = chance.choice(possible)
        channel = chance.randrange(layer.channels)
        off = with_gains(network, {layer.name: {channel: 0.0}})(picture)
        other = copy.deepcopy(network)
        for convolution in readers(other, layer):
            convolution.weight[:, channel] = 0
        expected = other.like()(picture)  # computed with these weights, whatever was prepared
        worst = max(worst, float((off - expected).abs().max() / expected.abs().max()))
    return worst


def seconds(work: Callable[[], object]) -> str:
    """Return the median of some runs, and the range, after one that is not counted."""
    taken = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    times = sorted(taken[1:])
    return f"{1000 * statistics.median(times):7.0f} ms   ({1000 * times[0]:.0f}–{1000 * times[-1]:.0f})"


def one_number(network: Classifier, photo: Image.Image, layer: Layer) -> None:
    """Do what a click on a value of a layer does."""
    maps = values(network, photo, needed_for(network, layer.node))
    middle = layer.size // 2
    computation(network, maps, Place(layer.node, layer.channels // 2, middle, middle))


def all_losses(network: Classifier, photo: Image.Image, layer: str) -> None:
    """Switch off each channel of a layer."""
    finish(losses(network, photo, layer, CLASS))


def measured(photo: Image.Image) -> Iterator[tuple[str, str]]:
    """Yield what is done, and how long it takes."""
    for name, asked in (("efficientnet_lite0", "200 ms"), ("vgg16", "800 ms")):
        network = of_the_catalogue(name)
        picture = photos.prepare(photo, network.input_size)
        yield (
            f"{name}: one answer, to compare with",
            seconds(partial(network.probabilities, picture)),
        )
        for layer in (
            network.layers[0],
            network.layers[len(network.layers) // 2],
            network.layers[-1],
        ):
            told = f"{name}: one number of {layer.name} (asked: {asked})"
            yield told, seconds(partial(one_number, network, photo, layer))
    lite0 = of_the_catalogue(catalogue.DEFAULT)
    yield "lite0: trace_back (asked: 3 s)", seconds(partial(trace_back, lite0, photo, CLASS))
    for name in LOOKED_AT:
        asked = " (asked: 2 s)" if name == "blocks.6.0" else ""
        told = f"lite0: losses of the {lite0.layer(name).channels} channels of {name}{asked}"
        yield told, seconds(partial(all_losses, lite0, photo, name))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", type=int, default=200)
    names = [entry.name for entry in catalogue.ENTRIES]
    parser.add_argument("--networks", nargs="*", default=[*names, *OWN])
    parser.add_argument("--times", action="store_true")
    options = parser.parse_args()
    photo = photos.read_sample("cat")
    print(f"{'network':22}{'one number':>12}{'fed by':>12}{'off':>12}", flush=True)
    for name in options.networks:
        network = own(OWN[name]) if name in OWN else of_the_catalogue(catalogue.entry(name).name)
        differences = (
            worst_number(network, photo, options.values),
            worst_sum(network, photo),
            worst_without(network, photo),
        )
        print(f"{name:22}" + "".join(f"{found:12.1e}" for found in differences), flush=True)
    if options.times:
        for told, taken in measured(photo):
            print(f"{told:64}{taken}", flush=True)
        print("load of the machine:", *(f"{load:.1f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
