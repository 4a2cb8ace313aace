"""Adversarial photos: within ε, as strong as foolbox, and reported as they can be saved."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import foolbox
import numpy as np
import pytest
import torch
from PIL import Image

from core.attacks.goal import Goal, goal_for
from core.attacks.loop import Settings, attack
from core.attacks.norm import L2, NORMS, LInf
from core.attacks.report import amplify, report
from core.images import photos
from core.problem import Problem
from core.zoo import predictions

DALMATIAN, TABBY = 251, 281
TOWARDS_TABBY = Goal(TABBY, targeted=True)
AWAY_FROM_DALMATIAN = Goal(DALMATIAN, targeted=False)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="session")
def prepared(dalmatian) -> torch.Tensor:
    return photos.prepare(dalmatian, 224)


@pytest.fixture
def photo() -> torch.Tensor:
    """Noise for the tiny network, with values at both ends of the range."""
    return (1.4 * torch.rand(1, 3, 16, 16, generator=seeded(5)) - 0.2).clamp(0, 1)


def last(steps):
    return list(steps)[-1]


def away(classifier, photo) -> Goal:
    return Goal(int(classifier.probabilities(photo).argmax()), targeted=False)


# Norms


def test_linf_steps_by_the_sign_and_cuts_every_pixel():
    gradient = torch.tensor([[[[3.0, -0.1, 0.0]]]])
    assert LInf().steepest(gradient).tolist() == [[[[1, -1, 0]]]]
    assert LInf().project(gradient, 0.5).tolist() == [[[[0.5, pytest.approx(-0.1), 0]]]]
    assert LInf().measure(gradient).tolist() == [3]


def test_l2_steps_by_the_unit_gradient_and_shortens_only_what_is_too_long():
    perturbation = torch.tensor([[[[3.0, 4.0]]], [[[0.3, 0.4]]]])
    steepest = L2().steepest(perturbation)
    assert torch.allclose(steepest, torch.tensor([[[[0.6, 0.8]]], [[[0.6, 0.8]]]]))
    projected = L2().project(perturbation, 1.0)
    assert torch.allclose(projected, torch.tensor([[[[0.6, 0.8]]], [[[0.3, 0.4]]]]))
    assert L2().measure(perturbation).tolist() == pytest.approx([5, 0.5])


@pytest.mark.parametrize("name", NORMS)
def test_a_projection_stays_within_and_moves_nothing_twice(name):
    norm = NORMS[name]
    perturbation = torch.randn(4, 3, 8, 8, generator=seeded())
    once = norm.project(perturbation, 0.7)
    assert (norm.measure(once) <= 0.7 + 1e-5).all()
    assert torch.allclose(norm.project(once, 0.7), once)


@pytest.mark.parametrize("name", NORMS)
def test_a_zero_gradient_gives_no_step_and_no_nan(name):
    zeros = torch.zeros(1, 3, 4, 4)
    assert torch.equal(NORMS[name].steepest(zeros), zeros)
    assert torch.equal(NORMS[name].project(zeros, 0.0), zeros)


# Goals


def test_loss_and_success_of_a_goal_agree_with_its_direction():
    logits = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    towards, off = Goal(1, targeted=True), Goal(1, targeted=False)
    assert towards.reached(logits).tolist() == [False, True]
    assert off.reached(logits).tolist() == [True, False]
    expected = -logits.log_softmax(-1)[:, 1]
    assert torch.allclose(towards.loss(logits), expected)
    assert torch.allclose(off.loss(logits), -expected)


def test_the_class_that_is_seen_already_is_no_target(lite0, dalmatian):
    with pytest.raises(Problem, match="already takes this photo for dalmatian"):
        goal_for(lite0, dalmatian, DALMATIAN)


def test_without_a_target_the_goal_is_away_from_what_is_seen(lite0, dalmatian):
    assert goal_for(lite0, dalmatian, None) == AWAY_FROM_DALMATIAN
    assert goal_for(lite0, dalmatian, TABBY) == TOWARDS_TABBY


# The attack, with foolbox as the oracle


def foolboxs(classifier, photo, goal, settings):
    """What foolbox's projected gradient descent makes of the same settings."""
    kinds = {"linf": foolbox.attacks.LinfPGD, "l2": foolbox.attacks.L2PGD}
    attack_ = kinds[settings.norm](
        rel_stepsize=min(1.0, 2.5 / settings.steps), steps=settings.steps, random_start=False
    )
    classes = torch.tensor([goal.class_id])
    criterion = (
        foolbox.criteria.TargetedMisclassification(classes)
        if goal.targeted
        else foolbox.criteria.Misclassification(classes)
    )
    model = foolbox.PyTorchModel(classifier, bounds=(0, 1))
    _, changed, success = attack_(model, photo, criterion, epsilons=settings.radius)
    return changed, bool(success)


@pytest.mark.parametrize(
    ("goal", "settings"),
    [
        (AWAY_FROM_DALMATIAN, Settings(epsilon=2, steps=1)),
        (TOWARDS_TABBY, Settings(epsilon=2, steps=1)),
        (AWAY_FROM_DALMATIAN, Settings(epsilon=1, steps=5)),
        (TOWARDS_TABBY, Settings(epsilon=4, steps=10)),
        # Few steps in L2: at the kinks of ReLU6 rounding decides, and runs part from then on.
        (TOWARDS_TABBY, Settings(norm="l2", epsilon=2, steps=3)),
        (AWAY_FROM_DALMATIAN, Settings(norm="l2", epsilon=0.5, steps=5)),
    ],
    ids=lambda value: (
        f"{value.norm} {value.epsilon:g}, {value.steps} steps"
        if isinstance(value, Settings)
        else ("towards" if value.targeted else "away")
    ),
)
def test_equal_settings_give_what_foolbox_gives(lite0, prepared, goal, settings):
    theirs, their_success = foolboxs(lite0, prepared, goal, settings)
    step = last(attack(lite0, prepared, goal, settings))
    with torch.no_grad():
        our_success = bool(goal.reached(lite0(step.result.adversarial)))
    assert our_success == their_success
    # foolbox gives its last picture, we the best: the last one is in the step's 8-bit picture.
    apart = step.picture.astype(int) - photos.to_pixels(theirs)
    assert (apart == 0).mean() > 0.95
    change = photos.to_pixels(theirs).astype(int) - photos.to_pixels(prepared)
    assert np.abs(change).mean() > 10 * np.abs(apart).mean()


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 8), ("linf", 32), ("l2", 0.5), ("l2", 3)])
def test_on_a_smooth_network_many_steps_give_what_foolbox_gives(
    tiny, photo, norm, epsilon, targeted
):
    goal = Goal(3, targeted=True) if targeted else away(tiny, photo)
    settings = Settings(norm=norm, epsilon=epsilon, steps=20)
    theirs, their_success = foolboxs(tiny, photo, goal, settings)
    step = last(attack(tiny, photo, goal, settings))
    apart = step.picture.astype(int) - photos.to_pixels(theirs)
    assert (apart == 0).mean() > 0.99
    assert bool(goal.reached(tiny(step.result.adversarial))) == their_success


def test_one_step_is_the_fast_gradient_sign_method(tiny, photo):
    goal = away(tiny, photo)
    model = foolbox.PyTorchModel(tiny, bounds=(0, 1))
    fgsm = foolbox.attacks.LinfFastGradientAttack()
    criterion = foolbox.criteria.Misclassification(torch.tensor([goal.class_id]))
    _, theirs, _ = fgsm(model, photo, criterion, epsilons=8 / 255)
    ours = last(attack(tiny, photo, goal, Settings(epsilon=8, steps=1))).result.adversarial
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_a_dalmatian_becomes_a_tabby_at_four_255ths(lite0, dalmatian, prepared):
    goal = goal_for(lite0, dalmatian, TABBY)
    found = report(lite0, last(attack(lite0, prepared, goal, Settings(steps=15))).result)
    assert found.success
    assert found.success_after_png
    assert found.linf <= 4
    assert found.before[0].class_id == DALMATIAN
    assert found.after[0].class_id == TABBY
    assert found.after[0].probability > 0.9


def test_without_a_target_anything_else_will_do(lite0, dalmatian, prepared):
    goal = goal_for(lite0, dalmatian, None)
    found = report(lite0, last(attack(lite0, prepared, goal, Settings(steps=5))).result)
    assert found.success
    assert found.after[0].class_id != DALMATIAN


# Bounds


@pytest.mark.parametrize("random_start", [False, True], ids=["from the photo", "from anywhere"])
@pytest.mark.parametrize(
    ("norm", "epsilon"), [("linf", 0.5), ("linf", 16), ("linf", 255), ("l2", 0.3), ("l2", 20)]
)
def test_every_result_keeps_both_bounds(tiny, photo, norm, epsilon, random_start):
    settings = Settings(norm=norm, epsilon=epsilon, steps=6, random_start=random_start)
    assert photo.min() == 0
    assert photo.max() == 1
    for step in attack(tiny, photo, Goal(3, targeted=True), settings):
        adversarial = step.result.adversarial
        assert adversarial.min() >= 0
        assert adversarial.max() <= 1
        length = NORMS[norm].measure(adversarial - photo).item()
        assert length <= settings.radius + 1e-5 * max(1, settings.radius)


@pytest.mark.parametrize("norm", NORMS)
def test_epsilon_zero_changes_nothing(tiny, photo, norm):
    settings = Settings(norm=norm, epsilon=0, steps=3, random_start=True)
    for step in attack(tiny, photo, Goal(3, targeted=True), settings):
        assert torch.equal(step.result.adversarial, photo)


def test_more_epsilon_gets_closer_to_the_goal(tiny, photo):
    goal = Goal(3, targeted=True)
    losses = [
        min(
            step.scalars["attack loss"]
            for step in attack(tiny, photo, goal, Settings(epsilon=e, steps=10))
        )
        for e in (1, 8, 64)
    ]
    assert losses[0] > losses[1] > losses[2]


# The loop


def test_the_result_is_the_best_so_far_even_where_a_step_was_a_step_back(lite0, prepared):
    # One giant step each time: the attack jumps to and fro.
    settings = Settings(epsilon=8, steps=8, step_size=1.0)
    lowest = math.inf
    steps_back = 0
    for step in attack(lite0, prepared, TOWARDS_TABBY, settings):
        with torch.no_grad():
            of_result = TOWARDS_TABBY.loss(lite0(step.result.adversarial)).item()
        steps_back += step.scalars["attack loss"] > lowest
        lowest = min(lowest, step.scalars["attack loss"])
        assert of_result == pytest.approx(lowest, rel=1e-3, abs=1e-5)
    assert steps_back, "the settings must provoke a step back for the test to mean something"


def test_scalars_and_picture_are_those_of_the_changed_photo(tiny, photo):
    step = next(attack(tiny, photo, Goal(3, targeted=True), Settings(steps=2)))
    probability = tiny.probabilities(step.result.adversarial)[0, 3].item()
    assert step.scalars["probability"] == pytest.approx(probability, rel=1e-4)
    assert step.scalars["attack loss"] == pytest.approx(-math.log(probability), rel=1e-4)
    assert np.array_equal(step.picture, photos.to_pixels(step.result.adversarial))


def test_a_random_start_depends_on_its_seed_alone(tiny, photo):
    settings = Settings(steps=2, epsilon=8, random_start=True)
    goal = Goal(3, targeted=True)
    before = torch.get_rng_state()
    first, again, other = (
        next(attack(tiny, photo, goal, replace(settings, seed=seed))).picture for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_photo_and_network_are_left_alone(tiny, photo):
    copy = photo.clone()
    list(attack(tiny, photo, Goal(3, targeted=True), Settings(steps=3, random_start=True)))
    assert torch.equal(photo, copy)
    assert not photo.requires_grad
    assert all(parameter.grad is None for parameter in tiny.parameters())


def test_leaving_an_attack_midway_keeps_its_best(tiny, photo):
    steps = attack(tiny, photo, Goal(3, targeted=True), Settings(steps=9))
    second = [next(steps), next(steps)][-1]
    steps.close()
    assert (second.index, second.total, second.result.steps_done) == (2, 9, 2)
    assert torch.equal(second.result.original, photo)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": -1},
        {"epsilon": 256},
        {"epsilon": float("nan")},
        {"norm": "l2", "epsilon": 501},
        {"steps": 0},
        {"steps": 1001},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(Problem, match=r"must lie between|Between 1 and 1000 steps"):
        Settings(**wrong)


# The report


def test_the_report_measures_the_saved_pixels(lite0, prepared):
    attempt = last(attack(lite0, prepared, TOWARDS_TABBY, Settings(epsilon=3, steps=5))).result
    found = report(lite0, attempt)
    png = photos.encode_png(found.adversarial)
    saved = np.asarray(Image.open(io.BytesIO(png))).astype(int)
    change = saved - photos.to_pixels(prepared)
    assert found.linf == np.abs(change).max() == 3
    assert found.l2 == pytest.approx(math.sqrt(((change / 255) ** 2).sum()))
    seen = predictions.top(lite0, Image.open(io.BytesIO(png)))
    assert found.after[0].class_id == seen[0].class_id
    assert found.after[0].probability == pytest.approx(seen[0].probability, abs=1e-3)


def test_a_change_too_small_for_eight_bits_is_not_claimed(lite0, prepared):
    # Less than half of 1/255 is rounded away, however well it fools the floats.
    settings = Settings(epsilon=0.45, steps=10)
    found = report(lite0, last(attack(lite0, prepared, AWAY_FROM_DALMATIAN, settings)).result)
    assert found.success
    assert not found.success_after_png
    assert (found.linf, found.l2) == (0, 0)
    assert found.after[0].class_id == found.before[0].class_id


@pytest.mark.parametrize(
    ("greatest", "factor"), [(0, 64), (1, 64), (2, 32), (3, 32), (4, 16), (16, 4), (127, 1)]
)
def test_the_difference_is_amplified_as_far_as_it_fits(greatest, factor):
    original = np.full((2, 2, 3), 128, np.uint8)
    changed = original.copy()
    changed[0, 0] = 128 + greatest
    changed[1, 1] = 128 - greatest
    shown, by = amplify(original, changed)
    assert by == factor
    assert shown[0, 0, 0] == 128 + factor * greatest
    assert shown[1, 1, 0] == 128 - factor * greatest
    assert (shown[0, 1] == 128).all()


def test_a_change_over_the_whole_range_is_shown_without_overflow():
    black, white = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)
    assert amplify(black, white)[0].tolist() == [[[255] * 3]]
    assert amplify(white, black)[0].tolist() == [[[0] * 3]]
