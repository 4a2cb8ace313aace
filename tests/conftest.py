"""What the tests share: one loaded network for all of them, real photos, a tiny random network.

No test reaches the network or writes outside its temporary folder. Real photographs beyond the
app's own samples are looked for in the folder that `IDEALCAT_TEST_DATA` names.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from core import photos
from core.zoo import loading, weights
from core.zoo.classifier import Classifier, Provenance
from core.zoo.graph import cut_head, measure_layers, trace
from core.zoo.labels import Labels

DATA_VARIABLE = "IDEALCAT_TEST_DATA"


@pytest.fixture(autouse=True)
def torch_home(tmp_path, monkeypatch) -> Path:
    """An empty torch cache: what the machine has downloaded before must not change a test."""
    home = tmp_path / "torch"
    monkeypatch.setenv("TORCH_HOME", str(home))
    monkeypatch.delenv(weights.MIRROR_VARIABLE, raising=False)
    return home


@pytest.fixture(scope="session")
def lite0() -> Classifier:
    """The built-in network in its fast form, as everybody in the app shares it."""
    return loading.shared("efficientnet_lite0")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with real photographs."""
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        pytest.skip(f"{DATA_VARIABLE} does not name a folder with PetImages and hymenoptera_data")
    if not Path(folder).is_dir():
        pytest.skip(f"{DATA_VARIABLE} names {folder}, which is not there")
    return Path(folder)


@pytest.fixture(scope="session")
def dalmatian() -> Image.Image:
    return photos.read_sample("dalmatian")


@pytest.fixture
def make_tiny() -> Callable[..., Classifier]:
    """Wrap a small network that ends in a linear layer, as the zoo wraps the large ones."""

    def wrap(network: nn.Module, *, size: int = 16, blocks: str = r"\d+") -> Classifier:
        body = trace(network.eval())
        body.requires_grad_(False)
        head = cut_head(body)
        classifier = Classifier(
            name="tiny",
            title="Tiny",
            body=body,
            head=head,
            labels=Labels([f"class {i}" for i in range(head.out_features)]),
            input_size=size,
            mean=(0.5, 0.5, 0.5),
            std=(0.25, 0.25, 0.25),
            layers=measure_layers(body, blocks, size),
            provenance=Provenance("tiny", "random", "none"),
        )
        return classifier.eval()

    return wrap


@pytest.fixture
def tiny(make_tiny) -> Classifier:
    """Five classes, 16 pixels, random weights, smooth enough for gradients to mean something."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.Softplus(),
            nn.Conv2d(8, 12, 3, padding=1),
            nn.Softplus(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(12, 5),
        )
    return make_tiny(network)
