"""Several photos attacked at once, the named methods, and foolbox as the oracle for success."""

from __future__ import annotations

from dataclasses import replace

import foolbox
import pytest
import torch

from core.attacks.goal import Goal
from core.attacks.loop import Settings, attack, attack_all, settings_for
from core.attacks.norm import NORMS
from core.images import photos
from core.problem import Problem
from core.steps import finish

SAMPLES = ("dalmatian", "bull_mastiff", "geese", "eagle", "leafhopper", "strawberries")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def seen(lite0) -> tuple[torch.Tensor, list[int]]:
    """Six real photos, and what the network takes them for."""
    pictures = torch.cat([photos.prepare(photos.read_sample(name), 224) for name in SAMPLES])
    return pictures, lite0.probabilities(pictures).argmax(-1).tolist()


@pytest.fixture
def noise() -> torch.Tensor:
    return torch.rand(7, 3, 16, 16, generator=seeded(3))


def away(classifier, pictures) -> list[Goal]:
    return [Goal(int(i), targeted=False) for i in classifier.probabilities(pictures).argmax(-1)]


def succeeds(classifier, attempts) -> list[bool]:
    with torch.no_grad():
        return [bool(a.goal.reached(classifier(a.adversarial))) for a in attempts]


# foolbox as the oracle


@pytest.mark.parametrize(
    ("name", "norm", "steps", "epsilons", "targeted"),
    [
        # foolbox has no fast gradient attack towards a class.
        ("LinfFastGradientAttack", "linf", 1, (0.25, 4), False),
        ("LinfPGD", "linf", 5, (0.25, 1), False),
        ("LinfPGD", "linf", 5, (1, 2), True),
        ("L2PGD", "l2", 5, (0.1, 0.5), False),
        ("L2PGD", "l2", 5, (0.5, 2), True),
    ],
)
def test_success_per_photo_is_foolboxs(lite0, seen, name, norm, steps, epsilons, targeted):
    pictures, classes = seen[0][::2], seen[1][::2]
    if targeted:
        classes = [(c + 37) % 1000 for c in classes]
        criterion = foolbox.criteria.TargetedMisclassification(torch.tensor(classes))
    else:
        criterion = foolbox.criteria.Misclassification(torch.tensor(classes))
    options = {"random_start": False} | (
        {"steps": steps, "rel_stepsize": 0.25} if steps > 1 else {}
    )
    oracle = getattr(foolbox.attacks, name)(**options)
    goals = [Goal(c, targeted=targeted) for c in classes]
    model = foolbox.PyTorchModel(lite0, bounds=(0, 1))
    settings = Settings(norm=norm, steps=steps, step_size=0.25 if steps > 1 else 1, keep="last")
    for epsilon in epsilons:
        ours = replace(settings, epsilon=epsilon)
        _, changed, theirs = oracle(model, pictures, criterion, epsilons=ours.radius)
        first, second = lite0.probabilities(changed).topk(2).values.T
        attempts = finish(attack_all(lite0, pictures, goals, ours))
        assert len(attempts) == len(theirs) == 3
        for attempt, success, lead in zip(
            attempts, theirs.tolist(), (first - second).tolist(), strict=True
        ):
            assert attempt.success == success or lead < 0.05  # where two tie, rounding decides


def test_momentum_is_that_of_foolbox(tiny, noise):
    goals = away(tiny, noise)
    labels = torch.tensor([g.class_id for g in goals])
    oracle = foolbox.attacks.LinfMomentumIterativeFastGradientMethod(
        momentum=1.0, steps=8, abs_stepsize=2 / 255, random_start=False
    )
    _, theirs, _ = oracle(
        foolbox.PyTorchModel(tiny, bounds=(0, 1)),
        noise,
        foolbox.criteria.Misclassification(labels),
        epsilons=8 / 255,
    )
    settings = settings_for("mifgsm", epsilon=8, steps=8, step_size=0.25, keep="last")
    ours = torch.cat([a.adversarial for a in finish(attack_all(tiny, noise, goals, settings))])
    assert ((ours - theirs).abs() < 1e-4).float().mean() > 0.97


# Together


@pytest.mark.parametrize("method", ["fgsm", "ifgsm", "pgd", "mifgsm"])
def test_together_gives_each_photo_what_it_gets_alone(tiny, noise, method: str):
    settings = settings_for(method, epsilon=6, steps=5, restarts=2)
    goals = [Goal(i % 5, targeted=True) for i in range(len(noise))]
    together = finish(attack_all(tiny, noise, goals, settings))
    for picture, goal, attempt in zip(noise, goals, together, strict=True):
        alone = finish(attack(tiny, picture[None], goal, settings))
        assert attempt.success == alone.success
        # Where the gradient is all but zero, rounding decides its sign.
        same = (attempt.adversarial - alone.adversarial).abs() < 1e-4
        assert same.float().mean() > 0.99


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("epsilon", [0.0, 0.5, 16.0])
def test_every_photo_keeps_both_bounds(tiny, noise, norm, epsilon):
    settings = Settings(
        norm=norm, epsilon=epsilon, steps=4, random_start=True, restarts=2, momentum=1, tv=1
    )
    for attempt in finish(attack_all(tiny, noise, [Goal(1, targeted=True)] * 7, settings)):
        changed = attempt.adversarial
        assert changed.min() >= 0
        assert changed.max() <= 1
        length = NORMS[norm].measure(changed - attempt.original).item()
        assert length <= settings.radius + 1e-5


def test_a_photo_that_is_done_costs_no_more_steps_and_holds_in_eight_bits(lite0, seen):
    pictures, classes = seen
    goals = [Goal(c, targeted=False) for c in classes]
    settings = Settings(epsilon=4, steps=20, stop_early=True)
    shown = 0

    def counting(x):
        nonlocal shown
        shown += len(x)
        return lite0(x)

    counting.device = lite0.device
    attempts = finish(attack_all(counting, pictures, goals, settings))
    assert all(a.success for a in attempts)
    assert max(a.steps_done for a in attempts) < 20
    assert shown < 8 * len(pictures)
    saved = [photos.from_pixels(photos.to_pixels(a.adversarial)) for a in attempts]
    with torch.no_grad():
        said = [g.reached(lite0(s)).item() for g, s in zip(goals, saved, strict=True)]
    assert all(said)


def test_another_epsilon_is_none_of_a_photo_that_is_done(tiny, noise):
    """ε is changed in the very step in which the first photo, wrong already, is done."""
    goals = away(tiny, noise[:2])
    goals[0] = replace(goals[0], class_id=(goals[0].class_id + 1) % 5)
    settings = Settings(epsilon=8, steps=4, stop_early=True)
    first, second = finish(attack_all(tiny, noise[:2], goals, settings, epsilon=lambda: 6.0))
    assert (first.success, first.settings.epsilon) == (True, 8)
    assert second.settings.epsilon == 6


def test_a_photo_that_is_wrong_already_needs_no_step(tiny, noise):
    other = (away(tiny, noise)[0].class_id + 1) % 5
    settings = Settings(stop_early=True)
    attempt = finish(attack(tiny, noise[:1], Goal(other, targeted=False), settings))
    assert attempt.success
    assert attempt.steps_done == 0
    assert torch.equal(attempt.adversarial, noise[:1])


def test_further_restarts_are_made_only_where_the_first_failed(tiny, noise):
    easy, hard = away(tiny, noise)[0], Goal(3, targeted=True)
    settings = Settings(epsilon=255, steps=3, random_start=True, restarts=3)
    first = finish(attack(tiny, noise[:1], easy, settings))
    assert first.success
    assert first.steps_done < 9
    never = replace(settings, epsilon=0)
    if not hard.reached(tiny(noise[:1])):
        assert finish(attack(tiny, noise[:1], hard, never)).steps_done == 9


def test_outside_of_the_mask_nothing_changes(tiny, noise):
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., :8, :8] = 1
    for norm in NORMS:
        settings = Settings(norm=norm, epsilon=10, steps=4, random_start=True, momentum=1, tv=1)
        attempt = finish(attack(tiny, noise[:1], Goal(2, targeted=True), settings, mask=mask))
        change = (attempt.adversarial - attempt.original).abs()
        assert change[..., :8, :8].max() > 0
        assert (change * (1 - mask)).max() == 0


def test_total_variation_makes_the_change_smoother(lite0, seen):
    def roughness(tv: float) -> float:
        settings = Settings(norm="l2", epsilon=3, steps=8, tv=tv)
        attempt = finish(attack(lite0, seen[0][:1], Goal(281, targeted=True), settings))
        change = attempt.adversarial - attempt.original
        return (change.diff(dim=-1).square().sum() / change.square().sum()).item()

    assert roughness(30) < 0.7 * roughness(0)


def test_a_smaller_epsilon_brings_the_change_back_at_once(tiny, noise):
    wide = finish(attack(tiny, noise[:1], Goal(2, targeted=True), Settings(epsilon=9, steps=4)))
    narrow = wide.within(2)
    assert narrow.settings.epsilon == 2
    assert (narrow.adversarial - narrow.original).abs().max() <= 2 / 255 + 1e-5
    assert torch.equal(wide.within(0).adversarial, noise[:1])


@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("norm", NORMS)
def test_epsilon_can_be_turned_while_it_runs(tiny, noise, norm, keep):
    live = [9.0]
    settings = Settings(norm=norm, epsilon=9, steps=6, keep=keep)
    steps = attack(tiny, noise[:1], Goal(2, targeted=True), settings, epsilon=lambda: live[0])
    for made, step in enumerate(steps, start=1):
        found = step.result
        length = NORMS[norm].measure(found.adversarial - found.original).item()
        assert length <= found.settings.radius + 1e-5
        assert found.settings.epsilon == (9 if made <= 3 else 2)
        if made == 3:
            live[0] = 2.0
    assert made == 6


def test_one_goal_for_each_photo_is_asked_for(tiny, noise):
    with pytest.raises(ValueError, match="1 goals for 7 photos"):
        next(attack_all(tiny, noise, [Goal(1, targeted=True)], Settings()))


@pytest.mark.parametrize(
    "wrong", [{"restarts": 0}, {"momentum": 2}, {"tv": -1}, {"step_size": 3}], ids=str
)
def test_further_settings_out_of_range_are_refused(wrong):
    with pytest.raises(Problem, match="must lie between"):
        Settings(**wrong)
