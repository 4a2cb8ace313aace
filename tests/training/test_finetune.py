"""Training more than the head, and the tricks of descent."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from core.data.datasets import Dataset, from_files
from core.images import photos
from core.problem import Problem
from core.steps import finish
from core.training import embeddings
from core.training.comparison import compare
from core.training.descent import dropout, make_optimiser, regularise, search_rate
from core.training.embeddings import EmbeddingCache, Examples
from core.training.hardening import HARDENED, PLAIN, RECIPE, with_and_without
from core.training.loop import descend, train, train_head
from core.training.network import Blocks, HeadAlone, fast_gradient_sign, fingerprint
from core.training.settings import SETTINGS, Settings, settings_for
from core.zoo import loading
from core.zoo.graph import rest, tap


@pytest.fixture(scope="module")
def samples() -> Dataset:
    """Cut-outs of two sample photos: enough to learn from, and quick."""
    files = {}
    for name in ("dalmatian", "cat"):
        picture = photos.read_sample(name)
        crops = [picture.crop((i, i, i + 200, i + 200)).resize((96, 96)) for i in range(0, 60, 10)]
        files[name] = [
            (f"{name}-{i}.png", photos.encode_png(photos.to_pixels(photos.to_tensor(crop))))
            for i, crop in enumerate(crops)
        ]
    return from_files(files)


def problem(count=90, classes=3, width=12):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % classes
    centres = 3 * torch.randn(classes, width, generator=generator)
    return centres[labels] + torch.randn(count, width, generator=generator), labels


# Descent


@pytest.mark.parametrize("optimiser", SETTINGS["optimiser"].choices)
@pytest.mark.parametrize("schedule", SETTINGS["schedule"].choices)
def test_each_optimiser_learns_at_its_own_rate_under_each_schedule(optimiser, schedule):
    learned = problem()
    settings = settings_for("head", optimiser, epochs=20, schedule=schedule)
    assert finish(train_head(learned, learned, 3, settings)).evaluation.accuracy > 0.95


def distances(schedule):
    """How far plain descent goes at each of 20 steps down the same slope."""
    network = HeadAlone(torch.eye(2), classes=2)
    examples = Examples(torch.ones(8, 2), torch.zeros(8, dtype=torch.long))
    settings = Settings(epochs=10, batch=4, learning_rate=1e-3, optimiser="sgd", schedule=schedule)
    places = {0: network.head.bias.detach().clone()}
    for step in descend(network, examples, examples, settings):
        places[step.index] = network.head.bias.detach().clone()
    return [(after - before).norm().item() for before, after in pairwise(places.values())]


def test_the_schedule_sets_the_pace():
    constant, cosine, warm = map(distances, ("constant", "cosine", "warm-up"))
    assert constant[-1] == pytest.approx(constant[0], rel=0.05)
    assert cosine[0] == constant[0]
    assert cosine[-1] < 0.1 * cosine[0]
    assert warm[0] == pytest.approx(constant[0] / 2, rel=0.05)
    assert warm[-1] == pytest.approx(cosine[-1], rel=0.05)


def test_clipping_bounds_the_step():
    layer = nn.Linear(4, 2)
    before = torch.cat([p.detach().flatten().clone() for p in layer.parameters()])
    weights = tuple(layer.parameters())
    settings = Settings(optimiser="sgd", learning_rate=1.0, clip=0.5)
    logits = layer(1000 * torch.ones(3, 4))
    nn.functional.cross_entropy(logits, torch.tensor([0, 1, 0])).backward()
    regularise(weights, settings, 3)
    make_optimiser(weights, settings).step()
    after = torch.cat([p.detach().flatten() for p in layer.parameters()])
    assert (after - before).norm().item() == pytest.approx(0.5, rel=1e-4)


def test_dropout_keeps_the_mean_and_leaves_the_global_random_numbers_alone():
    before = torch.get_rng_state()
    generator = torch.Generator().manual_seed(0)
    blanked = dropout(torch.ones(400, 50), 0.4, generator)
    assert torch.equal(torch.get_rng_state(), before)
    assert (blanked == 0).float().mean().item() == pytest.approx(0.4, abs=0.02)
    assert blanked.mean().item() == pytest.approx(1.0, abs=0.03)


def test_label_smoothing_makes_the_network_less_certain():
    learned = problem()

    def certainty(smoothing):
        settings = Settings(epochs=200, label_smoothing=smoothing, weight_decay=0)
        return finish(train_head(learned, learned, 3, settings)).evaluation.confidence.mean()

    assert certainty(0.3) < certainty(0.0) - 0.1


def test_patience_ends_what_no_longer_gets_better():
    features, labels = problem()
    unknowable = torch.roll(labels, 1)
    settings = Settings(epochs=100, patience=3)
    steps = list(train_head((features, labels), (features, unknowable), 3, settings))
    assert steps[-1].index == steps[-1].result.epoch + 3 < 100
    assert steps[-1].index == steps[-1].total


def test_the_search_suggests_a_rate_that_learns():
    learned = problem()
    found = search_rate(learned, 3, Settings())
    assert list(found.rates) == sorted(found.rates)
    settings = Settings(epochs=10, learning_rate=found.suggestion)
    assert finish(train_head(learned, learned, 3, settings)).evaluation.accuracy > 0.9


@pytest.mark.parametrize(
    "absurd", [{"dropout": 1.0}, {"clip": -1}, {"label_smoothing": 2}, {"weight_decay": -1}]
)
def test_absurd_tricks_are_refused(absurd):
    with pytest.raises(Problem, match="must lie between"):
        Settings(**absurd)


# Fine-tuning


def test_the_rest_of_a_network_goes_on_where_the_first_part_ended(lite0):
    node = lite0.layers[-3].node
    generator = torch.Generator().manual_seed(0)
    pictures = lite0.normalise(torch.rand(2, 3, 64, 64, generator=generator))
    with torch.no_grad():
        maps = tap(lite0.body, [node])(pictures)[node]
        assert torch.allclose(rest(lite0.body, node)(maps), lite0.body(pictures), atol=1e-3)


def test_a_network_that_goes_around_a_node_cannot_be_cut_there(lite0):
    inside = next(
        n.name for n in lite0.body.graph.nodes if "conv_pwl" in n.name and "2_1" in n.name
    )
    with pytest.raises(ValueError, match="alone"):
        rest(lite0.body, inside)


@pytest.fixture(scope="module")
def tuned(samples):
    base = loading.shared("efficientnet_lite0")
    settings = settings_for("blocks", blocks=1, epochs=2, head_epochs=5)
    return base, list(train(base, samples, settings, EmbeddingCache()))


def test_fine_tuning_changes_the_last_blocks_only_and_not_the_shared_network(tuned, lite0):
    base, steps = tuned
    own, shared = steps[-1].result.classifier, base
    assert own.provenance.body.startswith("tuned-")
    assert shared is lite0
    picture = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    names = [layer.name for layer in shared.layers]
    ours, theirs = (c.look(names, answer=False)(picture).maps for c in (own, shared))
    changed = [n for n in names if not torch.allclose(ours[n], theirs[n], atol=1e-3)]
    assert changed == names[-1:]


def test_the_network_that_is_kept_gives_the_answers_it_was_examined_on(tuned):
    training = tuned[1][-1].result
    size = training.classifier.input_size
    for i, photo in enumerate(training.validation):
        picture = photos.prepare(photos.decode(photo.data, photo.name), size)
        probabilities = training.classifier.probabilities(picture)[0]
        answer = int(training.evaluation.predicted[i])
        assert probabilities[answer].item() == pytest.approx(
            training.evaluation.confidence[i].item(), abs=5e-3
        )


def test_stopping_keeps_the_best_epoch(tuned):
    _, steps = tuned
    ends = [step for step in steps if "validation loss" in step.scalars]
    assert len(ends) == 2
    best = min(step.scalars["validation loss"] for step in ends)
    assert steps[-1].result.evaluation.loss == best
    assert steps[-1].index == steps[-1].total
    first = steps.index(ends[0])
    assert all(step.result is not None for step in steps[first:])


def test_from_scratch_everything_learns_and_is_reproducible(samples):
    base = loading.shared("efficientnet_lite0")
    before = torch.get_rng_state()

    settings = settings_for(
        "scratch", epochs=1, augmentation=False, per_class=2, validation_per_class=1
    )
    first, second = (
        finish(train(base, samples, settings, EmbeddingCache())).classifier for _ in range(2)
    )
    assert first.provenance.body == second.provenance.body
    assert torch.equal(torch.get_rng_state(), before)
    start = loading.untrained("efficientnet_lite0", 0).body
    loading.fast(start)
    assert first.provenance.body != f"tuned-{fingerprint(start)}"
    weights = zip(first.body.parameters(), start.parameters(), strict=True)
    assert not any(torch.equal(after, before) for after, before in weights)


def test_ways_are_compared_on_the_same_photos(samples, lite0):
    cache = EmbeddingCache()
    ways = {
        "head": train(lite0, samples, Settings(epochs=2), cache),
        "blocks": train(lite0, samples, settings_for("blocks", blocks=1, epochs=1), cache),
    }
    *_, last = compare(ways)
    assert list(last.result) == ["head", "blocks"]
    assert last.index == last.total
    head, blocks = (outcome.training for outcome in last.result.values())
    assert [p.name for p in head.validation] == [p.name for p in blocks.validation]
    assert all(outcome.seconds > 0 for outcome in last.result.values())


def test_adversarial_training_attacks_within_epsilon_and_is_remembered(samples):
    base = loading.shared("efficientnet_lite0")
    network = Blocks(base, settings_for("blocks", blocks=1, epsilon=4), classes=2)
    torch.nn.init.normal_(network.head.weight, generator=torch.Generator().manual_seed(0))
    kept = torch.stack([torch.full((3, 224, 224), value, dtype=torch.uint8) for value in (0, 200)])
    labels = torch.tensor([0, 1])
    generator = torch.Generator().manual_seed(0)
    changed = fast_gradient_sign(network, kept, labels, 4 / 255, generator)
    assert (changed - kept / 255).abs().max() <= 4 / 255 + 1e-6
    assert 0 <= changed.min() < changed.max() <= 1

    def loss(pictures):
        with torch.no_grad():
            return nn.functional.cross_entropy(network.head(network.body(pictures)), labels)

    assert loss(changed) > loss(kept / 255)
    settings = settings_for(
        "blocks",
        blocks=1,
        epochs=1,
        epsilon=4,
        augmentation=False,
        per_class=2,
        validation_per_class=1,
    )
    training = finish(train(base, samples, settings, EmbeddingCache()))
    assert training.settings.epsilon == 4
    assert training.classifier.provenance.body.startswith("tuned-")


def test_with_and_without_adversarial_training_differ_in_nothing_else(samples):
    base, cache = loading.shared("efficientnet_lite0"), EmbeddingCache()
    settings = settings_for(
        "blocks", blocks=1, epochs=2, epsilon=4, augmentation=False, per_class=2
    )
    own = finish(train(base, samples, settings, cache))
    assert own.epoch == 2  # the latest one, not that of the least loss without attack
    steps = list(with_and_without(base, own, 4, cache))
    plain, hardened = steps[-1].result[PLAIN], steps[-1].result[HARDENED]
    assert hardened is own  # not trained again
    assert plain.settings == replace(settings, epsilon=0)
    assert {p.data for p in plain.train} == {p.data for p in own.train}
    assert {p.data for p in plain.validation} == {p.data for p in own.validation}
    assert all(step.index <= step.total for step in steps)


def test_a_network_that_nobody_attacked_is_compared_by_the_recipe(samples):
    base, cache = loading.shared("efficientnet_lite0"), EmbeddingCache()
    own = finish(train(base, samples, Settings(per_class=2), cache))
    steps = with_and_without(base, own, 1, cache)
    found = next(step.result for step in steps if step.result)
    steps.close()
    assert found[PLAIN].settings == RECIPE


def test_too_many_photos_to_keep_are_looked_at_anew_and_learned_from_alike(samples, monkeypatch):
    base, cache = loading.shared("efficientnet_lite0"), EmbeddingCache()
    settings = settings_for("blocks", blocks=1, epochs=2, per_class=3, head_epochs=2)
    kept = list(train(base, samples, settings, cache))
    monkeypatch.setattr(embeddings, "_MOST_BYTES_OF_MAPS", 0)
    anew = list(train(base, samples, settings, cache))
    losses = [
        [step.scalars["training loss"] for step in steps if "training loss" in step.scalars]
        for steps in (kept, anew)
    ]
    assert len(losses[0]) == 2
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert [step.index for step in anew] == sorted(step.index for step in anew)
    assert anew[-1].index == anew[-1].total
