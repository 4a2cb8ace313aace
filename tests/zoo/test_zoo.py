"""Which networks exist, and that each loads as the very network its authors published."""

from __future__ import annotations

import hashlib
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from timm.layers import Conv2dSame
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.transforms.functional import normalize

from core.images import photos
from core.problem import Problem
from core.zoo import catalogue, loading, predictions, weights
from core.zoo.graph import cut_head, trace
from core.zoo.labels import Labels, imagenet
from core.zoo.same_padding import is_replaceable, replacement

PACKAGED = [entry for entry in catalogue.ENTRIES if entry.source == "package"]
DOWNLOADED = [entry for entry in catalogue.ENTRIES if entry.source == "torchvision"]
QUICK = ["resnet18", "mobilenet_v2", "mobilenet_v3_large"]
SAMPLES_OF_IMAGENET = [photo for photo in photos.SAMPLES if "imagenet" in photo.file]


def by_name(entry: catalogue.Entry) -> str:
    return entry.name


def published(entry: catalogue.Entry):
    """torchvision's own metadata for the weights that an entry names."""
    of_architecture = torchvision.models.get_model_weights(entry.architecture)
    return next(candidate for candidate in of_architecture if candidate.url == entry.url)


def put_random_weights(name: str) -> nn.Module:
    """Fill the cache with random weights for a torchvision network, and give that network."""
    entry = catalogue.entry(name)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.get_model(entry.architecture, weights=None)
        for module in network.modules():
            # Fresh norms do next to nothing: folding them wrongly would not show.
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.data.uniform_(0.5, 1.5)
                module.bias.data.normal_(0, 0.1)
    target = weights.path(entry)
    target.parent.mkdir(parents=True)
    torch.save(network.state_dict(), target)
    return network.eval()


def noise(*, size: int = 224, count: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def assert_close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert expected.std() > 0, "a constant answer would prove nothing"
    greatest = expected.abs().max().clamp_min(1.0)
    assert (actual - expected).abs().max() <= 1e-3 * greatest  # another network is as far as 1


# The catalogue against the packages' own metadata


@pytest.mark.parametrize("entry", DOWNLOADED, ids=by_name)
def test_downloaded_entries_say_what_torchvision_says(entry):
    theirs = published(entry)
    transforms = theirs.transforms()
    assert entry.url.endswith(f"/{entry.weights_file}")
    assert entry.parameters == theirs.meta["num_params"]
    assert round(entry.weights_bytes / 2**20, 3) == theirs.meta["_file_size"]
    assert list(entry.mean) == transforms.mean
    assert list(entry.std) == transforms.std
    assert [entry.input_size] == transforms.crop_size


@pytest.mark.parametrize("entry", DOWNLOADED, ids=by_name)
def test_downloaded_files_carry_a_digest_to_be_checked_against(entry):
    assert len(weights._expected_digest(entry)) == 8


@pytest.mark.parametrize("entry", PACKAGED, ids=by_name)
def test_built_in_entries_say_what_timm_says(entry):
    theirs = timm.get_pretrained_cfg(entry.architecture)
    assert theirs.input_size == (3, entry.input_size, entry.input_size)
    assert theirs.license == entry.licence.lower()
    with torch.device("meta"):  # the shapes without the numbers
        network = timm.create_model(entry.architecture)
    assert sum(p.numel() for p in network.parameters()) == entry.parameters


@pytest.mark.parametrize("entry", PACKAGED, ids=by_name)
def test_built_in_weights_are_the_files_the_catalogue_means(entry):
    data = weights.path(entry).read_bytes()
    assert len(data) == entry.weights_bytes
    assert hashlib.sha256(data).hexdigest().startswith(weights._expected_digest(entry))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("lite0", "efficientnet_lite0"),
        ("EfficientNet-Lite2", "efficientnet_lite2"),
        ("efficientnet lite1", "efficientnet_lite1"),
        ("VGG16", "vgg16"),
        ("ResNet-18", "resnet18"),
        ("v2", "mobilenet_v2"),
    ],
)
def test_a_network_is_found_by_name_title_or_ending(said, meant):
    assert catalogue.entry(said).name == meant


@pytest.mark.parametrize("said", ["", "unicorn", "net", "0", "../vgg16.pth"])
def test_an_unknown_or_ambiguous_network_lists_all(said):
    with pytest.raises(Problem, match="There are: efficientnet_lite0, ") as told:
        catalogue.entry(said)
    assert all(entry.name in str(told.value) for entry in catalogue.ENTRIES)


# The built-in networks


@pytest.mark.parametrize("name", catalogue.BUILT_IN)
def test_built_in_networks_recognise_photos(name):
    network = loading.shared(name)
    right = 0
    for sample in SAMPLES_OF_IMAGENET:
        class_id = int(Path(sample.file).stem.rpartition("_")[2])
        found = predictions.top(network, photos.read_sample(sample.id))
        right += class_id in [prediction.class_id for prediction in found]
    # Wrong weights or a wrong normalisation would leave one in a thousand.
    assert right == len(SAMPLES_OF_IMAGENET)


def test_folding_does_not_change_what_the_built_in_network_says(lite0, dalmatian):
    plain = loading.load("lite0", trainable=True)
    pictures = torch.cat([photos.prepare(dalmatian, 224), noise()])
    with torch.no_grad():
        assert_close(lite0(pictures), plain(pictures))


def test_the_fast_form_is_frozen_and_has_no_batch_norms(lite0):
    assert not any(isinstance(module, nn.BatchNorm2d) for module in lite0.modules())
    assert not any(parameter.requires_grad for parameter in lite0.parameters())
    assert not lite0.training


def test_the_trainable_form_has_batch_norms_and_gradients():
    plain = loading.load("lite0", trainable=True)
    assert any(isinstance(module, nn.BatchNorm2d) for module in plain.modules())
    assert all(parameter.requires_grad for parameter in plain.parameters())


def test_everybody_who_asks_at_once_gets_the_same_network(lite0):
    with ThreadPoolExecutor(4) as people:
        given = list(people.map(loading.shared, ["lite0", "EfficientNet-Lite0"] * 4))
    assert all(network is lite0 for network in given)


def test_probabilities_add_up_to_one_for_any_size_and_number_of_pictures(lite0):
    for size in (97, 224, 256):
        sums = lite0.probabilities(noise(size=size, count=2)).sum(dim=1)
        assert sums.tolist() == pytest.approx([1, 1], abs=1e-5)


# Layers


def test_layers_have_the_shapes_they_say(lite0):
    names = [layer.name for layer in lite0.layers]
    with torch.no_grad():
        activations = lite0.look(names, answer=False)(noise()).maps
    for layer in lite0.layers:
        assert activations[layer.name].shape == (1, layer.channels, layer.size, layer.size)
        assert layer.size == 224 / layer.stride
        assert layer.stride == 2**layer.stage


def seen_by_one_value(classifier, layer_name: str, size: int) -> tuple[int, int]:
    """Width and height of the part of a photo that the middle value of a layer depends on."""
    photo = noise(size=size).requires_grad_()
    maps = classifier.look([layer_name], answer=False)(photo).maps[layer_name]
    middle = maps.shape[-1] // 2
    (gradient,) = torch.autograd.grad(maps[0, :, middle, middle].sum(), photo)
    rows, columns = gradient[0].abs().sum(dim=0).nonzero().unbind(dim=1)
    return int(columns.max() - columns.min()) + 1, int(rows.max() - rows.min()) + 1


def test_receptive_fields_are_what_the_gradient_reaches(lite0):
    size = 256
    inside = [layer for layer in lite0.layers if layer.receptive_field < size - 2 * layer.stride]
    assert len(inside) == 10
    for layer in inside:
        field = layer.receptive_field
        assert seen_by_one_value(lite0, layer.name, size) == (field, field), layer.name


def test_dilation_stride_and_pooling_count_in_the_receptive_field(make_tiny):
    # Average pooling: of a maximum, the gradient would see only the winner.
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 4, 5, stride=2, padding=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )
    classifier = make_tiny(network, size=128)
    assert [layer.receptive_field for layer in classifier.layers] == [3, 11, 13, 29]
    assert [layer.stride for layer in classifier.layers] == [2, 2, 4, 8]
    for layer in classifier.layers:
        field = layer.receptive_field
        assert seen_by_one_value(classifier, layer.name, 128) == (field, field)


def test_where_branches_meet_the_widest_counts(make_tiny):
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3, padding=1)
            self.second = nn.Conv2d(4, 4, 5, padding=2)
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            x = self.first(x)
            return self.head((x + self.second(x)).mean((2, 3)))

    classifier = make_tiny(Residual(), size=32, blocks="first|second")
    assert [layer.receptive_field for layer in classifier.layers] == [3, 7]
    assert seen_by_one_value(classifier, "second", 32) == (7, 7)


def test_looking_at_a_layer_computes_no_further(tiny):
    calls = {"0": 0, "2": 0}
    for name in calls:

        def count(*_, name=name):
            calls[name] += 1

        tiny.body.get_submodule(name).register_forward_hook(count)
    tiny.look(["0"], answer=False)(noise(size=16))
    assert calls == {"0": 1, "2": 0}
    tiny(noise(size=16))
    assert calls == {"0": 2, "2": 1}


def test_looking_leaves_nothing_behind_on_the_shared_network(lite0):
    before = [node.format_node() for node in lite0.body.graph.nodes]
    names = [layer.name for layer in lite0.layers]
    with torch.no_grad():
        expected = lite0(noise())
        lite0.look(names[:3], answer=False)(noise())
        lite0.look(names, answer=False)(noise())
        assert torch.equal(lite0(noise()), expected)
    assert [node.format_node() for node in lite0.body.graph.nodes] == before
    assert not any(module._forward_hooks for module in lite0.modules())


def test_an_unknown_layer_is_a_key_error(tiny):
    with pytest.raises(KeyError, match="unicorn"):
        tiny.look(["unicorn"], answer=False)(noise(size=16))


def test_a_network_without_a_linear_end_is_refused():
    body = trace(nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten()))
    with pytest.raises(ValueError, match="not in a linear layer"):
        cut_head(body)


# A head of one's own


def test_a_new_head_shares_the_body_and_leaves_the_old_network_alone(tiny):
    before = tiny(noise(size=16))
    head = nn.Linear(12, 2)
    other = tiny.with_head(
        head, name="own", title="Own", labels=Labels(["cat", "dog"]), accuracy=0.9
    )
    assert other.body is tiny.body
    assert torch.allclose(other(noise(size=16)), head(tiny.embed(noise(size=16))), atol=1e-5)
    assert torch.equal(tiny(noise(size=16)), before)
    assert (tiny.name, len(tiny.labels)) == ("tiny", 5)
    assert other.provenance.network == "tiny"
    assert other.provenance.accuracy == 0.9


def test_a_head_that_does_not_fit_its_labels_is_refused(tiny):
    with pytest.raises(ValueError, match="3 outputs for 2 labels"):
        tiny.with_head(
            nn.Linear(12, 3), name="own", title="Own", labels=Labels(["a", "b"]), accuracy=None
        )


# Networks from torchvision, with random weights in a cache of the test's own


@pytest.fixture
def narrow_vgg(monkeypatch):
    """Build VGG with narrow linear layers: the true ones have half a gigabyte of weights."""
    build = torchvision.models.get_model

    def narrow(name: str, **options) -> nn.Module:
        if not name.startswith("vgg"):
            return build(name, **options)
        with torch.device("meta"):
            network = build(name, **options)
        for place, (inputs, outputs) in {0: (25088, 32), 3: (32, 32), 6: (32, 1000)}.items():
            network.classifier[place] = nn.Linear(inputs, outputs)
        for module in network.features:
            if isinstance(module, nn.Conv2d):
                module.to_empty(device="cpu")
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)
        return network

    monkeypatch.setattr(torchvision.models, "get_model", narrow)


@pytest.mark.parametrize("name", [*QUICK, "resnet50", "vgg16"])
def test_a_torchvision_network_says_and_shows_what_torchvision_does(name, narrow_vgg):
    plain = put_random_weights(name)
    network = loading.load(name)
    transforms = published(catalogue.entry(name)).transforms()
    names = [layer.name for layer in network.layers]
    with torch.no_grad():
        normalised = normalize(noise(), transforms.mean, transforms.std)
        assert_close(network(noise()), plain(normalised))
        activations = network.look(names, answer=False)(noise()).maps
        theirs = create_feature_extractor(plain, names)(normalised)
    for layer in network.layers:
        shape = (1, layer.channels, layer.size, layer.size)
        assert activations[layer.name].shape == theirs[layer.name].shape == shape, layer.name


def test_folded_and_trainable_forms_of_a_torchvision_network_agree():
    put_random_weights("resnet18")
    with torch.no_grad():
        fast = loading.load("resnet18")(noise())
        assert_close(fast, loading.load("resnet18", trainable=True)(noise()))


def test_weights_older_than_the_batch_counter_are_read():
    put_random_weights("mobilenet_v2")
    file = weights.path(catalogue.entry("mobilenet_v2"))
    stored = torch.load(file, weights_only=True)
    torch.save({k: v for k, v in stored.items() if "num_batches_tracked" not in k}, file)
    assert loading.load("mobilenet_v2").labels[284] == "Siamese cat"


def test_missing_weights_name_the_file_and_the_folder(torch_home):
    with pytest.raises(weights.WeightsMissing) as told:
        loading.load("resnet18")
    assert "resnet18-f37072fd.pth" in str(told.value)
    assert str(torch_home / "hub" / "checkpoints") in str(told.value)


class _Malice:
    """Unpickles into a file, which shows that code was run."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize(
    ("save", "unguarded"),
    [(pickle.dump, pickle.load), (torch.save, partial(torch.load, weights_only=False))],
    ids=["pickle", "torch"],
)
def test_a_pickle_in_place_of_weights_is_refused_and_runs_nothing(save, unguarded, tmp_path):
    marker = tmp_path / "code was run"
    target = weights.path(catalogue.entry("resnet18"))
    target.parent.mkdir(parents=True)
    with target.open("wb") as file:
        save({"conv1.weight": _Malice(marker)}, file)
    with pytest.raises(Problem, match=r"resnet18-f37072fd\.pth does not hold the weights"):
        loading.load("resnet18")
    assert not marker.exists()
    with target.open("rb") as file:
        unguarded(file)
    assert marker.exists(), "the trap must be a real one"


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: b"<html>404 Not Found</html>",
        lambda whole: whole[:-2000],
    ],
    ids=["cut off", "empty", "html", "end missing"],
)
def test_a_damaged_weights_file_is_refused_with_a_sentence(damage):
    put_random_weights("mobilenet_v2")
    file = weights.path(catalogue.entry("mobilenet_v2"))
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(Problem, match=r"does not hold the weights of MobileNetV2\. Delete it"):
        loading.load("mobilenet_v2")


@pytest.mark.parametrize("stored", ["another network", "not a dict", "wrong shape"])
def test_other_tensors_under_the_name_are_refused(stored):
    network = put_random_weights("mobilenet_v2")
    state = network.state_dict()
    state["features.0.0.weight"] = torch.zeros(2, 2)
    contents = {
        "another network": {"conv1.weight": torch.zeros(3)},
        "not a dict": torch.zeros(3),
        "wrong shape": state,
    }
    torch.save(contents[stored], weights.path(catalogue.entry("mobilenet_v2")))
    with pytest.raises(Problem, match="does not hold the weights of MobileNetV2"):
        loading.load("mobilenet_v2")


# Labels


def test_imagenet_has_a_thousand_names_and_no_two_alike():
    labels = imagenet()
    assert len(labels) == len(set(labels)) == 1000
    assert (labels[0], labels[284], labels[999]) == ("tench", "Siamese cat", "toilet tissue")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("284", 284),
        (" 0 ", 0),
        ("Siamese cat", 284),
        ("siamese", 284),
        ("SIAMESE  CAT", 284),
        ("tabby", 281),
        ("tabby cat", 281),
        ("dalmatian", 251),
        ("crane (bird)", 134),
        ("Egyptian", 285),
    ],
)
def test_a_class_is_found_as_people_say_it(said, meant):
    assert imagenet().find(said) == meant


def test_every_class_is_found_by_its_own_name_and_number():
    labels = imagenet()
    for index, name in enumerate(labels):
        assert labels.find(name) == index
    for index in range(0, 1000, 37):
        assert labels.find(str(index)) == index


def test_two_cranes_are_told_apart():
    with pytest.raises(Problem, match="Several classes are called crane") as told:
        imagenet().find("crane")
    assert "134 crane (bird)" in str(told.value)
    assert "517 crane (machine)" in str(told.value)


@pytest.mark.parametrize(
    ("said", "nearest"),
    [("dalmation", "dalmatian"), ("siamse cat", "Siamese cat"), ("straw", "strawberry")],
)
def test_a_typo_is_answered_with_what_may_be_meant(said, nearest):
    with pytest.raises(Problem, match=f"There is no class called {said}") as told:
        imagenet().find(said)
    assert nearest in str(told.value)


@pytest.mark.parametrize("said", ["", "   ", "1000", "-1", "xqzw", "²"])
def test_nonsense_is_answered_with_a_sentence(said):
    with pytest.raises(Problem, match="There is no class called"):
        imagenet().find(said)


def test_two_classes_of_one_name_are_refused():
    with pytest.raises(ValueError, match="same name"):
        Labels(["cat", "cat"])


def test_a_class_is_known_by_its_other_names_once_each():
    labels = Labels(["tabby", "dog"], [["tabby", "tabby cat"], ["dog"]])
    assert labels.names(0) == ("tabby", "tabby cat")
    assert labels.names(1) == ("dog",)


@pytest.mark.parametrize("side", [224, 223])
@pytest.mark.parametrize(("kernel", "groups"), [(3, 1), (3, 8), (5, 8)])
def test_same_padding_without_a_copy_is_timms(side, kernel, groups):
    layer = Conv2dSame(8, 16, kernel, stride=2, groups=groups)
    assert is_replaceable(layer)
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 8, side, side, generator=generator, requires_grad=True)
    ours, timms = replacement(layer)(maps), layer(maps)
    assert torch.allclose(ours, timms, atol=1e-4)
    slopes = [torch.autograd.grad(out.square().sum(), maps)[0] for out in (ours, timms)]
    assert torch.allclose(*slopes, atol=1e-3)


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (("1", "2", "3"), {"1": 0, "2": 1, "3": 2, " 2 ": 1, "0": 0, "01": 0}),
        (("01", "02", "10"), {"1": 0, "01": 0, "2": 1, "10": 2, "0": 0}),
        (("cat", "1.0", "-1", "7"), {"1.0": 1, "-1": 2, "7": 3, "0": 0, "1": 1}),
        (("1", "01"), {"1": 0, "01": 1}),
        (("Cat", "cat", "dog"), {"Cat": 0, "cat": 1, "DOG": 2, "2": 2}),
        (("0", "1", "2", "3"), {"0": 0, "3": 3}),
        (("cão", "gato"), {"ca\u0303o": 0, "CÃO": 0, "1": 1}),
    ],
    ids=str,
)
def test_a_name_wins_over_a_number(names, meant):
    labels = Labels(names)
    assert {said: labels.find(said) for said in meant} == meant


@pytest.mark.parametrize("said", ["4", "-2", "1.5", "9" * 5000, "²"])
def test_a_number_that_is_neither_a_name_nor_a_class_is_refused(said):
    with pytest.raises(Problem, match="no class called"):
        Labels(["1", "2", "3"]).find(said)


def test_names_that_are_numbers_are_listed_without_others_beside_them():
    with pytest.raises(Problem, match=r"The nearest are: 1; 2; 3\."):
        Labels(["1", "2", "3"]).find("7")


def test_networks_compute_on_while_another_is_traced():
    """Tracing has every call of any module in the process come to it, those of other threads too."""
    other = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(20)))
    picture, expected = torch.ones(1, 4), other(torch.ones(1, 4))
    ends = threading.Event()

    def compute() -> int:
        times = 0
        while not ends.is_set():
            assert torch.equal(other(picture), expected)
            times += 1
        return times

    with ThreadPoolExecutor(3) as pool:
        computing = pool.submit(compute)
        networks = [nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(30))) for _ in range(40)]
        traced = list(pool.map(trace, networks))
        ends.set()
        assert computing.result() > 0
    assert all(len(body.graph.nodes) == 32 for body in traced)
    assert torch.equal(networks[0](torch.ones(1, 3, 1, 1)), traced[0](torch.ones(1, 3, 1, 1)))
