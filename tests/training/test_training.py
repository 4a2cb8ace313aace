"""From photos to a network of one's own: data sets, split, embeddings, head, evidence, storage."""

from __future__ import annotations

import io
import json
import math
import pickle
import random
import struct
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix as sklearns_confusion_matrix

from core.data import datasets
from core.data.datasets import (
    Dataset,
    Photo,
    found_in_zip,
    from_files,
    from_folder,
    from_zip,
    split,
)
from core.export import store
from core.images import photos
from core.problem import Problem
from core.steps import finish
from core.training.embeddings import EmbeddingCache, embed
from core.training.evidence import confusion_matrix, wilson
from core.training.loop import Evaluation, train, train_head
from core.training.settings import Settings
from core.zoo.labels import Labels
from tests.helpers.hostile import declared


def png(seed: int, tint: tuple[int, int, int] = (0, 0, 0)) -> bytes:
    """A small noisy picture, another one for each seed, with more of some colours."""
    noise = np.random.default_rng(seed).integers(0, 100, (20, 20, 3))
    return photos.encode_png((noise + tint).astype(np.uint8))


def red(seed: int) -> bytes:
    return png(seed, (150, 0, 0))


def blue(seed: int) -> bytes:
    return png(seed, (0, 0, 150))


@pytest.fixture
def colours() -> Dataset:
    """Two classes that any network can tell apart."""
    return from_files(
        {
            "red": [(f"r{i}.png", red(i)) for i in range(12)],
            "blue": [(f"b{i}.png", blue(100 + i)) for i in range(12)],
        }
    )


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


FOUR = {"cat/1.png": png(1), "cat/2.png": png(2), "dog/1.png": png(3), "dog/2.png": png(4)}


def by_class(dataset: Dataset) -> dict[str, list[bytes]]:
    return {
        name: [photo.data for photo in dataset.photos if photo.label == label]
        for label, name in enumerate(dataset.classes)
    }


def embedded(classifier, wanted, cache=None):
    """Run `embed` to its end and give what it returns."""
    looking = embed(classifier, wanted, cache or EmbeddingCache())
    while True:
        try:
            next(looking)
        except StopIteration as end:
            return end.value


# Data sets


def test_a_folder_with_one_folder_per_class_is_a_data_set(tmp_path):
    for name, content in FOUR.items():
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "pets" / "cat" / "notes.txt").write_text("not a photo")
    (tmp_path / "pets" / "loose.png").write_bytes(png(9))
    dataset = from_folder(tmp_path / "pets")
    assert dataset.classes == ("cat", "dog")
    assert [photo.name for photo in dataset.photos] == list(FOUR)
    assert by_class(dataset) == {"cat": [png(1), png(2)], "dog": [png(3), png(4)]}
    assert {photo.is_validation for photo in dataset.photos} == {None}


@pytest.mark.parametrize("prefix", ["", "pets/", "a/b/c/"])
def test_a_zip_is_the_same_data_set_as_its_folder(tmp_path, prefix):
    archive = zipped({prefix + name: content for name, content in FOUR.items()})
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        opened.extractall(tmp_path / "unpacked")
    assert from_zip(archive) == from_folder(tmp_path / "unpacked")


def test_a_data_set_that_comes_divided_stays_divided(test_data):
    dataset = from_folder(test_data / "hymenoptera_data")
    assert dataset.classes == ("ants", "bees")
    parts = split(dataset, per_class=None, validation_per_class=None, seed=0)
    assert {photo.name.split("/")[0] for photo in parts.train} == {"train"}
    assert {photo.name.split("/")[0] for photo in parts.validation} == {"val"}
    names = {path.name for path in (test_data / "hymenoptera_data").rglob("*.jpg")}
    assert len(parts.train) + len(parts.validation) == len(names)


@pytest.mark.parametrize(
    ("files", "found"),
    [({}, 0), ({"cat/1.png": png(1)}, 1), ({"1.png": png(1), "2.png": png(2)}, 0)],
    ids=["nothing", "one class", "loose photos"],
)
def test_fewer_than_two_classes_are_refused(files, found):
    with pytest.raises(
        Problem, match=rf"^Classes with photos that were found: {found}. It takes 2"
    ):
        from_zip(zipped(files))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Problem, match=r"There is no folder .*unicorns"):
        from_folder(tmp_path / "unicorns")


def test_uploaded_files_are_sorted_by_class_name():
    dataset = from_files({" dog ": [("1.png", png(1))], "cat": [("1.png", png(2))], "empty": []})
    assert dataset.classes == ("cat", "dog")
    assert by_class(dataset) == {"cat": [png(2)], "dog": [png(1)]}


def test_the_digits_are_readable_pictures_of_ten_classes():
    dataset = datasets.digits()
    assert dataset.classes == tuple("0123456789")
    assert len(dataset.photos) == 1797
    picture = photos.decode(dataset.photos[0].data, "digit")
    assert picture.getpixel((0, 0)) == (255, 255, 255)  # paper
    assert min(picture.convert("L").get_flattened_data()) < 30  # ink


# Zips from strangers


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + bytes(50)])
def test_what_is_no_zip_is_refused(content):
    with pytest.raises(Problem, match="zip cannot be read"):
        from_zip(content)


def test_a_cut_off_zip_is_refused():
    whole = zipped(FOUR)
    with pytest.raises(Problem, match="zip cannot be read"):
        from_zip(whole[: len(whole) // 2])


@pytest.mark.parametrize("behind", [0, 20], ids=["from the first byte", "further in"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_photo_in_a_zip_is_left_out_and_the_others_are_read(method, behind):
    archive = bytearray(zipped(FOUR, method))
    begin = 30 + len("cat/1.png") + behind  # after the first entry's header
    archive[begin : begin + 300] = bytes(b ^ 0xA5 for b in archive[begin : begin + 300])
    dataset = from_zip(bytes(archive))
    assert by_class(dataset) == {"cat": [FOUR["cat/2.png"]], "dog": [png(3), png(4)]}
    (left_out,) = dataset.left_out
    assert str(left_out.reason) == "In this zip, cat/1.png is damaged. Pack it anew."


@pytest.mark.parametrize("seed", range(20))
def test_flipped_bytes_in_a_zip_give_a_data_set_or_a_sentence(seed):
    archive = bytearray(zipped(FOUR))
    chance = random.Random(seed)
    for _ in range(3):
        archive[chance.randrange(len(archive))] = chance.randrange(256)
    try:
        assert len(from_zip(bytes(archive)).classes) >= 2
    except Problem:
        return


def test_an_encrypted_zip_says_so():
    with pytest.raises(Problem, match=r"zip is encrypted\. Make one without a password"):
        from_zip(declared(zipped(FOUR), 8, struct.pack("<H", 1)))


def test_a_zip_that_declares_gigabytes_is_refused_before_it_is_unpacked():
    many = {f"{name}{i}.png": content for name, content in FOUR.items() for i in range(5)}
    with pytest.raises(Problem, match="Unpacked, this zip has more than 400 MB"):
        from_zip(declared(zipped(many), 24, struct.pack("<I", 25_000_000)))


def test_a_zip_that_lies_about_its_size_is_read_no_further_than_it_says():
    bomb = zipped({"cat/1.png": bytes(5_000_000), "dog/1.png": png(1)})
    with pytest.raises(Problem, match=r"cat/1\.png is damaged"):
        from_zip(declared(bomb, 24, struct.pack("<I", 10)))


def test_too_many_files_in_a_zip_are_refused(monkeypatch):
    monkeypatch.setattr(datasets, "MAX_ARCHIVE_ENTRIES", 3)
    with pytest.raises(Problem, match="The zip holds 4 files; at most 3 fit"):
        from_zip(zipped(FOUR))


def test_too_many_photos_are_refused(monkeypatch):
    monkeypatch.setattr(datasets, "MAX_PHOTOS", 3)
    with pytest.raises(Problem, match="more than 3 photos"):
        from_zip(zipped(FOUR))


def test_names_that_climb_out_of_the_folder_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for climbing in ("../../cat/up.png", f"{tmp_path}/dog/absolute.png"):
        with pytest.raises(Problem, match="names that lead out of it"):
            from_zip(zipped({**FOUR, climbing: png(5)}))
    assert list(tmp_path.iterdir()) == []


def test_what_macs_add_to_a_zip_is_ignored():
    extra = {
        "__MACOSX/cat/._1.png": b"\x00\x05\x16\x07",
        "cat/._1.png": b"\x00\x05\x16\x07",
        "cat/.DS_Store": b"\x00",
        ".hidden/1.png": png(8),
    }
    assert from_zip(zipped({**extra, **FOUR})) == from_zip(zipped(FOUR))


def test_folders_written_as_windows_does_are_folders():
    windows = {name.replace("/", "\\"): content for name, content in FOUR.items()}
    assert from_zip(zipped(windows)) == from_zip(zipped(FOUR))


# Data sets of every shape: a network that works, or a sentence


def learned(classifier, dataset: Dataset, **settings):
    """Train for an epoch, and check that the evidence is whole."""
    chosen = Settings(epochs=1, **settings)
    training = finish(train(classifier, dataset, chosen, EmbeddingCache()))
    assert training.classifier.labels[:] == dataset.classes
    assert training.confusion.shape == (len(dataset.classes),) * 2
    assert training.confusion.sum() == training.n_val > 0
    low, high = training.interval
    assert 0 <= low <= training.accuracy <= high <= 1
    return training


def many(classes: int, each: int) -> dict[str, list[tuple[str, bytes]]]:
    return {
        f"class {label}": [(f"{i}.png", png(label * each + i)) for i in range(each)]
        for label in range(classes)
    }


def test_37_classes_are_learned(tiny):
    assert learned(tiny, from_files(many(37, 5))).n_val == 74


def test_more_than_100_classes_are_refused():
    with pytest.raises(Problem, match=r"found: 101\. It takes 2 to 100"):
        from_files(many(101, 1))


def test_a_class_with_one_photo_is_learned_and_not_examined(tiny, colours):
    files = {**many(2, 6), "rare": [("only.png", red(7))]}
    training = learned(tiny, from_files(files))
    assert training.confusion.sum(axis=1).tolist() == [3, 3, 0]


def test_an_empty_class_among_others_is_no_class(tiny):
    assert learned(tiny, from_files({**many(2, 5), "empty": []})).classifier.labels[:] == (
        "class 0",
        "class 1",
    )


def test_one_class_and_an_empty_one_are_refused():
    with pytest.raises(Problem, match=r"found: 1\. It takes"):
        from_files({"cat": [("1.png", png(1))], "empty": []})


def test_photos_of_a_class_without_a_name_are_refused():
    with pytest.raises(Problem, match="class has photos but no name"):
        from_files({"cat": [("1.png", png(1))], "  ": [("2.png", png(2))]})


@pytest.mark.parametrize("name", ["🐈‍⬛", "cats/dogs", "../..", "C:\\", "{0}", "<b>", "**", "a\nb"])
def test_a_class_may_be_called_anything(tiny, tmp_path, name):
    files = many(1, 5) | {name: [(f"{i}.png", red(i)) for i in range(5)]}
    training = learned(tiny, from_files(files))
    store.save(training, tmp_path / "mine")
    card = json.loads((tmp_path / "mine" / store.CARD_FILE).read_text("utf-8"))
    assert sorted(card["labels"]) == sorted(["class 0", name])


def test_an_emoji_in_a_zip_is_a_class_too():
    files = {name.replace("cat", "🐈"): content for name, content in FOUR.items()}
    assert from_zip(zipped(files)).classes == ("dog", "🐈")


def test_5000_photos_are_learned_from_and_one_more_is_refused(tiny):
    def photo(i: int) -> bytes:
        return photos.encode_png(np.full((1, 1, 3), (i % 256, i // 256, 0), np.uint8))

    files = {"a": [(f"{i}.png", photo(i)) for i in range(4000)], "b": []}
    files["b"] = [(f"{i}.png", photo(i)) for i in range(4000, 5000)]
    training = learned(tiny, from_files(files))
    assert (training.n_train, training.n_val) == (3500, 1500)
    with pytest.raises(Problem, match="more than 5000 photos"):
        from_files({**files, "c": [("one more.png", photo(5000))]})


@pytest.mark.parametrize("of_b", [red(0), blue(0)], ids=["all of them", "within each class"])
def test_identical_photos_are_answered_with_a_sentence(tiny, of_b):
    files = {"a": [(f"{i}.png", red(0)) for i in range(6)]}
    files["b"] = [(f"{i}.png", of_b) for i in range(6)]
    with pytest.raises(Problem, match=r"is also a training photo, byte for byte\. Add photos"):
        finish(train(tiny, from_files(files), Settings(), EmbeddingCache()))


def divided(*parts: str) -> Dataset:
    files = {
        f"{part}/{i}.png": png(hash_of * 9 + i)
        for hash_of, part in enumerate(parts)
        for i in range(4)
    }
    return from_zip(zipped(files))


def test_a_class_missing_from_validation_is_learned_and_not_examined(tiny):
    training = learned(tiny, divided("train/cat", "train/dog", "val/cat"))
    assert training.confusion.sum(axis=1).tolist() == [4, 0]


def test_a_class_missing_from_training_is_named(tiny):
    dataset = divided("train/cat", "val/cat", "val/dog")
    with pytest.raises(Problem, match="No photo of the class dog could be read to learn from"):
        finish(train(tiny, dataset, Settings(), EmbeddingCache()))


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_data_set_with_one_part_only_is_divided_here(tiny, part):
    assert learned(tiny, divided(f"{part}/cat", f"{part}/dog")).n_val == 4


# The split


def test_the_split_takes_its_share_of_every_class_and_nothing_twice(colours):
    parts = split(colours, per_class=None, validation_per_class=None, seed=0)
    for label in (0, 1):
        assert sum(photo.label == label for photo in parts.train) == 7
        assert sum(photo.label == label for photo in parts.validation) == 5
    assert {p.name for p in parts.train}.isdisjoint(p.name for p in parts.validation)
    assert len({p.name for p in parts.train + parts.validation}) == len(colours.photos)


def test_the_split_obeys_the_numbers_it_is_given(colours):
    parts = split(colours, per_class=3, validation_per_class=4, seed=0)
    assert [sum(p.label == label for p in parts.train) for label in (0, 1)] == [3, 3]
    assert [sum(p.label == label for p in parts.validation) for label in (0, 1)] == [4, 4]


def test_one_photo_of_each_class_is_always_kept_to_be_examined_on(colours):
    parts = split(colours, per_class=500, validation_per_class=None, seed=0)
    assert (len(parts.train), len(parts.validation)) == (22, 2)


@pytest.mark.parametrize(("count", "kept"), [(2, 1), (6, 3), (10, 5), (20, 6), (100, 30)])
def test_enough_photos_of_each_class_stay_for_validation_however_many_are_asked_for(count, kept):
    files = [(f"{i}.png", png(i)) for i in range(2 * count)]
    dataset = from_files({"cat": files[:count], "dog": files[count:]})
    parts = split(dataset, per_class=500, validation_per_class=None, seed=0, reserve=True)
    assert [sum(p.label == label for p in parts.validation) for label in (0, 1)] == [kept, kept]


def test_a_network_is_examined_on_enough_photos_unless_somebody_insists(colours, tiny):
    def examined(**kept) -> int:
        settings = Settings(per_class=500, epochs=1, **kept)
        return finish(train(tiny, colours, settings, EmbeddingCache())).n_val

    assert (examined(reserve=True), examined()) == (10, 2)


def test_a_zip_is_listed_as_it_is_read():
    files = {
        f"{kind}/{i}.png": png(10 * len(kind) + i) for kind in ("cat", "tiger") for i in range(3)
    }
    archive = zipped({**files, "cat/notes.txt": b"", "alone.png": png(99)})
    listed, read = found_in_zip(archive), from_zip(archive)
    assert listed.counts == {"cat": 3, "tiger": 3}
    assert [one.file for one in listed.left_out] == [one.file for one in read.left_out]
    assert listed.unlabelled == read.unlabelled == 1
    with pytest.raises(Problem, match="cannot be read"):
        found_in_zip(b"no zip")


def test_the_split_depends_on_its_seed_alone(colours):
    random.seed(1)
    first = split(colours, per_class=6, validation_per_class=None, seed=0)
    random.seed(2)
    assert split(colours, per_class=6, validation_per_class=None, seed=0) == first
    assert split(colours, per_class=6, validation_per_class=None, seed=1) != first


@pytest.mark.parametrize("seed", range(5))
def test_identical_photos_are_never_learned_from_and_examined_on(seed):
    copies = [(f"{i}.png", red(i % 3)) for i in range(30)]
    dataset = from_files({"red": copies, "blue": [(f"{i}.png", blue(i)) for i in range(10)]})
    parts = split(dataset, per_class=2, validation_per_class=None, seed=seed)
    assert {p.data for p in parts.train}.isdisjoint(p.data for p in parts.validation)
    assert parts.validation


def test_one_photo_a_class_is_too_few():
    dataset = from_files({"cat": [("1.png", png(1))], "dog": [("1.png", png(2))]})
    with pytest.raises(Problem, match="too few photos"):
        split(dataset, per_class=None, validation_per_class=None, seed=0)


# Embeddings


def test_embeddings_are_what_the_network_makes_of_each_photo(tiny, colours):
    found = embedded(tiny, colours.photos)
    assert found.photos == colours.photos
    assert found.labels.tolist() == [photo.label for photo in colours.photos]
    for photo, features in zip(found.photos[::5], found.features[::5], strict=True):
        picture = photos.prepare(photos.decode(photo.data, "photo"), tiny.input_size)
        assert torch.allclose(features, tiny.embed(picture)[0], atol=1e-4)


def test_unreadable_photos_are_left_out_and_named(tiny, colours):
    broken = Photo("broken.jpg", 0, b"not a picture")
    wanted = [*colours.photos[:3], broken, *colours.photos[3:6]]
    found = embedded(tiny, wanted)
    assert found.photos == colours.photos[:6]
    assert [skipped.file for skipped in found.skipped] == ["broken.jpg"]
    assert "is not a picture" in str(found.skipped[0].reason)


def test_both_broken_pets_are_reported(test_data, lite0):
    wanted = [
        photo
        for photo in from_folder(test_data / "PetImages").photos
        if photo.name in ("Cat/666.jpg", "Dog/11702.jpg", "Cat/1014.jpg")
    ]
    found = embedded(lite0, wanted)
    assert [photo.name for photo in found.photos] == ["Cat/1014.jpg"]
    reasons = {skipped.file: str(skipped.reason) for skipped in found.skipped}
    assert set(reasons) == {"Cat/666.jpg", "Dog/11702.jpg"}
    assert "is empty" in reasons["Cat/666.jpg"]


def counted(classifier) -> list[int]:
    """Sizes of the batches that a classifier's body is given from now on."""
    batches: list[int] = []
    first = classifier.body.get_submodule("0")
    first.register_forward_hook(lambda module, given, output: batches.append(len(output)))
    return batches


def test_a_photo_is_looked_at_once_however_it_is_called(tiny, colours):
    batches, cache = counted(tiny), EmbeddingCache()
    first = embedded(tiny, colours.photos, cache)
    assert sum(batches) == len(colours.photos)
    renamed = [Photo("other.png", 1 - photo.label, photo.data) for photo in colours.photos]
    again = embedded(tiny, renamed, cache)
    assert sum(batches) == len(colours.photos)
    assert torch.equal(again.features, first.features)
    assert again.labels.tolist() == [1 - label for label in first.labels.tolist()]


def test_the_cache_forgets_the_least_recently_used_beyond_its_bytes():
    cache = EmbeddingCache(max_bytes=3 * 40)
    keys = [("tiny", "", bytes([i])) for i in range(4)]
    for key in keys[:3]:
        cache.put(key, torch.zeros(10))
    cache.get(keys[0])
    cache.put(keys[3], torch.ones(10))
    assert [cache.get(key) is not None for key in keys] == [True, False, True, True]


def test_remembering_the_same_photo_again_does_not_crowd_out_others():
    cache = EmbeddingCache(max_bytes=3 * 40)
    cache.put(("tiny", "", b"other"), torch.zeros(10))
    for _ in range(10):
        cache.put(("tiny", "", b"same"), torch.zeros(10))
    assert cache.get(("tiny", "", b"other")) is not None


def test_the_cache_keeps_networks_apart():
    cache = EmbeddingCache()
    cache.put(("one", "", b"photo"), torch.zeros(3))
    assert cache.get(("other", "", b"photo")) is None


def test_a_remembered_row_does_not_keep_its_batch_in_memory(tiny, colours):
    cache = EmbeddingCache()
    found = embedded(tiny, colours.photos, cache)
    (row, *_) = cache._entries.values()
    assert row.untyped_storage().nbytes() == found.features[0].nbytes


# The head


def blobs(classes: int = 3, count: int = 90, width: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Overlapping clouds, far from the origin and on a scale of their own."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % classes
    centres = torch.randn(classes, width, generator=generator)
    spread = torch.randn(count, width, generator=generator)
    return 40 * (centres[labels] + spread) + 500, labels


def test_the_loss_falls_and_the_result_is_the_best_on_the_validation_photos():
    features, labels = blobs()
    learn, examined = (features[:60], labels[:60]), (features[60:], labels[60:])
    steps = list(train_head(learn, examined, 3, Settings(epochs=30, learning_rate=0.05)))
    assert [step.index for step in steps] == list(range(1, 31))
    losses = [step.scalars["training loss"] for step in steps]
    assert losses[-1] < 0.7 * losses[0]
    best = min(step.scalars["validation loss"] for step in steps)
    assert steps[-1].result.evaluation.loss == best
    features, labels = examined
    logits = steps[-1].result.head(features)
    assert Evaluation.of(logits, labels).loss == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_before_learning_every_class_is_equally_likely(classes):
    learn = blobs(classes)
    step = next(train_head(learn, learn, classes, Settings(learning_rate=1e-9)))
    assert step.scalars["training loss"] == pytest.approx(math.log(classes), rel=1e-4)


# Rates at which the path to the optimum is straight: the result is the epoch with the lowest
# loss, and an overshoot would have a lower one than the optimum with its penalty.
@pytest.mark.parametrize(("weight_decay", "learning_rate"), [(0.1, 0.1), (1.0, 0.03), (10.0, 0.01)])
def test_the_head_is_sklearns_logistic_regression(weight_decay, learning_rate):
    features, labels = blobs()
    settings = Settings(
        epochs=500, learning_rate=learning_rate, batch=90, weight_decay=weight_decay
    )
    steps = list(train_head((features, labels), (features, labels), 3, settings))
    centred = features - features.mean(dim=0)
    scaled = centred / centred.square().sum(dim=1).mean().sqrt()
    oracle = LogisticRegression(C=1 / weight_decay, tol=1e-8, max_iter=5000)
    oracle.fit(scaled.numpy(), labels.numpy())
    ours = steps[-1].result.head(features).softmax(-1).numpy()
    assert np.abs(ours - oracle.predict_proba(scaled.numpy())).max() < 0.01


def test_features_that_never_vary_do_no_harm():
    features, labels = torch.full((6, 4), 3.0), torch.tensor([0, 1, 0, 1, 0, 1])
    result = finish(train_head((features, labels), (features, labels), 2, Settings(epochs=2)))
    assert result.head.weight.isfinite().all()
    assert result.evaluation.loss == pytest.approx(math.log(2), abs=0.1)


def test_the_same_seed_gives_the_same_head():
    learn = blobs()

    def weight(seed):
        settings = Settings(epochs=3, batch=8, seed=seed)
        return finish(train_head(learn, learn, 3, settings)).head.weight

    assert torch.equal(weight(0), weight(0))
    assert not torch.equal(weight(0), weight(1))


def test_training_leaves_the_global_random_numbers_alone(tiny, colours):
    before = torch.get_rng_state()
    list(train(tiny, colours, Settings(epochs=2), EmbeddingCache()))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("epochs", [0, -1, 501])
def test_a_number_of_epochs_out_of_range_is_refused(epochs):
    with pytest.raises(Problem, match="Between 1 and 500 epochs"):
        Settings(epochs=epochs)


# Evidence


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [  # statsmodels.stats.proportion.proportion_confint(..., method="wilson")
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
        (1, 1, 0.2065, 1.0),
    ],
)
def test_wilsons_interval_has_statsmodels_values(correct, total, low, high):
    assert wilson(correct, total) == pytest.approx((low, high), abs=1e-4)


def test_nothing_measured_is_nothing_known():
    assert wilson(0, 0) == (0, 1)


def test_the_interval_never_leaves_0_to_1():
    for total in range(1, 60):
        for correct in range(total + 1):
            low, high = wilson(correct, total)
            assert 0 <= low <= correct / total + 1e-12
            assert correct / total - 1e-12 <= high <= 1


def test_the_confusion_matrix_is_sklearns():
    chance = np.random.default_rng(0)
    truth, predicted = chance.integers(0, 4, (2, 200))
    ours = confusion_matrix(truth, predicted, 4)
    assert np.array_equal(ours, sklearns_confusion_matrix(truth, predicted))
    assert confusion_matrix(np.array([0]), np.array([2]), 3).tolist() == [
        [0, 0, 1],
        [0, 0, 0],
        [0, 0, 0],
    ]


# The whole way


@pytest.fixture(scope="module")
def pets(test_data, lite0):
    """A network trained on twenty cats and twenty dogs."""
    dataset = from_folder(test_data / "PetImages")
    settings = Settings(per_class=20, validation_per_class=60)
    return finish(train(lite0, dataset, settings, EmbeddingCache()))


def test_twenty_photos_a_class_are_enough_for_cats_and_dogs(pets):
    assert pets.classifier.labels[:] == ("Cat", "Dog")
    assert 38 <= pets.n_train <= 40
    assert pets.n_val >= 118
    assert pets.accuracy >= 0.9
    low, high = pets.interval
    assert low < pets.accuracy <= high


def test_the_evidence_agrees_with_itself(pets):
    assert pets.confusion.sum() == pets.n_val == len(pets.evaluation.predicted)
    assert pets.confusion.trace() / pets.n_val == pytest.approx(pets.accuracy)
    assert pets.classifier.provenance.accuracy == pytest.approx(pets.accuracy)


def test_the_trained_classifier_says_of_a_photo_what_was_said_in_its_examination(pets):
    for place in (0, 40, 80):
        photo = photos.decode(pets.validation[place].data, "photo")
        picture = photos.prepare(photo, pets.classifier.input_size)
        probabilities = pets.classifier.probabilities(picture)[0]
        evaluation = pets.evaluation
        answer = int(evaluation.predicted[place])
        assert probabilities[answer].item() == pytest.approx(
            evaluation.confidence[place].item(), abs=5e-3
        )


def test_a_saved_network_comes_back_with_the_same_probabilities(pets, tmp_path, dalmatian):
    store.save(pets, tmp_path / "mine")
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {
        "head.safetensors",
        "classifier.json",
    }
    loaded = store.load(tmp_path / "mine")
    picture = photos.prepare(dalmatian, 224)
    expected = pets.classifier.probabilities(picture)
    assert torch.equal(loaded.probabilities(picture), expected)
    assert loaded.labels[:] == ("Cat", "Dog")
    assert loaded.title == pets.classifier.title
    assert loaded.provenance.accuracy == pytest.approx(pets.accuracy)


def test_looking_comes_first_and_every_epoch_has_a_result(tiny, colours):
    settings = Settings(per_class=8, epochs=5)
    steps = list(train(tiny, colours, settings, EmbeddingCache()))
    assert {step.total for step in steps} == {24 + 5}
    done = [step.index for step in steps]
    assert done == sorted(set(done))
    assert done[-1] == 24 + 5
    assert [step.result is not None for step in steps] == [step.index > 24 for step in steps]


def test_leaving_the_training_midway_keeps_a_network_that_works(tiny, colours):
    steps = train(tiny, colours, Settings(), EmbeddingCache())
    result = next(step.result for step in steps if step.result is not None)
    steps.close()
    picture = photos.prepare(photos.decode(red(500), "red"), tiny.input_size)
    assert result.classifier.probabilities(picture).shape == (1, 2)
    assert result.epoch == 1


def test_the_base_network_is_not_changed(tiny, colours):
    before = {name: tensor.clone() for name, tensor in tiny.state_dict().items()}
    result = finish(train(tiny, colours, Settings(), EmbeddingCache()))
    assert result.classifier.body is tiny.body
    assert all(torch.equal(tensor, before[name]) for name, tensor in tiny.state_dict().items())


def test_a_class_of_which_nothing_can_be_read_is_named(tiny):
    files = {
        "good": [(f"{i}.png", red(i)) for i in range(5)],
        "broken": [(f"{i}.png", b"no picture %d" % i) for i in range(5)],
    }
    with pytest.raises(Problem, match="No photo of the class broken could be read"):
        finish(train(tiny, from_files(files), Settings(), EmbeddingCache()))


def test_no_readable_photo_to_be_examined_on_is_answered_with_a_sentence(tiny):
    rows = [Photo(f"{i}", i % 2, red(i), is_validation=False) for i in range(6)]
    rows += [Photo(f"v{i}", i % 2, b"no picture %d" % i, is_validation=True) for i in range(2)]
    with pytest.raises(Problem, match="No photo is left for validation"):
        finish(train(tiny, Dataset(("a", "b"), tuple(rows)), Settings(), EmbeddingCache()))


@pytest.mark.parametrize("per_class", [0, -3])
def test_fewer_than_one_photo_to_learn_from_is_refused(per_class):
    with pytest.raises(Problem, match="at least 1 photo per class"):
        Settings(per_class=per_class)


def test_a_long_list_of_classes_has_a_short_title(tiny):
    files = {name: [(f"{name}{i}.png", png(ord(name) + i)) for i in range(3)] for name in "abcde"}
    result = finish(train(tiny, from_files(files), Settings(), EmbeddingCache()))
    assert result.classifier.title == "a · b · c …"


# Storage


@pytest.fixture
def saved(tmp_path, lite0) -> Path:
    """A folder as `store.save` writes it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    tensors = {"weight": 0.01 * torch.ones(2, 1280), "bias": torch.zeros(2)}
    save_file(tensors, folder / store.HEAD_FILE)
    card = {
        "network": lite0.name,
        "title": "cat · dog",
        "labels": ["cat", "dog"],
        "val_accuracy": 0.9,
    }
    (folder / store.CARD_FILE).write_text(json.dumps(card))
    return folder


def test_the_folder_that_the_damage_is_done_to_is_a_good_one(saved):
    assert store.load(saved).labels[:] == ("cat", "dog")


def with_card(**changes):
    def damage(folder: Path) -> None:
        card = json.loads((folder / store.CARD_FILE).read_text())
        (folder / store.CARD_FILE).write_text(json.dumps({**card, **changes}))

    return damage


def with_head(weight: torch.Tensor, bias: torch.Tensor):
    return lambda folder: save_file({"weight": weight, "bias": bias}, folder / store.HEAD_FILE)


def cut_off_head(folder: Path) -> None:
    content = (folder / store.HEAD_FILE).read_bytes()
    (folder / store.HEAD_FILE).write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda folder: (folder / store.CARD_FILE).unlink(), id="no card"),
        pytest.param(lambda folder: (folder / store.HEAD_FILE).unlink(), id="no head"),
        pytest.param(lambda folder: (folder / store.CARD_FILE).write_text("{"), id="cut off card"),
        pytest.param(lambda folder: (folder / store.CARD_FILE).write_text("[]"), id="other JSON"),
        pytest.param(lambda folder: (folder / store.CARD_FILE).write_bytes(b"\xff"), id="no text"),
        pytest.param(cut_off_head, id="cut off head"),
        pytest.param(lambda folder: (folder / store.HEAD_FILE).write_bytes(b""), id="empty head"),
        pytest.param(with_card(network="unicorn"), id="unknown network"),
        pytest.param(with_card(network=5), id="network is a number"),
        pytest.param(with_card(network=None), id="network is null"),
        pytest.param(with_card(labels=["cat"]), id="too few labels"),
        pytest.param(with_card(labels=["cat", "cat"]), id="labels alike"),
        pytest.param(with_card(labels=None), id="labels are null"),
        pytest.param(with_card(val_accuracy="high"), id="accuracy is a word"),
        pytest.param(with_head(torch.zeros(2, 7), torch.zeros(2)), id="head too narrow"),
        pytest.param(with_head(torch.zeros(1280), torch.zeros(2)), id="head is flat"),
        pytest.param(with_head(torch.zeros(2, 1280), torch.zeros(3)), id="bias too long"),
    ],
)
def test_a_damaged_folder_is_refused_with_a_sentence(saved, damage):
    damage(saved)
    with pytest.raises(Problem):
        store.load(saved)


class _Malice:
    """Unpickles into a file, which shows that code was run."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_a_pickle_in_place_of_the_head_runs_nothing(saved, tmp_path):
    marker = tmp_path / "code was run"
    (saved / store.HEAD_FILE).write_bytes(pickle.dumps(_Malice(marker)))
    with pytest.raises(Problem):
        store.load(saved)
    assert not marker.exists()


def test_the_head_is_readable_by_anyone_with_safetensors(pets, tmp_path):
    store.save(pets, tmp_path / "mine")
    tensors = load_file(tmp_path / "mine" / store.HEAD_FILE)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
        "weight": (2, 1280),
        "bias": (2,),
    }


def test_a_folder_that_cannot_be_written_is_named(tiny, colours, tmp_path):
    (tmp_path / "file").write_text("in the way")
    training = finish(train(tiny, colours, Settings(epochs=1), EmbeddingCache()))
    with pytest.raises(Problem, match="cannot be written to"):
        store.save(training, tmp_path / "file" / "mine")


def test_labels_with_any_script_survive_storage(saved):
    with_card(labels=["Löwe", "獅子"])(saved)
    assert store.load(saved).labels[:] == Labels(["Löwe", "獅子"])[:]


def test_an_image_of_any_mode_can_be_learned_from(tiny):
    def grey(seed: int) -> bytes:
        buffer = io.BytesIO()
        Image.open(io.BytesIO(png(seed))).convert("LA").save(buffer, "PNG")
        return buffer.getvalue()

    files = {
        "grey": [(f"{i}.png", grey(i)) for i in range(4)],
        "red": [(f"{i}.png", red(i)) for i in range(4)],
    }
    assert finish(train(tiny, from_files(files), Settings(), EmbeddingCache())).n_train == 4


def test_looking_at_photos_leaves_the_number_of_threads_as_it_is(tiny, colours):
    before = torch.get_num_threads()
    list(train(tiny, colours, Settings(epochs=1), EmbeddingCache()))
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert (torch.get_num_threads(), *found) == (before, before)
