"""Taking a network home and bringing it back: what is in the zip, and what a stranger's zip cannot do."""

from __future__ import annotations

import copy
import io
import json
import pickle
import random
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import nn

from core.data.datasets import Dataset, from_files
from core.export import bundle, onnx_form, store
from core.export.model_card import model_card
from core.export.wording import Wording
from core.images import photos
from core.problem import Problem
from core.steps import finish
from core.training.embeddings import EmbeddingCache
from core.training.loop import Training, train
from core.training.network import fingerprint
from core.training.settings import SETTINGS, Settings, settings_for
from core.zoo import predictions
from core.zoo.classifier import Classifier
from core.zoo.labels import Labels
from core.zoo.weights import WeightsMissing
from tests.helpers.hostile import declared

FILES = {
    *("network.onnx", "labels.txt", "MODEL_CARD.md", "predict.py"),
    *("head.safetensors", "classifier.json"),
}


def noise(seed: int, channel: int) -> bytes:
    """A noisy picture with more of one colour."""
    pixels = np.random.default_rng(seed).integers(0, 100, (20, 20, 3))
    pixels[..., channel] += 150
    return photos.encode_png(pixels.astype(np.uint8))


def colours(first: str = "red", second: str = "blue") -> Dataset:
    return from_files(
        {
            first: [(f"r{i}.png", noise(i, 0)) for i in range(8)],
            second: [(f"b{i}.png", noise(100 + i, 2)) for i in range(8)],
        }
    )


def trained_on(base: Classifier, dataset: Dataset) -> Training:
    return finish(train(base, dataset, Settings(epochs=5), EmbeddingCache()))


def opened(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        return {name: files.read(name) for name in files.namelist()}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def training(lite0) -> Training:
    """A network that tells red from blue."""
    return trained_on(lite0, colours())


@pytest.fixture(scope="module")
def before(training) -> str:
    """What the weights are before anything is written."""
    return fingerprint(training.classifier.body)


@pytest.fixture(scope="module")
def archive(before, training) -> bytes:
    return bundle.write(training, {"Data": "red | blue"})


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.rand(3, 3, 224, 224, generator=torch.Generator().manual_seed(1))


# What is in the zip


def test_the_network_comes_back_as_it_was(training, archive, pictures):
    back = bundle.read(archive, "mine.zip")
    assert torch.equal(back(pictures), training.classifier(pictures))
    assert back.labels[:] == training.classifier.labels[:]
    assert back.title == training.classifier.title
    assert back.provenance == training.classifier.provenance
    assert back.body is training.classifier.body  # shared, not another copy


def test_the_zip_holds_what_it_promises(archive):
    files = opened(archive)
    assert set(files) == FILES
    assert files["labels.txt"].decode() == "blue\nred\n"
    assert set(safetensors.torch.load(files["head.safetensors"])) == {"weight", "bias"}


@pytest.mark.parametrize("count", [1, 3])
def test_onnxruntime_finds_pytorchs_logits(training, archive, pictures, count):
    session = onnxruntime.InferenceSession(opened(archive)["network.onnx"])
    (found,) = session.run(["logits"], {"pictures": pictures[:count].numpy()})
    assert np.abs(found - training.classifier(pictures[:count]).numpy()).max() < 1e-3


def test_a_second_head_on_the_same_body_is_put_on_what_was_exported(
    training, archive, pictures, monkeypatch
):
    def export(_):
        raise AssertionError("the exporter takes seconds")

    monkeypatch.setattr(onnx_form, "_export", export)
    head = nn.Linear(training.classifier.head.in_features, 5)
    labels = Labels(tuple("abcde"))
    other = training.classifier.with_head(head, name="own", title="", labels=labels, accuracy=None)
    session = onnxruntime.InferenceSession(onnx_form.onnx_form(other, pictures))
    assert session.get_outputs()[0].shape == ["N", 5]
    (found,) = session.run(["logits"], {"pictures": pictures.numpy()})
    assert np.abs(found - other(pictures).detach().numpy()).max() < 1e-3


def test_the_zip_tells_nothing_of_the_machine_it_was_made_on(archive):
    everything = b"".join(opened(archive).values())
    assert str(Path(__file__).parents[2]).encode() not in everything
    assert b"classifier.py" not in everything


def test_the_model_card_tells_scores_origin_and_limits(training, archive):
    card = opened(archive)["MODEL_CARD.md"].decode()
    low, high = training.interval
    assert f"**{training.accuracy:.1%}** of {training.n_val} right" in card
    assert f"{low:.1%} to {high:.1%}" in card
    assert f"| Photos learned from | {training.n_train} |" in card
    assert r"| Data | red \| blue |" in card
    assert "| red | 4 | 4 | 4 |" in card
    assert "| Based on | ImageNet, efficientnet-lite0-57934424.pth |" in card
    assert "| Licence of these | Apache-2.0 |" in card
    assert "| head: epochs | 5 |" in card
    assert "It must call everything one of its classes" in card


def test_what_is_taken_home_is_written_in_the_language_of_who_takes_it(training):
    """A language of capital letters, with decimal commas; names stay as they are."""

    def loudly(text: str) -> str:
        parts = re.split(r"(\{\w+\})", text)
        return "".join(part if part.startswith("{") else part.upper() for part in parts)

    loud = Wording(say=loudly, percent=lambda share: f"{100 * share:.1f}%".replace(".", ","))
    files = opened(bundle.write(training, {}, wording=loud))
    card = files["MODEL_CARD.md"].decode()
    assert "## DATA AND SETTINGS" in card
    assert f"**{100 * training.accuracy:.1f}%**".replace(".", ",") in card
    names = re.findall(r"^\| (?:HEAD|BLOCKS): (.+?) \|", card, re.MULTILINE)
    assert set(names) <= {
        setting.name.upper() for setting in SETTINGS.values()
    }  # each can be translated
    assert "| red | 4 | 4 | 4 |" in card
    assert "IT MUST CALL EVERYTHING ONE OF ITS CLASSES" in card
    script = files["predict.py"].decode()
    assert script.startswith('"""SAY WHAT THE NETWORK IN THIS FOLDER SEES')
    compile(script, "predict.py", "exec")


@pytest.fixture(scope="module")
def unpacked(archive, tmp_path_factory) -> Path:
    """The zip at home: unpacked into a folder with a space and an accent in its name."""
    folder = tmp_path_factory.mktemp("at home") / "maçã"
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        files.extractall(folder)
    return folder


def test_predict_runs_at_home_and_agrees_with_the_app(training, unpacked, dalmatian, tmp_path):
    wide, turned, clear = tmp_path / "wide.jpg", tmp_path / "turned.jpg", tmp_path / "clear.png"
    dalmatian.resize((1700, 900)).save(wide)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90°
    dalmatian.crop((0, 0, 220, 160)).save(turned, exif=exif)
    see_through = dalmatian.convert("RGBA")
    see_through.putalpha(128)
    see_through.save(clear)
    files = [str(wide), str(turned), str(clear)]
    done = subprocess.run(
        [sys.executable, str(unpacked / "predict.py"), *files],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[::3] == files
    for i, file in enumerate(files):
        photo = photos.decode(Path(file).read_bytes(), file)
        for line, expected in zip(
            lines[3 * i + 1 :], predictions.top(training.classifier, photo), strict=False
        ):
            share, label = line.split()
            assert label == expected.class_name
            assert float(share.rstrip("%")) / 100 == pytest.approx(expected.probability, abs=2e-3)


def test_predict_goes_on_past_what_it_cannot_read(unpacked, dalmatian, tmp_path):
    dalmatian.save(tmp_path / "猫 1.jpg")
    dalmatian.save(tmp_path / "猫 2.jpg")
    (tmp_path / "note.txt").write_text("no photo")
    done = subprocess.run(
        [sys.executable, str(unpacked / "predict.py"), "note.txt", "gone.jpg", "*.jpg"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "cp1252"},  # as Windows has it
    )
    assert done.returncode == 2
    assert done.stdout.splitlines()[::3] == ["猫 1.jpg", "猫 2.jpg"]
    errors = done.stderr.splitlines()
    assert [line.split(" cannot be read: ")[0] for line in errors] == ["note.txt", "gone.jpg"]
    assert all(" cannot be read: " in line for line in errors)


def test_predict_is_short_enough_to_be_read():
    script = Path(bundle.__file__).with_name("predict.py").read_text("utf-8")
    assert len(script.splitlines()) <= 170


def test_class_names_of_any_kind_make_a_zip_that_can_be_read(tiny):
    result = trained_on(tiny, colours("a/b | <b>*c*</b>", "🐈\u2028\nmiau"))
    files = opened(bundle.write(result))
    assert files["labels.txt"].decode("utf-8").splitlines() == ["a/b | <b>*c*</b>", "🐈 miau"]
    assert r"| a/b \| \<b\>\*c\*\</b\> |" in files["MODEL_CARD.md"].decode()


def test_an_onnx_form_that_differs_is_not_offered(tiny, monkeypatch):
    monkeypatch.setattr(onnx_form, "TOLERANCE", -1.0)
    with pytest.raises(Problem, match=r"answers differently by .* so it is not offered"):
        onnx_form.onnx_form(tiny, torch.rand(2, 3, 16, 16))


class _Bessel(nn.Module):
    """Something that ONNX has no word for."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(x)


def test_a_network_that_cannot_be_written_as_onnx_is_told(make_tiny, capfd):
    network = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), _Bessel(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(4, 2),
    )
    with pytest.raises(Problem, match="cannot be written as ONNX"):
        onnx_form.onnx_form(make_tiny(network), torch.rand(2, 3, 16, 16))
    assert capfd.readouterr() == ("", "")


def test_writing_leaves_the_shared_network_as_it_was(training, before, archive, pictures):
    assert fingerprint(training.classifier.body) == before
    assert training.classifier(pictures).isfinite().all()


# A body of its own


@pytest.fixture(scope="module")
def tuned(lite0) -> Training:
    """A network whose last block was trained too."""
    settings = settings_for("blocks", blocks=1, epochs=1, head_epochs=5, augmentation=False)
    return finish(train(lite0, colours(), settings, EmbeddingCache()))


@pytest.fixture(scope="module")
def tuned_files(tuned) -> dict[str, bytes]:
    return bundle.essentials(tuned)


def test_a_tuned_body_comes_back_as_it_was(tuned, tuned_files, training, pictures):
    shared = fingerprint(training.classifier.body)
    back = bundle.read(zipped(tuned_files), "mine.zip")
    assert fingerprint(back.body) == fingerprint(tuned.classifier.body) != shared
    assert torch.allclose(back(pictures), tuned.classifier(pictures), atol=1e-3)
    for mine, its in zip(tuned.classifier.norms, back.norms, strict=True):
        assert torch.equal(mine.mean, its.mean)
        assert torch.equal(mine.std, its.std)
    assert back.provenance == tuned.classifier.provenance
    assert fingerprint(training.classifier.body) == shared


def test_a_tuned_body_is_known_by_its_weights_and_not_by_what_the_zip_says(tuned, tuned_files):
    card = json.loads(tuned_files[bundle.CARD_FILE])
    made_up = {bundle.CARD_FILE: json.dumps({**card, "body": ""}).encode()}
    back = bundle.read(zipped({**tuned_files, **made_up}), "mine.zip")
    assert back.provenance.body == tuned.classifier.provenance.body


def test_a_tuned_network_survives_its_folder(tuned, tmp_path, pictures):
    store.save(tuned, tmp_path / "mine")
    back = store.load(tmp_path / "mine")
    assert fingerprint(back.body) == fingerprint(tuned.classifier.body)
    assert torch.allclose(back(pictures), tuned.classifier(pictures), atol=1e-3)


def test_the_card_of_a_tuned_network_tells_what_was_tuned(tuned):
    card = model_card(tuned, {})
    assert "| What learned | the last blocks, with the last layer |" in card
    assert "| blocks: number of blocks | 1 |" in card
    assert "last blocks fine-tuned here on EfficientNet-Lite0" in card


def test_a_body_of_another_structure_is_not_saved(tuned):
    odd = copy.deepcopy(tuned.classifier)
    odd.body.register_buffer("extra", torch.zeros(1))
    with pytest.raises(ValueError, match="other names"):
        bundle.essentials(replace(tuned, classifier=odd))


def _without_body(files: dict[str, bytes]) -> None:
    del files[bundle.BODY_FILE]


def _with_tensor(change: Callable[[torch.Tensor], torch.Tensor]):
    def damage(files: dict[str, bytes]) -> None:
        tensors = safetensors.torch.load(files[bundle.BODY_FILE])
        tensors["conv_stem.weight"] = change(tensors["conv_stem.weight"])
        files[bundle.BODY_FILE] = safetensors.torch.save(tensors)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(_without_body, id="no body"),
        pytest.param(_with_tensor(lambda t: t[:1].clone()), id="wrong shape"),
        pytest.param(_with_tensor(lambda t: t.half()), id="half precision"),
        pytest.param(_with_tensor(lambda t: t * torch.inf), id="infinite"),
        pytest.param(_with_tensor(lambda t: torch.zeros(9_000_000)), id="far too large"),
    ],
)
def test_a_damaged_body_is_refused(tuned_files, damage):
    files = dict(tuned_files)
    damage(files)
    with pytest.raises(Problem, match=r"its body\.safetensors cannot be used"):
        bundle.read(zipped(files, zipfile.ZIP_STORED), "mine.zip")


# Zips from strangers


@pytest.fixture(scope="module")
def good(training) -> dict[str, bytes]:
    return bundle.essentials(training)


def refused(archive: bytes) -> str:
    """The sentence with which a zip is refused."""
    with pytest.raises(Problem) as problem:
        bundle.read(archive, "x.zip")
    said = str(problem.value)
    assert "x.zip" in said
    assert len(said) < 400
    return said


def head(weight: torch.Tensor, bias: torch.Tensor | None = None, **more: torch.Tensor):
    bias = torch.zeros(2) if bias is None else bias
    content = safetensors.torch.save({"weight": weight, "bias": bias, **more})
    return {bundle.HEAD_FILE: content}


def test_the_files_that_the_damage_is_done_to_are_good_ones(good, training, pictures):
    assert torch.equal(bundle.read(zipped(good), "x.zip")(pictures), training.classifier(pictures))


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"GIF89a and so on", id="no zip"),
        pytest.param(zipped({}), id="empty zip"),
        pytest.param(zipped({"cat/1.jpg": b"meow"}), id="photos"),
        pytest.param(zipped({f"{i}.txt": b"" for i in range(101)}), id="too many files"),
        pytest.param(zipped({"classifier.json": b"{}"}), id="another program's card"),
        pytest.param(zipped({"classifier.json": b"[1]"}), id="a list"),
        pytest.param(zipped({"a/classifier.json": b"{}", "b/classifier.json": b"{}"}), id="two"),
        pytest.param(zipped({"a/b/c/classifier.json": b"{}"}), id="deep"),
        pytest.param(zipped({"../../classifier.json": b"{}"}), id="climbing"),
    ],
)
def test_what_is_no_network_from_here_is_called_so(archive):
    assert "does not hold a network that was trained here" in refused(archive)


def test_a_cut_off_zip_is_refused(archive):
    refused(archive[: len(archive) // 2])


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(head(torch.zeros(2, 7)), id="too narrow"),
        pytest.param(head(torch.zeros(3, 1280), torch.zeros(3)), id="too many classes"),
        pytest.param(head(torch.zeros(1280)), id="flat"),
        pytest.param(head(torch.zeros(2, 1280), torch.zeros(3)), id="bias too long"),
        pytest.param(head(torch.zeros(2, 1280).double()), id="double precision"),
        pytest.param(head(torch.full((2, 1280), torch.nan)), id="not a number"),
        pytest.param(head(torch.zeros(2, 1280), torch.tensor([0, torch.inf])), id="infinite"),
        pytest.param(head(torch.zeros(2, 1280), extra=torch.zeros(1)), id="one tensor more"),
        pytest.param({bundle.HEAD_FILE: b""}, id="empty"),
        pytest.param({bundle.HEAD_FILE: struct.pack("<Q", 2**60) + b"{}"}, id="endless header"),
        pytest.param({bundle.HEAD_FILE: bytes(50_000_000)}, id="bomb"),
    ],
)
def test_a_damaged_head_is_refused(good, wrong):
    assert "its head.safetensors cannot be used" in refused(zipped({**good, **wrong}))


def test_a_zip_without_a_head_is_refused(good):
    assert "its head.safetensors" in refused(zipped({bundle.CARD_FILE: good[bundle.CARD_FILE]}))


class _Malice:
    """Unpickles into a file, which shows that code was run."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("dump", [pickle.dumps, lambda value: _torch_saved(value)])
def test_a_pickle_posing_as_weights_runs_nothing(good, tmp_path, dump):
    marker = tmp_path / "code was run"
    said = refused(zipped({**good, bundle.HEAD_FILE: dump(_Malice(marker))}))
    assert "its head.safetensors cannot be used" in said
    assert not marker.exists()


def _torch_saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"labels": [f"class {i}" for i in range(10_000)]}, id="10,000 labels"),
        pytest.param({"labels": ["x" * 300_000, "y"]}, id="endless label"),
        pytest.param({"labels": []}, id="no labels"),
        pytest.param({"labels": ["red", "red"]}, id="labels alike"),
        pytest.param({"labels": ["red", " \n"]}, id="a label of nothing"),
        pytest.param({"labels": ["red", 5]}, id="a number as a label"),
        pytest.param({"labels": ["red", "\ud83d"]}, id="half a character"),
        pytest.param({"labels": {"red": 1, "blue": 2}}, id="labels by name"),
        pytest.param({"title": ["red"]}, id="a list as a title"),
        pytest.param({"val_accuracy": "high"}, id="accuracy in words"),
        pytest.param({"val_accuracy": 1.5}, id="accuracy above 1"),
        pytest.param({"val_accuracy": float("nan")}, id="accuracy not a number"),
        pytest.param({"val_accuracy": True}, id="accuracy true"),
        pytest.param({"format": "new"}, id="format in words"),
        pytest.param({"format": 0}, id="format 0"),
    ],
)
def test_a_card_with_anything_wrong_is_refused(good, changes):
    card = {**json.loads(good[bundle.CARD_FILE]), **changes}
    said = refused(zipped({**good, bundle.CARD_FILE: json.dumps(card).encode()}))
    assert "its classifier.json cannot be used" in said


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff\xfe", b"[" * 150_000, b" " * 5_000_000, b'{"a": ' + b"9" * 100_000 + b"}"],
    ids=["cut off", "no text", "nested", "bomb", "endless number"],
)
def test_a_card_that_cannot_be_parsed_is_refused(good, content):
    refused(zipped({**good, bundle.CARD_FILE: content}))


def test_long_and_odd_names_are_cut_to_what_can_be_shown(good):
    card = {**json.loads(good[bundle.CARD_FILE]), "labels": ["🐈\n\x00 cat", "x" * 5000]}
    back = bundle.read(zipped({**good, bundle.CARD_FILE: json.dumps(card).encode()}), "x.zip")
    assert back.labels[:] == ("🐈 cat", "x" * 200)


@pytest.mark.parametrize(
    "network", ["unicorn", "lite0", "../../etc/passwd", "", None, 5, ["vgg16"]]
)
def test_a_network_that_the_app_does_not_have_is_named(good, network):
    card = {**json.loads(good[bundle.CARD_FILE]), "network": network}
    said = refused(zipped({**good, bundle.CARD_FILE: json.dumps(card).encode()}))
    assert f"is based on a network called {network}" in said


def test_a_network_whose_weights_are_not_here_says_what_is_missing(good):
    card = {**json.loads(good[bundle.CARD_FILE]), "network": "resnet18"}
    with pytest.raises(WeightsMissing, match="resnet18-f37072fd"):
        bundle.read(zipped({**good, bundle.CARD_FILE: json.dumps(card).encode()}), "x.zip")


def test_a_zip_of_a_newer_version_says_so(good):
    card = {**json.loads(good[bundle.CARD_FILE]), "format": bundle.FORMAT + 1}
    said = refused(zipped({**good, bundle.CARD_FILE: json.dumps(card).encode()}))
    assert "newer version of this app" in said


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(good, method):
    refused(zipped(good, method))


@pytest.mark.parametrize(
    ("offset", "value"),
    [(8, struct.pack("<H", 1)), (24, struct.pack("<I", 10)), (24, struct.pack("<I", 2**31))],
    ids=["encrypted", "less than it holds", "gigabytes"],
)
def test_a_zip_that_lies_about_itself_is_refused(good, offset, value):
    refused(declared(zipped(good), offset, value))


def test_names_that_climb_out_of_the_zip_reach_nothing(good, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for climbing in ("../up.txt", f"{tmp_path}/absolute.txt"):
        refused(zipped({climbing: b"up", **good}))
    assert list(tmp_path.iterdir()) == []


def test_a_zip_packed_again_from_its_folder_is_still_read(good):
    again = {"mine/" + name: content for name, content in good.items()}
    apples = {"__MACOSX/mine/._classifier.json": b"\x00\x05\x16\x07", "mine/.DS_Store": b"\x00"}
    assert bundle.read(zipped({**again, **apples}), "x.zip").labels[:] == ("blue", "red")


@pytest.mark.parametrize("seed", range(15))
def test_flipped_bytes_give_the_network_or_a_sentence(good, training, seed):
    content = bytearray(zipped(good))
    chance = random.Random(seed)
    for _ in range(3):
        content[chance.randrange(len(content))] = chance.randrange(256)
    try:
        back = bundle.read(bytes(content), "x.zip")
    except Problem:
        return
    assert torch.equal(back.head.weight, training.classifier.head.weight)
