"""What goes out comes back in: no zip is larger than what the app takes back."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from dataclasses import replace

import pytest
import safetensors.torch
import torch

from core.data.datasets import Photo
from core.export import bundle
from core.limits import Limits
from core.problem import Problem
from core.training.loop import Evaluation, Training
from core.training.network import frozen_head
from core.training.settings import Settings
from core.zoo import catalogue, loading
from core.zoo.classifier import Classifier
from core.zoo.labels import Labels

PICTURES = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
PHOTOS = (Photo("a.png", 0, b""), Photo("b.png", 1, b""))


def names_in(archive: bytes) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return set(opened.namelist())


def trained(base: Classifier) -> Training:
    """A network with a head that nobody has trained, and some evidence."""
    random = torch.Generator().manual_seed(2)
    head = frozen_head(
        torch.randn(2, base.head.in_features, generator=random),
        torch.randn(2, generator=random),
    )
    answers = Evaluation(0.5, 0.5, torch.tensor([0, 1]), torch.tensor([0.9, 0.9]))
    classifier = base.with_head(
        head, name="own", title="a · b", labels=Labels(["a", "b"]), accuracy=0.5
    )
    return Training(
        classifier=classifier,
        epoch=1,
        evaluation=answers,
        train=PHOTOS,
        validation=PHOTOS,
        skipped=(),
        settings=Settings(),
    )


@pytest.fixture(scope="module")
def tuned(lite0) -> Training:
    """As `trained`, on a body in which the last convolution has changed a little."""
    body = copy.deepcopy(lite0.body)
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        last = [module for module in body.modules() if isinstance(module, torch.nn.Conv2d)][-1]
        last.weight += 0.01 * torch.randn(last.weight.shape, generator=random)
    origin = replace(lite0.provenance, weights="tuned here", body="tuned-1")
    return trained(lite0.with_body(body, norms=lite0.norms, origin=origin))


def test_a_head_on_vgg_goes_out_in_what_comes_back(monkeypatch):
    for draw in ("kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_"):
        # Its numbers do not matter, and drawing 138 million of them takes seconds.
        monkeypatch.setattr(torch.nn.init, draw, lambda tensor, *_, **__: tensor)
    vgg = loading.untrained("vgg16", 0)
    vgg = vgg.like(provenance=replace(vgg.provenance, body=""))  # as if it were the catalogue's
    mine = trained(vgg)
    assert not bundle.holds_onnx(mine.classifier)
    archive = bundle.write(mine)
    assert len(archive) <= Limits().zip_mb * 10**6
    assert names_in(archive) == {
        *("head.safetensors", "classifier.json", "labels.txt", "MODEL_CARD.md"),
    }
    back = bundle.read(archive, "mine.zip", lambda name: {"vgg16": vgg}[name])
    assert torch.equal(back.head.weight, mine.classifier.head.weight)
    assert back.body is vgg.body


@pytest.mark.parametrize("entry", catalogue.ENTRIES, ids=lambda entry: entry.name)
def test_rounded_differences_of_every_network_fit(entry):
    assert 1.02 * entry.parameters + 1e6 < Limits().zip_mb * 10**6


def test_what_fits_goes_out_whole(lite0):
    assert bundle.holds_onnx(trained(lite0).classifier)
    assert not bundle.holds_onnx(trained(lite0).classifier, most_bytes=10_000_000)


def test_a_tuned_body_too_large_to_come_back_is_told_by_its_differences(lite0, tuned):
    archive = bundle.write(tuned, most_bytes=5_000_000)
    assert len(archive) <= 5_000_000
    assert "change.safetensors" in names_in(archive)
    assert "body.safetensors" not in names_in(archive)
    back = bundle.read(archive, "mine.zip")
    with torch.no_grad():
        wanted, known, found = (
            network.body(network.normalise(PICTURES)) for network in (tuned.classifier, lite0, back)
        )
    assert (found - wanted).norm() < 0.02 * (known - wanted).norm()
    assert back.provenance.body.startswith("tuned-")
    assert back.provenance.body != tuned.classifier.provenance.body  # known by its own weights


def test_the_card_tells_what_is_in_the_zip(tuned):
    archive = bundle.write(tuned, most_bytes=5_000_000)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        card = opened.read("MODEL_CARD.md").decode()
    assert "rounded to 8 bits" in card
    assert "predict.py" not in card


def test_what_would_not_come_back_at_all_is_not_offered(tuned):
    with pytest.raises(Problem, match="not offered"):
        bundle.write(tuned, most_bytes=100_000)


def differences(change: dict[str, torch.Tensor]) -> dict[str, bytes]:
    return {"change.safetensors": safetensors.torch.save(change)}


STEPS, SCALE = "conv_stem.weight", "conv_stem.weight.scale"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"unicorn": torch.zeros(1, dtype=torch.int8)}, id="no such tensor"),
        pytest.param({STEPS: torch.zeros(32, 3, 3, 3, dtype=torch.int8)}, id="no scale"),
        pytest.param({STEPS: torch.zeros(32, 3, 3, 3), SCALE: torch.ones(32, 1)}, id="not 8 bits"),
        pytest.param(
            {STEPS: torch.zeros(32, dtype=torch.int8), SCALE: torch.ones(32, 1)}, id="shape"
        ),
        pytest.param(
            {
                STEPS: torch.ones(32, 3, 3, 3, dtype=torch.int8),
                SCALE: torch.full((32, 1), torch.inf),
            },
            id="endless",
        ),
        pytest.param({STEPS: torch.zeros(9_000_000, dtype=torch.int8)}, id="far too large"),
    ],
)
def test_damaged_differences_are_refused(tuned, wrong):
    files = {**bundle.essentials(tuned, is_rounded=True), **differences(wrong)}
    with pytest.raises(Problem, match=r"change\.safetensors cannot be used"):
        bundle.assemble(lambda name, most: _limited(files[name], most), "mine.zip")


def _limited(content: bytes, most: int) -> bytes:
    assert len(content) <= most, "too many bytes"
    return content


def test_differences_from_other_weights_are_refused(tuned):
    files = bundle.essentials(tuned, is_rounded=True)
    card = {**json.loads(files["classifier.json"]), "backbone": "other-01234567.pth"}
    files["classifier.json"] = json.dumps(card).encode()
    with pytest.raises(Problem, match="cannot be used"):
        bundle.assemble(lambda name, most: files[name], "mine.zip")
