"""Drawing ideal classes: canvas, view, total variation, and the loop that joins them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from core.images import photos
from core.problem import Problem
from core.synthesis.canvas import CANVASES, FourierCanvas, PixelCanvas
from core.synthesis.loop import Settings, synthesise
from core.synthesis.objective import ChannelActivation, ClassLogit, CrossEntropy, Mixture
from core.synthesis.presets import LESSON_TV, PRESETS
from core.synthesis.record import Record
from core.synthesis.regularisers import total_variation
from core.synthesis.verdict import judge
from core.synthesis.view import View, straight
from core.zoo import catalogue
from core.zoo.classifier import Seen

SIAMESE = 284
SMALL = Settings(canvas="pixel", size=64, steps=3, learning_rate=0.02, tv=1.0, view=View())
MOVING = replace(SMALL, canvas="fourier", view=View(scale=(0.9, 1.6), rotation=8, shift=True))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(classifier, settings, class_id: int = 2):
    """The result of a whole run towards a class."""
    return list(synthesise(classifier, ClassLogit(class_id), settings))[-1].result


# Total variation


def test_total_variation_has_its_hand_computed_value():
    picture = torch.tensor([[0.0, 1.0, 0.5], [0.25, 1.0, 1.0]])[None, None]
    right = (1.0 + 0.5 + 0.75 + 0.0) / 4
    down = (0.25 + 0.0 + 0.5) / 3
    assert total_variation(picture).item() == pytest.approx(right + down)


def test_total_variation_has_the_gradient_of_its_definition():
    # Distinct values: on a tie, |difference| has no gradient.
    picture = torch.rand(1, 2, 4, 5, dtype=torch.float64, generator=seeded()).requires_grad_()
    assert torch.autograd.gradcheck(total_variation, (picture,))


def test_total_variation_ignores_brightness_and_grows_with_contrast():
    picture = torch.rand(1, 3, 8, 8, generator=seeded())
    brightness, contrast = total_variation(picture + 0.3), total_variation(0.5 * picture)
    assert brightness.item() == pytest.approx(total_variation(picture).item(), rel=1e-4)
    assert contrast.item() == pytest.approx(0.5 * total_variation(picture).item(), rel=1e-4)
    assert total_variation(torch.full((1, 3, 8, 8), 0.7)) == 0


def test_a_tv_weight_means_the_same_at_every_size():
    stripes = torch.tensor([0.0, 1.0]).repeat(1, 3, 8, 4)
    larger = stripes.repeat(1, 1, 4, 4)
    assert total_variation(larger) == pytest.approx(total_variation(stripes).item())


def test_the_lessons_tv_weight_follows_from_the_lessons_loss():
    # 10·CE + 0.005·TV, a sum over neighbouring pixels of 0 to 255, divided by ten.
    picture = torch.rand(1, 3, 224, 224, generator=seeded())
    raw = 255 * picture
    differences = raw.diff(dim=-1).abs().sum() + raw.diff(dim=-2).abs().sum()
    lesson = 0.005 * differences / 10
    assert LESSON_TV * total_variation(picture) == pytest.approx(lesson.item(), rel=0.01)


# Canvases


def test_pixels_start_at_mid_grey_with_a_little_noise():
    picture = PixelCanvas(128, seeded()).picture()
    assert picture.shape == (1, 3, 128, 128)
    assert picture.mean().item() == pytest.approx(0.5, abs=0.001)
    assert picture.std().item() == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize("size", [64, 97, 320])
def test_frequencies_start_near_mid_grey(size):
    picture = FourierCanvas(size, seeded()).picture()
    assert picture.shape == (1, 3, size, size)
    assert 0.001 < (picture - 0.5).abs().mean() < 0.02


def test_each_frequency_is_scaled_by_its_inverse():
    canvas = FourierCanvas(64, seeded())
    contrasts = []
    for frequency in (2, 4, 8):
        canvas.parameters = torch.zeros(3, 64, 33, 2)
        canvas.parameters[0, 0, frequency, 0] = 0.1
        contrasts.append(canvas.picture().std().item())
    assert contrasts[0] / contrasts[1] == pytest.approx(2, rel=0.02)
    assert contrasts[1] / contrasts[2] == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize("kind", CANVASES)
def test_a_canvas_pushed_to_extremes_stays_a_picture(kind):
    canvas = CANVASES[kind](64, seeded())
    canvas.parameters = canvas.parameters * 1e4 - 50
    canvas.constrain()
    picture = canvas.picture()
    assert picture.isfinite().all()
    assert picture.min() >= 0
    assert picture.max() <= 1


@pytest.mark.parametrize("kind", CANVASES)
def test_every_parameter_of_a_canvas_can_be_learned(kind):
    canvas = CANVASES[kind](64, seeded())
    canvas.parameters.requires_grad_()
    weights = torch.randn(1, 3, 64, 64, generator=seeded(1))
    (gradient,) = torch.autograd.grad((canvas.picture() * weights).sum(), canvas.parameters)
    # A real picture has no imaginary part at frequency 0, nor at the highest one.
    assert (gradient != 0).float().mean() > 0.99


# The view


def test_a_still_view_of_the_networks_size_is_the_picture_itself():
    picture = torch.rand(1, 3, 32, 32, generator=seeded())
    assert View().look(picture, 32, seeded()) is picture


def test_a_moving_view_that_cannot_move_is_the_picture_too():
    picture = torch.rand(1, 3, 32, 32, generator=seeded())
    stuck = View(scale=(1.0, 1.0), rotation=1e-9, shift=True)
    assert torch.allclose(stuck.look(picture, 32, seeded()), picture, atol=1e-5)


def test_the_straight_view_shrinks_like_pillow():
    picture = torch.rand(1, 3, 96, 96, generator=seeded())
    pillow = Image.fromarray(photos.to_pixels(picture)).resize((32, 32), Image.Resampling.BILINEAR)
    ours = photos.to_pixels(straight(picture, 32)).astype(int)
    assert np.abs(ours - np.asarray(pillow)).max() <= 1


def test_at_scale_2_half_of_the_width_fills_the_view():
    picture = torch.zeros(1, 3, 64, 64)
    picture[..., 16:48, 16:48] = 1
    seen = View(scale=(2.0, 2.0)).look(picture, 64, seeded())
    assert torch.allclose(seen[..., 2:-2, 2:-2], torch.ones(1, 3, 60, 60), atol=1e-4)


def test_without_shift_the_middle_stays_in_the_middle():
    ramp = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    for seed in range(10):
        seen = View(scale=(1.0, 2.0), rotation=20).look(ramp, 65, seeded(seed))
        assert seen[0, 0, 32, 32].item() == pytest.approx(0, abs=0.02)


def test_shifts_reach_all_over_the_picture_and_never_leave_it():
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    view = View(scale=(2.0, 2.0), shift=True)
    middles = [view.look(ramp, 33, seeded(seed))[0, 0, 16, 16].item() for seed in range(60)]
    # Enlarged twice, the middle of what is seen can lie between a quarter and three.
    assert 0.24 < min(middles) < 0.32
    assert 0.68 < max(middles) < 0.76


def test_turns_stay_within_the_greatest_angle_and_go_both_ways():
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    angles = []
    for seed in range(60):
        seen = View(rotation=8.0).look(ramp, 64, seeded(seed))[0, 0, 20:44, 20:44]
        rise, run = seen.diff(dim=0).mean(), seen.diff(dim=1).mean()
        angles.append(math.degrees(math.atan2(rise, run)))
    assert -8.1 < min(angles) < -6
    assert 6 < max(angles) < 8.1


def test_the_edge_is_mirrored_and_not_black():
    white = torch.ones(1, 3, 64, 64)
    view = View(scale=(0.7, 0.8), rotation=30, shift=True)
    for seed in range(5):
        assert torch.allclose(view.look(white, 48, seeded(seed)), torch.ones(1, 3, 48, 48))


def test_the_gradient_finds_its_way_back_through_a_moved_view():
    picture = torch.rand(1, 1, 6, 6, generator=seeded()).requires_grad_()
    seen = View(scale=(1.2, 1.2), rotation=10, shift=True).look(picture, 5, seeded(3))
    (gradient,) = torch.autograd.grad(seen.sum(), picture)
    # A view averages pixels, so the shares that it takes of them add up to what it shows.
    assert gradient.sum().item() == pytest.approx(25, rel=1e-4)


# Objectives


def seen(logits, **maps) -> Seen:
    return Seen(torch.tensor(logits), maps, {})


def test_the_logit_objective_is_the_negative_logit():
    assert ClassLogit(1).loss(seen([[1.0, 5.0], [3.0, 7.0]])).item() == -6


def test_cross_entropy_is_minus_the_log_of_the_probability():
    logits = [[1.0, 5.0, 2.0]]
    expected = -torch.tensor(logits).softmax(-1)[0, 1].log()
    assert CrossEntropy(1).loss(seen(logits)).item() == pytest.approx(expected.item())


def test_a_mixture_weighs_both_classes():
    mixed = Mixture(ClassLogit(0), ClassLogit(1), share=0.25)
    assert mixed.loss(seen([[4.0, 8.0]])).item() == -(0.25 * 4 + 0.75 * 8)


def test_a_channel_is_the_mean_of_its_map():
    maps = torch.arange(12.0).view(1, 3, 2, 2)
    wanted = ChannelActivation("some.layer", 1)
    assert wanted.loss(seen([[0.0]], **{"some.layer": maps})).item() == -5.5


# The loop


def test_the_first_steps_losses_are_those_of_the_starting_canvas(tiny):
    step = next(synthesise(tiny, CrossEntropy(2), SMALL))
    start = PixelCanvas(64, seeded(SMALL.seed)).picture()
    seen = straight(start, tiny.input_size)
    probability = tiny.probabilities(seen)[0, 2].item()
    assert step.scalars["probability"] == pytest.approx(probability, rel=1e-3)
    assert step.scalars["class loss"] == pytest.approx(-math.log(probability), rel=1e-3)
    assert step.scalars["TV loss"] == pytest.approx(total_variation(start).item(), rel=1e-3)


def test_a_step_descends_the_sum_of_both_losses(tiny):
    settings = replace(SMALL, tv=30.0)
    step = next(synthesise(tiny, ClassLogit(2), settings))
    start = PixelCanvas(64, seeded(settings.seed)).picture().requires_grad_()
    loss = -tiny(straight(start, tiny.input_size))[:, 2].mean()
    (gradient,) = torch.autograd.grad(loss + settings.tv * total_variation(start), start)
    # Adam's first step: the learning rate's length, the gradient's sign (but for tiny gradients).
    step_made = settings.learning_rate * gradient / (gradient.abs() + 1e-8)
    expected = photos.to_pixels(start - step_made)
    assert np.abs(step.picture.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("settings", [SMALL, MOVING], ids=["pixel", "fourier"])
def test_the_same_seed_draws_the_same_picture_bit_for_bit(tiny, settings):
    first, again = drawn(tiny, settings), drawn(tiny, settings)
    assert np.array_equal(first.pixels, again.pixels)
    other = drawn(tiny, replace(settings, seed=1))
    assert not np.array_equal(first.pixels, other.pixels)


def test_two_runs_side_by_side_are_those_runs_alone(tiny):
    runs = [synthesise(tiny, ClassLogit(2), replace(MOVING, seed=seed)) for seed in (0, 1)]
    pairs = list(zip(*runs, strict=True))
    for seed, last in enumerate(pairs[-1]):
        assert np.array_equal(last.picture, drawn(tiny, replace(MOVING, seed=seed)).pixels)


def test_the_global_random_numbers_are_left_alone(tiny):
    before = torch.get_rng_state()
    drawn(tiny, MOVING)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_network_is_not_changed(tiny):
    before = {name: tensor.clone() for name, tensor in tiny.state_dict().items()}
    drawn(tiny, MOVING)
    assert all(torch.equal(tensor, before[name]) for name, tensor in tiny.state_dict().items())
    assert all(parameter.grad is None for parameter in tiny.parameters())


def test_leaving_a_run_midway_keeps_a_complete_picture(tiny):
    steps = synthesise(tiny, ClassLogit(2), MOVING)
    next(steps)
    second = next(steps)
    steps.close()
    assert (second.index, second.total, second.result.steps_done) == (2, 3, 2)
    assert np.array_equal(second.result.pixels, second.picture)
    stopped_there = drawn(tiny, replace(MOVING, steps=2))
    assert np.array_equal(second.result.pixels, stopped_there.pixels)


def test_pictures_of_earlier_steps_are_not_painted_over(tiny):
    kept = [(step.picture, step.picture.copy()) for step in synthesise(tiny, ClassLogit(2), SMALL)]
    assert all(np.array_equal(picture, copy) for picture, copy in kept)
    assert not np.array_equal(kept[0][0], kept[-1][0])


@pytest.mark.parametrize("size", [64, 97])
def test_the_picture_has_the_size_that_was_asked_for(tiny, size):
    pixels = drawn(tiny, replace(MOVING, size=size)).pixels
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8


def test_a_siamese_cat_emerges_within_sixty_steps(lite0):
    preset = PRESETS["best"]
    steps = list(synthesise(lite0, preset.objective(SIAMESE), preset.changed(steps=60)))
    probabilities = [step.scalars["probability"] for step in steps]
    assert probabilities[0] < 0.01
    assert np.mean(probabilities[-10:]) > 0.7
    # The picture itself convinces too, not only the views of it while drawing.
    assert judge(lite0, Record(steps[-1].result)).own[0].target_probability > 0.5


def test_the_lessons_way_finds_the_class_too(lite0):
    preset = PRESETS["lesson"]
    steps = list(synthesise(lite0, preset.objective(SIAMESE), preset.changed(steps=25, tv=0)))
    assert steps[-1].scalars["probability"] > 0.7


def test_a_higher_tv_weight_draws_a_smoother_picture(lite0):
    preset = PRESETS["lesson"]
    roughness = []
    for tv in (0, 2000):
        last = list(synthesise(lite0, preset.objective(SIAMESE), preset.changed(steps=12, tv=tv)))
        roughness.append(total_variation(photos.from_pixels(last[-1].picture)).item())
    assert roughness[1] < 0.7 * roughness[0]


# Settings, presets, recipe, verdict


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 63},
        {"size": 513},
        {"steps": 0},
        {"steps": 5001},
        {"learning_rate": 0},
        {"learning_rate": float("nan")},
        {"tv": -1},
        {"tv": float("inf")},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused_with_the_range(wrong):
    with pytest.raises(Problem, match=r"must lie between .* and "):
        Settings(**wrong)
    with pytest.raises(Problem):
        PRESETS["best"].changed(**wrong)


def test_a_preset_changes_only_what_it_is_told_to():
    preset = PRESETS["lesson"]
    changed = preset.changed(steps=7, tv=None, seed=3)
    assert changed == replace(preset.settings, steps=7, seed=3)
    assert preset.changed() == preset.settings


def test_a_presets_schedule_is_as_long_as_its_steps():
    preset = PRESETS["best"]
    assert preset.settings.schedule.length == preset.settings.steps
    as_long = replace(preset.settings.schedule, length=60, patience=0)
    assert preset.changed(steps=60).schedule == as_long
    assert preset.changed(seed=3).schedule == preset.settings.schedule
    assert PRESETS["lesson"].changed(steps=60).schedule.length == 0


def test_without_tv_the_same_pixels_are_seen_from_one_place_only():
    without, with_tv = (PRESETS[name].settings for name in ("without_tv", "with_tv"))
    assert without.tv == 0 < with_tv.tv
    assert without.view.is_still
    assert not with_tv.view.is_still
    schedule = replace(with_tv.schedule, noise=0.0, colour=(0.0, 0.0))
    assert replace(with_tv, tv=0.0, view=without.view, schedule=schedule) == without


def test_the_lesson_preset_is_the_lesson():
    preset = PRESETS["lesson"]
    assert preset.objective(5) == CrossEntropy(5)
    assert preset.settings.canvas == "pixel"
    assert preset.settings.view.is_still


def test_the_verdict_asks_every_other_built_in_network(lite0):
    settings = PRESETS["best"].changed(steps=1, size=64)
    verdict = judge(lite0, Record(drawn(lite0, settings, class_id=SIAMESE)))
    assert [opinion.model for opinion in verdict.others] == list(catalogue.BUILT_IN[1:])
    for opinion in (*verdict.own, *verdict.others):
        assert opinion.target == "Siamese cat"
        assert 0 <= opinion.target_probability <= opinion.probability <= 1


def test_networks_that_do_not_know_the_class_have_no_probability_for_it(tiny):
    verdict = judge(tiny, Record(drawn(tiny, SMALL)))
    assert verdict.own[0].target_probability is not None
    assert [opinion.target_probability for opinion in verdict.others] == [None, None, None]
