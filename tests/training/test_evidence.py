"""The evidence: a look at the data, scores, a map of the features, and what transfer is worth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import recall_score
from streamlit.testing.v1 import AppTest
from torch import nn

from core.data.datasets import Dataset, Photo, Split, from_folder, split
from core.data.overview import Overview, survey
from core.images import photos
from core.problem import Problem
from core.steps import finish
from core.training import evidence, learning_curve, projection
from core.training.challenge import challenge
from core.training.embeddings import EmbeddingCache
from core.training.loop import train
from core.training.random_body import random_body
from core.training.settings import Settings
from core.zoo.labels import imagenet


def png(seed: int, tint: tuple[int, int, int] = (0, 0, 0)) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 100, (20, 20, 3))
    return photos.encode_png((noise + tint).astype(np.uint8))


def coloured(count: int) -> tuple[Photo, ...]:
    """Red and blue photos, so many of each."""
    red = [Photo(f"r{i}", 0, png(i, (150, 0, 0))) for i in range(count)]
    return (*red, *(Photo(f"b{i}", 1, png(500 + i, (0, 0, 150))) for i in range(count)))


# A look at the data


def overview(dataset: Dataset, **choice: int) -> Overview:
    return finish(survey(dataset, **choice))


def test_the_overview_counts_what_can_be_read_and_names_what_cannot():
    whole = png(1)
    rows = (*coloured(3), Photo("cut.png", 0, whole[: len(whole) // 2]), Photo("empty.png", 1, b""))
    seen = overview(Dataset(("red", "blue"), rows))
    assert seen.counts == (3, 3)
    assert seen.balance == 1
    assert {skipped.file for skipped in seen.unreadable} == {"cut.png", "empty.png"}
    assert "cut off" in str(seen.unreadable[0].reason)


def test_the_overview_says_how_uneven_the_classes_are():
    seen = overview(Dataset(("red", "blue"), coloured(4)[:5]))
    assert (seen.smallest, seen.largest) == (("blue", 1), ("red", 4))
    assert seen.balance == pytest.approx(0.25)
    assert seen.always_largest == pytest.approx(0.8)


def test_copies_are_told_apart_by_the_harm_they_do():
    learn, examine = False, True
    rows = (
        Photo("a", 0, png(1), learn),
        Photo("a again", 0, png(1), learn),
        Photo("b", 0, png(2), learn),
        Photo("b examined", 0, png(2), examine),
        Photo("c", 0, png(3), learn),
        Photo("c elsewhere", 1, png(3), learn),
        Photo("d", 1, png(4), examine),
    )
    seen = overview(Dataset(("x", "y"), rows))
    assert [[p.name for p in group.photos] for group in seen.copies] == [
        ["a", "a again"],
        ["b", "b examined"],
        ["c", "c elsewhere"],
    ]
    assert [p.name for group in seen.leaks for p in group.photos] == ["b", "b examined"]
    assert [p.name for group in seen.contradictions for p in group.photos] == ["c", "c elsewhere"]
    assert seen.extra_copies == 3


def test_samples_are_of_their_class_distinct_and_the_same_for_the_same_seed():
    rows = (*coloured(20), *coloured(20))
    dataset = Dataset(("red", "blue"), rows)
    seen = overview(dataset, samples=6, seed=1)
    for label, samples in enumerate(seen.samples):
        assert {photo.label for photo in samples} == {label}
        assert len({photo.data for photo in samples}) == 6
    assert overview(dataset, samples=6, seed=1) == seen
    assert overview(dataset, samples=6, seed=2).samples != seen.samples


def test_a_class_of_which_nothing_is_readable_has_no_samples():
    seen = overview(Dataset(("red", "broken"), (*coloured(2)[:2], Photo("x", 1, b"x"))))
    assert seen.counts == (2, 0)
    assert seen.samples[1] == ()
    assert seen.balance == 0


def test_the_survey_counts_photos():
    steps = list(survey(Dataset(("red", "blue"), coloured(20))))
    assert [step.index for step in steps] == [16, 32, 40]
    assert [step.result is not None for step in steps] == [False, False, True]


# Scores


def test_the_score_of_a_class_is_sklearns_recall():
    truth, predicted = np.random.default_rng(0).integers(0, 4, (2, 200))
    matrix = evidence.confusion_matrix(truth, predicted, 4)
    scores = evidence.per_class(matrix, "abcd")
    expected = recall_score(truth, predicted, average=None)
    assert [score.accuracy for score in scores] == pytest.approx(list(expected))
    assert sum(score.total for score in scores) == 200


def test_the_interval_of_a_class_is_wilsons():
    # By hand, for 8 of 10: (0.8 + 1.92/10 ± 1.96 √(0.16/10 + 0.96/100)) / (1 + 3.84/10)
    z2 = 1.96**2
    centre, half = 0.8 + z2 / 20, 1.96 * math.sqrt(0.16 / 10 + z2 / 400)
    expected = (centre - half) / (1 + z2 / 10), (centre + half) / (1 + z2 / 10)
    assert evidence.Score("x", 8, 10).interval == pytest.approx(expected)


def test_a_class_that_was_not_examined_has_no_accuracy():
    score = evidence.per_class(np.array([[2, 1], [0, 0]]), ["seen", "missing"])[1]
    assert score.accuracy is None
    assert score.interval == (0, 1)


def test_mistakes_come_most_confident_first():
    truth, predicted = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 0])
    confidence = np.array([0.9, 0.6, 0.8, 0.9, 0.7], dtype=np.float32)
    assert evidence.confident_mistakes(truth, predicted, confidence).tolist() == [2, 4, 1]
    assert evidence.confident_mistakes(truth, predicted, confidence, 1).tolist() == [2]
    assert evidence.in_cell(truth, predicted, confidence, (1, 0)).tolist() == [2, 4]
    assert evidence.in_cell(truth, predicted, confidence, (0, 0)).tolist() == [0]


# What ImageNet knows


@pytest.mark.parametrize(
    ("name", "one_of_them", "count"),
    [
        ("Cat", "Egyptian cat", 5),
        ("dogs", "pug", 118),
        ("🐱 gatos", "tabby", 5),
        ("bees", "bee", 1),
        ("yorkshire_terrier", "Yorkshire terrier", 1),
        ("hot dog", "hotdog", 1),
        ("wolves", "timber wolf", 4),
    ],
)
def test_classes_are_found_by_what_people_call_them(name, one_of_them, count):
    labels = imagenet()
    found = [labels[i] for i in evidence.called(name, labels)]
    assert one_of_them in found
    assert len(found) == count


@pytest.mark.parametrize("name", ["7", "", "faces", "👍", "ion", "a/b"])
def test_what_imagenet_has_no_word_for_is_not_found(name):
    assert evidence.called(name, imagenet()) == ()


def test_familiarity_is_what_the_networks_own_head_says(tiny):
    features = torch.randn(30, 12, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(30) % 3
    found = evidence.familiarity(tiny, ["class", "class 2", "x", "none"], features, labels)
    answers = tiny.head(features).argmax(dim=1)
    for label in range(3):
        of_class = answers[labels == label].tolist()
        most = max(set(of_class), key=of_class.count)
        assert found[label].fraction == pytest.approx(of_class.count(most) / 10)
        assert found[label].total == 10
    assert found[3].total == 0
    assert found[3].answer == ""


def test_nothing_to_ask_about_is_no_error(tiny):
    found = evidence.familiarity(tiny, ["a", "b"], torch.empty(0, 0), torch.empty(0).long())
    assert [one.total for one in found] == [0, 0]


# The map


@pytest.mark.parametrize("shape", [(40, 12), (8, 60), (2, 5), (3, 2)])
def test_the_projection_is_sklearns_pca(shape):
    features = np.random.default_rng(1).normal(3, 2, shape).astype(np.float32)
    ours, theirs = projection.pca(features), PCA(2).fit_transform(features.astype(np.float64))
    for axis in range(2):
        assert np.allclose(np.abs(ours[:, axis]), np.abs(theirs[:, axis]), atol=1e-4)


@pytest.mark.parametrize("project", [projection.pca, projection.tsne])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_few_or_identical_photos_have_a_map_too(project, count):
    different = np.random.default_rng(0).normal(size=(count, 9)).astype(np.float32)
    for features in (different, np.ones((count, 9), dtype=np.float32)):
        points = project(features)
        assert points.shape == (count, 2)
        assert np.isfinite(points).all()


def test_tsne_keeps_groups_together_and_depends_on_its_seed_alone():
    chance = np.random.default_rng(0)
    features = np.concatenate([chance.normal(9 * i, 1, (20, 30)) for i in (0, 1)])
    points = projection.tsne(features.astype(np.float32), seed=3)
    centres = points[:20].mean(axis=0), points[20:].mean(axis=0)
    for group, (own, other) in ((points[:20], centres), (points[20:], centres[::-1])):
        near = np.linalg.norm(group - own, axis=1) < np.linalg.norm(group - other, axis=1)
        assert near.all()
    np.random.seed(9)  # the global numbers must not matter
    assert np.array_equal(projection.tsne(features.astype(np.float32), seed=3), points)


# A network that has learned nothing


def test_random_weights_depend_on_their_seed_alone(tiny):
    picture = photos.prepare(photos.read_sample("cat"), 16)
    torch.manual_seed(1)
    first = random_body(tiny, 0).embed(picture)
    torch.manual_seed(2)
    assert torch.equal(random_body(tiny, 0).embed(picture), first)
    assert not torch.equal(random_body(tiny, 1).embed(picture), first)


def test_making_a_random_network_changes_neither_the_original_nor_the_global_numbers(tiny):
    before = {name: tensor.clone() for name, tensor in tiny.state_dict().items()}
    state = torch.get_rng_state()
    other = random_body(tiny, 0)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in tiny.state_dict().items())
    assert not any(p.requires_grad for p in other.body.parameters())
    assert (tiny.provenance.body, other.provenance.body) == ("", "random-0")


def test_the_signal_survives_all_layers_of_a_random_network(lite0):
    other = random_body(lite0, 0)
    seen = torch.cat([photos.prepare(photos.read_sample(name), 224) for name in ("cat", "car")])
    outputs = other.look([layer.name for layer in other.layers], answer=False)(seen).maps
    for name, maps in outputs.items():
        assert torch.isfinite(maps).all(), name
        assert 0.05 < maps.std() < 20, name
    first, second = other.embed(seen)
    assert (first - second).norm() > 0.05 * first.norm()


def test_norms_that_are_not_folded_away_are_forgotten_too(make_tiny):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        norm = nn.BatchNorm2d(8)
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, bias=False), norm, nn.ReLU(), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(8, 2),
        )  # fmt: skip
        norm.weight.data.fill_(100)
        norm.running_mean.fill_(50)
    other = random_body(make_tiny(network), 0)
    seen = torch.cat(
        [photos.prepare(photos.read_sample(sample.id), 16) for sample in photos.SAMPLES]
    )
    # The positive half of a standard normal distribution has the mean 0.4.
    assert 0.2 < other.embed(seen).mean() < 0.6


# The learning curve

QUICK = learning_curve.CurveSettings(seeds=2, head=Settings(epochs=15))


@pytest.fixture(scope="module")
def measured(test_data, lite0) -> learning_curve.LearningCurve:
    """The curve of a few cats and dogs."""
    dataset = from_folder(test_data / "PetImages")
    parts = split(dataset, per_class=10, validation_per_class=20, seed=0)
    settings = learning_curve.CurveSettings(
        kinds=("transfer", "pixels"), seeds=2, head=Settings(epochs=15)
    )
    return finish(learning_curve.learning_curve(lite0, parts, 2, settings, EmbeddingCache()))


def test_what_was_learned_before_is_worth_more_than_pixels(measured):
    transfer, pixels = measured.curve("transfer"), measured.curve("pixels")
    assert [spread.per_class for spread in transfer] == [1, 2, 5, 10]
    assert transfer[-1].mean > 0.9
    assert transfer[-1].mean > pixels[-1].mean + 0.2
    assert measured.kinds == ("transfer", "pixels")


def test_the_curve_grows_point_by_point_and_in_one_count(tiny):
    rows = coloured(6)
    parts = Split(rows[:4] + rows[6:10], rows[4:6] + rows[10:])
    steps = list(learning_curve.learning_curve(tiny, parts, 2, QUICK, EmbeddingCache()))
    sizes = [len(step.result.points) if step.result else 0 for step in steps]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 3 * 2 * 3  # kinds, seeds, and 1, 2, 4 photos a class
    done = [step.index for step in steps]
    assert done == sorted(set(done))
    assert done[-1] == steps[-1].total
    curve = steps[-1].result
    assert (curve.n_val, curve.chance) == (4, 0.5)
    assert {(s.seeds, s.low <= s.mean <= s.high) for k in curve.kinds for s in curve.curve(k)} == {
        (2, True)
    }


def test_the_same_settings_give_the_same_curve(tiny):
    rows = coloured(5)
    parts = Split(rows[:3] + rows[5:8], rows[3:5] + rows[8:])

    def run() -> learning_curve.LearningCurve:
        torch.manual_seed(torch.seed())
        return finish(learning_curve.learning_curve(tiny, parts, 2, QUICK, EmbeddingCache()))

    assert run() == run()


def test_random_features_do_not_get_into_the_cache_of_the_trained_ones(tiny):
    rows, cache = coloured(4), EmbeddingCache()
    parts = Split(rows[:2] + rows[4:6], rows[2:4] + rows[6:])

    def only(kind: learning_curve.Kind) -> learning_curve.LearningCurve:
        settings = learning_curve.CurveSettings(kinds=(kind,), seeds=1, head=QUICK.head)
        return finish(learning_curve.learning_curve(tiny, parts, 2, settings, cache))

    transfer = only("transfer")
    only("random")
    assert only("transfer") == transfer
    keys = {key[1] for key in cache._entries}
    assert keys == {"", "random-0"}


@pytest.mark.parametrize(
    ("most", "counts"), [(1, (1,)), (2, (1, 2)), (60, (1, 2, 5, 10, 20, 50, 60)), (0, (0,))]
)
def test_the_counts_go_as_far_as_the_data(most, counts):
    assert learning_curve.counts_up_to(most) == counts


def test_large_sets_are_thinned_out_class_by_class(tiny):
    rows = coloured(10)
    parts = Split(rows[:8] + rows[10:18], rows[8:10] + rows[18:])
    settings = learning_curve.CurveSettings(
        kinds=("pixels",), seeds=1, head=Settings(epochs=2), most_train=6, most_validation=2
    )
    curve = finish(learning_curve.learning_curve(tiny, parts, 2, settings, EmbeddingCache()))
    assert [spread.per_class for spread in curve.curve("pixels")] == [1, 2, 3]
    assert curve.n_val == 2


def test_a_class_with_a_single_photo_and_one_missing_from_validation_have_a_curve(tiny):
    rows = coloured(5)
    parts = Split((*rows[:4], rows[5]), rows[4:5])
    curve = finish(learning_curve.learning_curve(tiny, parts, 2, QUICK, EmbeddingCache()))
    assert [spread.per_class for spread in curve.curve("transfer")] == [1, 2, 4]


def test_a_curve_without_a_readable_photo_is_answered_with_a_sentence(tiny):
    parts = Split((Photo("a", 0, b"a"), Photo("b", 1, b"b")), coloured(1))
    with pytest.raises(Problem, match="Too few photos could be read"):
        finish(learning_curve.learning_curve(tiny, parts, 2, QUICK, EmbeddingCache()))


@pytest.mark.parametrize("seeds", [0, 50])
def test_an_impossible_number_of_seeds_is_refused(seeds):
    with pytest.raises(Problem, match="number of seeds must lie between 1 and 10"):
        learning_curve.CurveSettings(seeds=seeds)


def test_the_challenge_scores_each_data_set_as_a_training_of_its_own_would(tiny):
    sets = {
        "many": Dataset(("red", "blue"), coloured(10)),
        "few": Dataset(("red", "blue"), coloured(4)),
    }
    settings = Settings(epochs=5)
    steps = list(challenge(tiny, sets, settings, EmbeddingCache()))
    done = [step.index for step in steps]
    assert done == sorted(done)
    assert done[-1] == 1000
    alone = [finish(train(tiny, dataset, settings, EmbeddingCache())) for dataset in sets.values()]
    assert [(s.class_name, s.total, s.accuracy) for s in steps[-1].result] == [
        (name, training.n_val, pytest.approx(training.accuracy))
        for name, training in zip(sets, alone, strict=True)
    ]


# What a visitor sees


def page_of_evidence() -> None:
    """A page with everything; its names have to be imported inside."""
    import numpy as np
    import torch

    from core.data.datasets import Dataset, Photo
    from core.data.overview import survey
    from core.images import photos
    from core.steps import finish
    from core.training import evidence as scores
    from core.training.learning_curve import LearningCurve, Point
    from pages.parts.fine_tuning import (
        data_set,
        embedding_map,
        evidence,
        known_before,
        learning_curve,
    )
    from pages.parts.shared.live import Seldom

    names = ("cat *1*", "<b>dog</b>")
    shown = tuple(
        Photo(f"{i}.png", i % 2, photos.encode_png(np.full((9, 9, 3), 9 * i, dtype=np.uint8)))
        for i in range(8)
    )
    copy = Photo("copy.png", 1, shown[0].data)
    seen = finish(survey(Dataset(names, (*shown, copy, Photo("bad.png", 1, b"x")))))
    data_set.overview(seen)
    predicted = np.array([0, 1, 1, 1, 0, 0, 0, 0])
    answers = evidence.Answers(shown, names, predicted, np.linspace(0.6, 0.9, 8, dtype=np.float32))
    evidence.accuracy(answers)
    evidence.confusion(answers, "test")
    evidence.mistakes(answers)
    features = torch.arange(16.0).view(8, 2) ** 2
    embedding_map.embedding_map(features, shown, names, "map", predicted=predicted)
    growing = learning_curve.GrowingCurve("growing")
    growing.draw(None)
    points = [Point("transfer", n, s, 0.8 + 0.1 * s) for n in (1, 5) for s in (0, 1)]
    for count in (2, 2, 4):
        curve = LearningCurve(tuple(points[:count]), 60, 0.5, 2)
        growing._seldom = Seldom(0)  # the test does not wait
        growing.draw(curve)
    learning_curve.learning_curve(curve, "curve")
    learning_curve.learning_curve_words(curve)
    found = scores.Familiarity("cat *1*", ("tabby",), "tabby", 0.7, 0.9, 0.6, 4)
    unknown = scores.Familiarity("<b>dog</b>", (), "", 0.0, 0.0, 0.0, 0)
    known_before.is_it_fair([found, unknown], [scores.Score("digits", 80, 100)])


@pytest.mark.parametrize(
    ("pixels", "start", "said"),
    [
        ((0.3, 0.4, 0.5), None, "**45** percentage points ahead of the bare pixels"),
        ((0.5, 0.79, 0.96), 2, "From **2** photos per class on, the bare pixels do just as well"),
        ((0.9, 0.2, 0.95), 5, "From **5** photos per class on"),  # once is not on and on
    ],
)
def test_a_learning_curve_says_when_the_pretrained_network_is_worth_nothing(pixels, start, said):
    from core.training.learning_curve import LearningCurve, Point

    measured = {"transfer": (0.6, 0.8, 0.95), "pixels": pixels}
    points = tuple(
        Point(kind, count, 0, share)
        for kind, shares in measured.items()
        for count, share in zip((1, 2, 5), shares, strict=True)
    )
    curve = LearningCurve(points, 60, 0.1, 1)
    assert curve.as_good_from("pixels") == start

    def page(curve):
        from pages.parts.fine_tuning.learning_curve import learning_curve_words

        learning_curve_words(curve)

    app = AppTest.from_function(page, args=(curve,)).run()
    assert said in words(app)


@pytest.fixture
def shown() -> AppTest:
    app = AppTest.from_function(page_of_evidence, default_timeout=60)
    app.context = {"locale": "en-US"}
    return app.run()


def words(app: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "header")
    texts = [element.value for kind in kinds for element in app.get(kind)]
    return "\n".join([*texts, *(element.proto.body for element in app.get("html"))])


def test_the_evidence_is_shown_and_names_are_only_names(shown):
    assert not shown.exception
    text = words(shown)
    assert "in several classes at once: 1" in text
    assert r"\<b\>dog\</b\>" in text
    assert "<b>dog</b>" not in text
    assert "&lt;b&gt;dog&lt;/b&gt;" in text
    assert "62.5%" in text
    assert "Partly: of your 2 classes ImageNet already knows **1**" in text


def test_the_photos_behind_a_cell_are_shown(shown):
    cell = shown.selectbox(key="test_cell")
    assert cell.value == (1, 0)  # the most frequent mistake comes first
    assert cell.options[0] == "actual <b>dog</b>, predicted cat *1* (2)"
    galleries = [e.proto.body for e in shown.get("html") if "photo-grid" in e.proto.body]
    assert galleries[0].count("<figure>") == 2
    cell.set_value((0, 0)).run()
    galleries = [e.proto.body for e in shown.get("html") if "photo-grid" in e.proto.body]
    assert galleries[0].count("<figure>") == 3
    assert galleries[0].count("✓") == 3


def test_the_map_can_be_laid_out_by_tsne_too(shown):
    shown.segmented_control(key="map_method").set_value("tsne").run()
    assert not shown.exception


def page_of_data() -> None:
    """A data set of the webcam, and one that comes divided with much that is left out."""
    import numpy as np

    from core.data.datasets import Dataset, Photo
    from core.data.overview import survey
    from core.data.photo_files import Skipped
    from core.images import photos
    from core.problem import Problem
    from core.steps import finish
    from pages.parts.fine_tuning import data_set

    def photo(i: int, label: int, **more: object) -> Photo:
        pixels = np.full((9, 9, 3), i, dtype=np.uint8)
        return Photo(f"{i}.png", label, photos.encode_png(pixels), **more)

    takes = [photo(i, 0, group="a") for i in range(3)]
    takes += [photo(i + 10, 1, group=f"b{i % 2}") for i in range(4)]
    data_set.overview(finish(survey(Dataset(("once", "twice"), tuple(takes)))))
    divided = [photo(i + 20, 0, is_validation=i > 2) for i in range(5)]
    left_out = (Skipped("a.mov", Problem("a.mov is a film.")),)
    data_set.overview(finish(survey(Dataset(("read", "unread"), tuple(divided), left_out, 7))))


def test_the_sheet_tells_takes_divisions_and_what_was_left_out():
    app = AppTest.from_function(page_of_data, default_timeout=60)
    app.context = {"locale": "en-US"}
    app.run()
    assert not app.exception
    text = words(app)
    assert text.count("The photos of one take") == 1
    assert "There is only one take of: once. " in text
    assert "**3** to train, **2** to validate, as your folders say." in text
    assert "No photo can be read of: unread." in text
    assert "Photos without a class, left out: **7**" in text
    assert [e.label for e in app.expander] == ["Left out, with the reasons: 1"]
    assert "a.mov is a film." in text
