"""A drawing as something to keep: continued, turned while it grows, recorded, drawn again."""

from __future__ import annotations

import copy
import io
import json
import math
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from core.images import photos
from core.problem import Problem
from core.steps import Step, abreast, finish
from core.synthesis import comparisons, recipe, record
from core.synthesis.canvas import CANVASES, PhaseCanvas, SoftCanvas, _unmix_colours
from core.synthesis.descent import unit
from core.synthesis.loop import CLASS_GRADIENT, Drawing, Settings, Turn, synthesise
from core.synthesis.objective import (
    ChannelActivation,
    ClassLogit,
    CrossEntropy,
    Mixture,
    nearest,
)
from core.synthesis.presets import TV_LADDER
from core.synthesis.real_photos import beside
from core.synthesis.regularisers import (
    REGULARISERS,
    batch_norm_prior,
    distance_from_grey,
    fine_detail,
    total_variation,
)
from core.synthesis.schedule import Moment, Schedule
from core.synthesis.view import View, disturbed, straight
from core.zoo.classifier import Seen
from core.zoo.graph import NormStatistics
from core.zoo.labels import Labels

MOVING = Settings(size=64, steps=6, view=View(scale=(0.9, 1.6), rotation=8, shift=True))
STILL = replace(MOVING, canvas="pixel", view=View())


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(classifier, settings, objective=None, photo=None):
    objective = objective or ClassLogit(2)
    return list(synthesise(classifier, objective, settings, photo))[-1].result


# Regularisers


def test_the_distance_from_grey_has_its_hand_computed_value():
    picture = torch.tensor([[[[0.0, 1.0], [0.5, 0.75]]]])
    assert distance_from_grey(picture).item() == pytest.approx((0.25 + 0.25 + 0 + 0.0625) / 4)


def test_fine_detail_has_its_hand_computed_value():
    # One bright pixel far from the edges: what the blur leaves of it is known by hand.
    picture = torch.zeros(1, 1, 9, 9)
    picture[0, 0, 4, 4] = 1
    row = torch.tensor([1.0, 4, 6, 4, 1]) / 16
    kernel = torch.outer(row, row)
    expected = kernel.square().sum() - kernel[2, 2] ** 2 + (1 - kernel[2, 2]) ** 2
    assert fine_detail(picture).item() == pytest.approx(expected.item() / 81)


def test_a_flat_picture_has_no_fine_detail():
    assert fine_detail(torch.full((1, 3, 8, 8), 0.3)).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", [n for n, r in REGULARISERS.items() if not r.of_norms])
def test_every_penalty_has_the_gradient_of_its_definition(name):
    # Distinct values: on a tie, |difference| has no gradient.
    picture = torch.rand(1, 2, 6, 7, dtype=torch.float64, generator=seeded()).requires_grad_()
    assert torch.autograd.gradcheck(REGULARISERS[name].penalty, (picture,))


def test_the_batch_norm_prior_has_its_hand_computed_value():
    values = torch.tensor([0.0, 2.0, 4.0, 6.0]).view(1, 1, 2, 2)  # mean 3, variance 5
    trained = NormStatistics("norm", torch.tensor([1.0]), torch.tensor([2.0]))
    expected = ((3 - 1) / 2) ** 2 + (5**0.5 / 2 - 1) ** 2
    assert batch_norm_prior({"norm": values}, [trained]).item() == pytest.approx(expected)


def test_the_batch_norm_prior_has_the_gradient_of_its_definition():
    values = torch.rand(2, 3, 4, 4, dtype=torch.float64, generator=seeded()).requires_grad_()
    trained = NormStatistics("norm", torch.zeros(3).double(), torch.ones(3).double())
    assert torch.autograd.gradcheck(lambda v: batch_norm_prior({"norm": v}, [trained]), (values,))


def test_folded_norms_remember_what_the_norms_gave_in_training(make_tiny):
    from core.zoo.graph import fold_batch_norms, trace

    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    network[1].weight.data = torch.tensor([1.0, -2.0, 0.5, 3.0])
    network[1].bias.data = torch.tensor([0.0, 1.0, -1.0, 2.0])
    body = trace(network.eval())
    (trained,) = fold_batch_norms(body)
    assert trained.mean.tolist() == [0, 1, -1, 2]
    assert trained.std.tolist() == [1, 2, 0.5, 3]


def test_photos_are_nearer_to_the_training_statistics_than_noise(lite0):
    look = lite0.look(nodes=[norm.node for norm in lite0.norms])
    with torch.no_grad():
        photo = look(photos.prepare(photos.read_sample("cat"), 224)).nodes
        noise = look(torch.rand(1, 3, 224, 224, generator=seeded())).nodes
    assert batch_norm_prior(photo, lite0.norms) < 0.8 * batch_norm_prior(noise, lite0.norms)


def test_looking_sees_the_same_as_the_network_and_its_maps(lite0, dalmatian):
    picture = photos.prepare(dalmatian, 224)
    with torch.no_grad():
        seen = lite0.look(["blocks.2.1"])(picture)
        assert torch.allclose(seen.logits, lite0(picture), atol=1e-3)
        alone = lite0.look(["blocks.2.1"], answer=False)(picture).maps["blocks.2.1"]
        assert torch.allclose(seen.maps["blocks.2.1"], alone, atol=1e-3)


# Canvases


def test_phases_start_as_clouds_with_the_contrast_that_is_said():
    canvas = PhaseCanvas(64, seeded())
    picture = canvas.picture()
    assert picture.shape == (1, 3, 64, 64)
    assert picture.mean().item() == pytest.approx(0.5, abs=0.05)
    assert 0.1 < picture.std() < 0.3


def test_moving_phases_leaves_the_strength_of_every_wave_alone():
    canvas, spectra = PhaseCanvas(32, seeded()), []
    for _ in range(2):
        logits = canvas.picture()[0].logit()
        spectra.append(torch.fft.rfft2(logits.sum(dim=0)).abs())
        canvas.parameters = canvas.parameters + 0.3  # every phase by as much: only waves move
    assert torch.allclose(spectra[0][1:16, 1:16], spectra[1][1:16, 1:16], rtol=0.02)


# Waves can reach neither black nor white: what is darker or brighter is 0.02 from there.
@pytest.mark.parametrize(("kind", "tolerance"), [("pixel", 1e-4), ("fourier", 0.025)])
def test_a_canvas_starts_as_the_photo_it_is_given(kind, tolerance):
    picture = photos.prepare(photos.read_sample("cat"), 64)
    canvas = CANVASES[kind](64, seeded())
    canvas.paint(picture)
    assert (canvas.picture() - picture).abs().max() <= tolerance


@pytest.mark.parametrize("boldness", [1.0, 1.5])
def test_a_soft_canvas_grows_no_stronger_than_it_should_and_keeps_what_is_weaker(boldness):
    soft, plain = SoftCanvas(64, seeded()), CANVASES["fourier"](64, seeded())
    soft.boldness = boldness
    assert torch.equal(soft.picture(), plain.picture())
    most = boldness * torch.tensor(SoftCanvas.CONTRAST)
    for strength in (1e3, 1e5):
        soft.parameters = plain.parameters * strength
        components = _unmix_colours(soft.picture()).std(dim=(1, 2))
        assert torch.allclose(components, most, rtol=0.05)


def test_phases_of_a_photo_keep_its_outlines():
    picture = photos.prepare(photos.read_sample("cat"), 64)
    canvas = PhaseCanvas(64, seeded())
    canvas.paint(picture)
    both = torch.stack([canvas.picture().mean(dim=1).flatten(), picture.mean(dim=1).flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.4


@pytest.mark.parametrize(("side", "size"), [(64, 40), (97, 60), (64, 33), (97, 45)])
def test_a_smaller_picture_of_waves_is_the_same_without_its_fine_waves(side, size):
    canvas = CANVASES["fourier"](side, seeded())
    broad = torch.zeros_like(canvas.parameters)
    for row, column in ((0, 1), (2, 3), (-3, 2), (5, 0), (-5, 0)):
        broad[:, row, column] = torch.randn(3, 2, generator=seeded(row % 8))
    canvas.parameters = broad
    there = torch.arange(size) * side / size
    rows, columns = torch.meshgrid(there, there, indexing="ij")
    grid = torch.stack([columns, rows], dim=-1) * 2 / (side - 1) - 1
    expected = torch.nn.functional.grid_sample(
        canvas.picture(), grid[None], mode="bicubic", padding_mode="border", align_corners=True
    )
    inner = (..., slice(2, -3), slice(2, -3))  # at the edge there are no neighbours to go by
    assert torch.allclose(canvas.picture(size)[inner], expected[inner], atol=5e-3)


@pytest.mark.parametrize("kind", CANVASES)
def test_a_smaller_picture_can_be_learned_from(kind):
    canvas = CANVASES[kind](64, seeded())
    canvas.parameters.requires_grad_()
    picture = canvas.picture(40)
    assert picture.shape == (1, 3, 40, 40)
    (gradient,) = torch.autograd.grad(picture.square().sum(), canvas.parameters)
    assert gradient.abs().sum() > 0


# The schedule


SCHEDULE = Schedule(
    length=4,
    coarse=0.5,
    coarse_size=0.5,
    noise=0.2,
    colour=(0.4, 0.1),
    calm=0.5,
    contrast=(0.0, 1.0),
    boldness=3.0,
    rate=0.5,
    details=0.75,
    details_rate=8.0,
)


def test_a_schedule_goes_in_straight_lines_and_stays_at_its_end():
    assert SCHEDULE.at(0) == Moment(size=0.5, noise=0.2, colour=0.4, boldness=3.0, rate=1.0)
    middle = SCHEDULE.at(1)
    assert middle.size == 0.5
    assert middle.noise == pytest.approx(0.1)
    assert middle.colour == pytest.approx(0.25)
    assert middle.contrast == pytest.approx(0.25)
    assert middle.rate == pytest.approx(0.875)
    assert not SCHEDULE.at(2).details
    assert SCHEDULE.at(3).details
    assert SCHEDULE.at(3).rate == pytest.approx(8.0)
    end = Moment(size=1.0, noise=0.0, colour=0.1, contrast=1.0, rate=0.8, details=True)
    assert SCHEDULE.at(4) == SCHEDULE.at(4000) == end
    assert Schedule().at(0) == Schedule().at(7) == Moment()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"length": -1}, {"coarse": 2}, {"coarse_size": 0}, {"noise": float("nan")}),
        *({"colour": (0, -1)}, {"calm": 0}, {"contrast": (0, 9)}, {"rate": 0}),
        *({"details": 0}, {"details_rate": 1e9}, {"boldness": 0.5}),
        *({"patience": -1}, {"waited": 10**9}),
    ],
    ids=str,
)
def test_a_schedule_that_cannot_be_followed_is_refused(wrong):
    with pytest.raises(Problem, match="must lie between"):
        Schedule(**wrong)


def test_a_soft_canvas_is_bold_until_the_coarse_steps_are_over_and_soft_when_all_is_calm():
    schedule = Schedule(length=10, coarse=0.4, boldness=4.0, calm=0.7)
    bold = [schedule.at(step).boldness for step in range(11)]
    assert bold == pytest.approx([4, 4, 4, 4, 4, 3, 2, 1, 1, 1, 1])
    never_coarse = replace(schedule, coarse=0.0)
    assert never_coarse.at(0).boldness == 4
    assert never_coarse.at(7).boldness == pytest.approx(1)
    coarse_to_the_end = replace(schedule, coarse=1.0, calm=0.5)
    assert [coarse_to_the_end.at(step).boldness for step in (0, 9)] == [4, 4]


PATIENT = replace(MOVING, steps=8, schedule=replace(SCHEDULE, length=8, patience=3))


def test_while_one_waits_the_schedule_stands_still():
    usual = [PATIENT.schedule.at(step) for step in range(8)]
    waited = replace(PATIENT.schedule, waited=2)
    assert [waited.at(step) for step in range(10)] == [*usual[:4], *usual[3:4] * 2, *usual[4:]]


def test_the_coarse_part_waits_for_a_class_that_is_not_seen(tiny):
    steps = list(synthesise(tiny, ClassLogit(2), PATIENT))
    assert [(step.index, step.total) for step in steps[3:7]] == [(4, 9), (5, 10), (6, 11), (7, 11)]
    assert [bool(step.phase) for step in steps] == [False] * 3 + [True] * 3 + [False] * 5
    assert steps[-1].result.settings.schedule.waited == 3
    for step in (steps[5], steps[-1]):  # on the way and at the end
        found = recipe.read(json.loads(json.dumps(recipe.write(step.result))))
        assert np.array_equal(drawn(tiny, found.settings).pixels, step.picture)

    drawing = Drawing(tiny, ClassLogit(2), PATIENT)
    for step in drawing.steps(8):
        if step.index == 6:
            break
    assert np.array_equal(finish(drawing.steps(8 - drawing.planned)).pixels, steps[-1].picture)


def test_a_class_that_is_seen_is_not_waited_for(make_tiny):
    only_one_class = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1))
    schedule = replace(PATIENT.schedule, length=60)
    settings = replace(PATIENT, steps=60, schedule=schedule)
    found = finish(synthesise(make_tiny(only_one_class), ClassLogit(0), settings))
    assert found.settings.schedule.waited == 0
    assert found.steps_done == 60


def test_who_asks_for_fewer_steps_waits_for_no_more():
    best = comparisons.PRESETS["best"]
    assert best.settings.schedule.patience > 0
    assert best.changed(steps=best.settings.steps - 1).schedule.patience == 0
    assert best.changed(steps=best.settings.steps).schedule.patience > 0


def test_a_disturbed_view_has_the_noise_and_the_colours_that_are_said():
    grey = torch.full((1, 3, 64, 64), 0.7)
    noisy = disturbed(grey, noise=0.2, colour=0.0, generator=seeded())
    assert noisy.std().item() == pytest.approx(0.2, rel=0.05)
    assert noisy.mean().item() == pytest.approx(0.7, abs=0.01)
    stretches, tints = [], []
    for seed in range(300):
        dark, light = (
            disturbed(flat, noise=0.0, colour=0.3, generator=seeded(seed))[0, :, 0, 0]
            for flat in (grey - 0.7, grey + 0.3)
        )
        stretches.append((light - dark).mean().log().item())
        tints.append(((light + dark) / 2 - 0.5).tolist())
    assert np.std(stretches) == pytest.approx(0.3, rel=0.15)
    assert np.std(tints) == pytest.approx(0.15, rel=0.15)
    assert abs(np.mean(stretches)) < 0.06


def test_a_view_that_is_not_disturbed_is_the_view_and_costs_no_random_number():
    generator, view = seeded(), torch.rand(1, 3, 8, 8)
    assert disturbed(view, noise=0.0, colour=0.0, generator=generator) is view
    assert torch.equal(generator.get_state(), seeded().get_state())


def test_the_nearest_classes_have_their_hand_computed_value():
    seen = Seen(torch.tensor([[9.0, 1.0, 2.0, 3.0, -4.0]]), {}, {})
    expected = math.log(math.exp(1) + math.exp(2) + math.exp(3))
    assert nearest(seen, [0]).item() == pytest.approx(expected, rel=1e-5)
    expected = math.log(math.exp(1) + math.exp(2) + math.exp(-4))
    assert nearest(seen, [0, 3]).item() == pytest.approx(expected, rel=1e-5)
    assert nearest(Seen(torch.tensor([[1.0]]), {}, {}), [0]).item() == 0


def test_contrast_counts_the_nearest_classes_against_the_picture(tiny):
    plain = next(synthesise(tiny, ClassLogit(2), STILL))
    contrast = Schedule(length=9, contrast=(0.5, 0.5))
    step = next(synthesise(tiny, ClassLogit(2), replace(STILL, schedule=contrast)))
    with torch.no_grad():
        logits = tiny(straight(CANVASES["pixel"](64, seeded()).picture(), tiny.input_size))
    expected = 0.5 * nearest(Seen(logits, {}, {}), [2]).item()
    got = step.scalars["class loss"] - plain.scalars["class loss"]
    assert got == pytest.approx(expected, rel=1e-4)


def test_a_coarse_step_paints_and_shows_fewer_pixels(tiny):
    canvas = CANVASES["fourier"](64, seeded())
    before = canvas.parameters.clone()
    schedule = Schedule(length=2, coarse=0.5, coarse_size=0.5)
    drawing = Drawing(tiny, ClassLogit(2), replace(MOVING, schedule=schedule))
    steps = drawing.steps(2)
    next(steps)
    moved = (drawing._canvas.parameters - before).abs().sum(dim=-1) > 0
    assert moved[:, :16, :16].all()
    assert not moved[:, 17:47].any()
    assert not moved[:, :, 17:].any()
    assert next(steps).picture.shape == (64, 64, 3)
    assert (drawing._canvas.parameters != before).float().mean() > 0.9


# How far a step goes


def test_with_momentum_a_step_follows_the_gradients_own_proportions(tiny):
    settings = replace(STILL, descent="momentum", learning_rate=0.01)
    step = next(synthesise(tiny, ClassLogit(2), settings))
    start = CANVASES["pixel"](64, seeded()).picture().requires_grad_()
    loss = -tiny(straight(start, tiny.input_size))[:, 2].mean()
    (gradient,) = torch.autograd.grad(loss, start)
    expected = start - 0.01 * gradient / gradient.square().mean().sqrt()
    assert np.abs(step.picture.astype(int) - photos.to_pixels(expected)).max() <= 1


def test_relative_weights_do_not_depend_on_the_size_of_a_networks_logits(tiny):
    pictures = {}
    for relative in (False, True):
        for loudness in (1.0, 3000.0):
            network = copy.deepcopy(tiny)
            network.head.weight.data *= loudness
            network.head.bias.data *= loudness
            settings = replace(STILL, tv=800.0, relative=relative, learning_rate=0.02)
            pictures[relative, loudness] = drawn(network, settings).pixels.astype(int)
    assert np.abs(pictures[True, 1.0] - pictures[True, 3000.0]).mean() < 1
    assert np.abs(pictures[False, 1.0] - pictures[False, 3000.0]).mean() > 3


def test_a_relative_step_descends_the_class_and_the_penalty_in_proportion(tiny):
    settings = replace(
        STILL, descent="momentum", relative=True, tv=500.0, l2=900.0, learning_rate=0.01
    )
    step = next(synthesise(tiny, ClassLogit(2), settings))
    start = CANVASES["pixel"](64, seeded()).picture().requires_grad_()
    loss = -tiny(straight(start, tiny.input_size))[:, 2].mean()
    (of_class,) = torch.autograd.grad(loss, start)
    penalties = 500 * total_variation(start) + 900 * distance_from_grey(start)
    (of_rest,) = torch.autograd.grad(penalties, start)
    whole = CLASS_GRADIENT / start.numel() * unit(of_class) + of_rest
    expected = photos.to_pixels(start - 0.01 * unit(whole))
    assert np.abs(step.picture.astype(int) - expected).max() <= 1


# Going on, changing settings


@pytest.mark.parametrize(
    "settings",
    [
        STILL,
        MOVING,
        replace(MOVING, canvas="phase"),
        replace(MOVING, schedule=SCHEDULE, descent="momentum", relative=True, tv=5.0),
        replace(STILL, schedule=SCHEDULE, relative=True),
    ],
)
def test_going_on_gives_bit_for_bit_the_picture_of_one_long_run(tiny, settings):
    drawing = Drawing(tiny, ClassLogit(2), settings)
    list(drawing.steps(2))
    (*_, last) = drawing.steps(4)
    assert (last.index, last.total, last.result.steps_done) == (6, 6, 6)
    assert np.array_equal(last.picture, drawn(tiny, settings).pixels)


def test_a_setting_changed_on_the_way_acts_and_is_written_down(tiny):
    drawing = Drawing(tiny, ClassLogit(2), STILL)
    steps = drawing.steps(6)
    next(steps), next(steps)
    drawing.turn(tv=500.0, learning_rate=0.1)
    (*_, last) = steps
    assert last.result.settings.turns == (Turn(2, 500.0, 0.1),)
    assert last.scalars["TV loss"] > 1
    assert not np.array_equal(last.picture, drawn(tiny, STILL).pixels)
    assert np.array_equal(last.picture, drawn(tiny, last.result.settings).pixels)


def test_a_setting_cannot_be_changed_to_what_is_out_of_its_range(tiny):
    drawing = Drawing(tiny, ClassLogit(2), STILL)
    with pytest.raises(Problem, match="TV weight"):
        drawing.turn(tv=-1, learning_rate=0.1)
    (*_, last) = drawing.steps(6)
    assert np.array_equal(last.picture, drawn(tiny, STILL).pixels)


@pytest.mark.parametrize(
    ("setting", "term"), [("l2", "L2 loss"), ("blur", "blur loss"), ("tv", "TV loss")]
)
def test_each_weight_has_its_term_in_the_loss(tiny, setting, term):
    step = next(synthesise(tiny, ClassLogit(2), replace(STILL, **{setting: 2.0})))
    start = CANVASES["pixel"](64, seeded()).picture()
    expected = 2 * REGULARISERS[setting].penalty(start).item()
    assert step.scalars[term] == pytest.approx(expected, rel=1e-4)


def test_the_batch_norm_prior_brings_the_statistics_nearer(lite0):
    look = lite0.look(nodes=[norm.node for norm in lite0.norms])
    distances = []
    for weight in (0.0, 30.0):
        settings = Settings(size=96, steps=15, batch_norm=weight, view=View())
        pixels = drawn(lite0, settings, ClassLogit(284)).pixels
        with torch.no_grad():
            seen = look(photos.prepare(Image.fromarray(pixels), 224))
        distances.append(batch_norm_prior(seen.nodes, lite0.norms).item())
    assert distances[1] < distances[0]


def test_a_network_without_batch_norms_says_so(tiny):
    with pytest.raises(Problem, match="Tiny has no batch norms"):
        Drawing(tiny, ClassLogit(2), replace(STILL, batch_norm=1.0))


def test_a_channel_can_be_drawn(lite0):
    wanted = ChannelActivation("blocks.2.1", 5)
    settings = Settings(size=96, steps=12)
    activations = [s.scalars["activation"] for s in synthesise(lite0, wanted, settings)]
    assert activations[-1] > activations[0] + 0.5


def test_a_mixture_is_scored_by_both_classes(tiny):
    step = next(synthesise(tiny, Mixture(ClassLogit(1), ClassLogit(3)), STILL))
    assert {"probability", "second probability"} <= set(step.scalars)


def test_a_picture_can_start_from_a_photo(tiny):
    photo = photos.read_sample("cat")
    settings = replace(STILL, photo="cat", steps=1, learning_rate=0.001)
    pixels = drawn(tiny, settings, photo=photo).pixels
    start = photos.to_pixels(photos.prepare(photo, 64))
    assert np.abs(pixels.astype(int) - start).max() <= 2
    with pytest.raises(Problem, match="a photo that is not here"):
        Drawing(tiny, ClassLogit(2), settings)


# The record


def test_a_record_keeps_first_and_last_and_never_too_many_frames(tiny):
    settings = replace(STILL, steps=300)
    asked = []
    steps = record.recorded(
        synthesise(tiny, ClassLogit(2), settings), lambda pixels: asked.append(1) or ()
    )
    (*_, last) = steps
    places = [frame.step for frame in last.result.frames]
    assert places[0] == 1
    assert places[-1] == 300
    assert places == sorted(set(places))
    assert 20 <= len(places) <= record.MOST_FRAMES
    assert len(asked) == 300 // record.JUDGE_EVERY
    assert last.result.frames[-1].jpeg == photos.encode_jpeg(last.picture, 85)


def test_a_record_goes_on_where_the_one_before_ended(tiny):
    drawing = Drawing(tiny, ClassLogit(2), STILL)
    (*_, first) = record.recorded(drawing.steps(6), lambda pixels: ())
    (*_, second) = record.recorded(drawing.steps(6), lambda pixels: (), first.result)
    assert [frame.step for frame in second.result.frames] == [1, 4, 6, 8, 12]


def test_a_run_that_was_stopped_ends_its_film_with_its_last_picture(tiny):
    steps = record.recorded(synthesise(tiny, ClassLogit(2), STILL), lambda pixels: ())
    next(steps), (second := next(steps))
    steps.close()
    closed = record.completed(second.result, lambda pixels: ())
    assert closed.frames[-1].step == 2
    assert closed.judged_after == 2


@pytest.mark.parametrize("format", ["webp", "gif"])
def test_a_time_lapse_is_an_animation_that_ends_with_the_picture(tiny, format):
    (*_, last) = record.recorded(synthesise(tiny, ClassLogit(2), STILL), lambda pixels: ())
    with Image.open(io.BytesIO(record.animation(last.result, format))) as film:
        assert film.format == format.upper()
        assert film.n_frames == len(last.result.frames)
        film.seek(film.n_frames - 1)
        # Films are lossy; seen from afar, nothing is missing.
        shown = np.asarray(film.convert("RGB").reduce(16), dtype=int)
    picture = np.asarray(Image.fromarray(last.result.synthesis.pixels).reduce(16), dtype=int)
    assert np.abs(shown - picture).mean() < 8


# The lesson


def test_runs_abreast_are_those_runs_alone_and_close_together(tiny):
    runs = {
        "short": synthesise(tiny, ClassLogit(2), replace(STILL, steps=2)),
        "long": synthesise(tiny, ClassLogit(2), MOVING),
    }
    steps = list(abreast(runs))
    assert [step.index for step in steps] == [2, 4, 5, 6, 7, 8]
    assert {step.total for step in steps} == {8}
    assert np.array_equal(steps[-1].result["long"].picture, drawn(tiny, MOVING).pixels)
    closed = []

    def watched():
        try:
            yield Step(1, 2)
            yield Step(2, 2)
        finally:
            closed.append(True)

    side_by_side = abreast({"a": watched(), "b": watched()})
    next(side_by_side)
    side_by_side.close()
    assert closed == [True, True]


def test_the_lesson_draws_the_same_seed_without_and_with_total_variation(lite0, monkeypatch):
    few = {name: replace(p, settings=p.changed(steps=3)) for name, p in comparisons.PRESETS.items()}
    monkeypatch.setattr(comparisons, "PRESETS", few)
    steps = list(comparisons.noise_or_cat(lite0, 284, seed=4))
    assert [step.index for step in steps] == [2, 4, 6, 7, 8, 9]
    assert {step.total for step in steps} == {9}
    noise, shapes = (steps[-1].result[name].result.synthesis for name in ("noise", "shapes"))
    assert noise.settings == few["without_tv"].changed(seed=4)
    assert shapes.settings == few["with_tv"].changed(seed=4)
    verdicts = comparisons.compared(dict.fromkeys(comparisons.TAKES, lite0), steps[2].result)
    assert set(verdicts) == {"noise", "shapes"}
    assert all(len(verdict.others) == 2 for verdict in verdicts.values())


def test_the_ladder_draws_the_same_seed_with_more_and_more_total_variation(lite0, monkeypatch):
    preset = comparisons.PRESETS["with_tv"]
    few = replace(preset, settings=preset.changed(steps=6, size=96))
    monkeypatch.setitem(comparisons.PRESETS, "with_tv", few)
    monkeypatch.setattr(comparisons, "LADDER_STEPS", 6)
    *_, last = comparisons.ladder(lite0, 284, seed=4)
    drawn_pictures = {name: step.result.synthesis for name, step in last.result.items()}
    assert list(drawn_pictures) == [f"{weight:g}" for weight in TV_LADDER]
    roughness = []
    for weight, synthesis in zip(TV_LADDER, drawn_pictures.values(), strict=True):
        assert synthesis.settings == few.changed(tv=weight, seed=4)
        roughness.append(total_variation(photos.from_pixels(synthesis.pixels)).item())
    assert roughness == sorted(roughness, reverse=True)
    assert roughness[0] > 2 * roughness[-1]
    third = drawn_pictures["3000"]
    again = drawn(lite0, third.settings, third.objective)
    assert np.array_equal(again.pixels, third.pixels)


def test_both_networks_draw_the_class_of_that_name_from_the_same_seed(tiny, monkeypatch):
    preset = comparisons.PRESETS["best"]
    few = replace(preset, settings=preset.changed(steps=4, size=64))
    monkeypatch.setitem(comparisons.PRESETS, "best", few)
    hardened = copy.deepcopy(tiny)
    with torch.no_grad():
        for weights in hardened.parameters():
            weights.mul_(-1)
    hardened.labels = Labels(tuple(reversed(tiny.labels)))
    networks = {"plain": tiny, "hardened": hardened}
    wanted = tiny.labels[1]
    steps = list(comparisons.by_both(networks, wanted, seed=4))
    assert [step.index for step in steps] == [2, 4, 6, 8]
    assert {step.total for step in steps} == {8}
    pictures = {name: step.result.synthesis for name, step in steps[-1].result.items()}
    assert list(pictures) == list(networks)
    assert not np.array_equal(pictures["plain"].pixels, pictures["hardened"].pixels)
    for name, synthesis in pictures.items():
        assert synthesis.settings == few.changed(seed=4)
        classifier = networks[name]
        place = tuple(classifier.labels).index(wanted)
        again = drawn(classifier, synthesis.settings, ClassLogit(place))
        assert np.array_equal(again.pixels, synthesis.pixels)
    with pytest.raises(ValueError):
        list(comparisons.by_both(networks, "no such class", seed=4))


# Recipes


def test_a_recipe_from_before_schedules_draws_without_one(tiny):
    data = json.loads(json.dumps(recipe.write(drawn(tiny, MOVING))))
    for name in ("descent", "schedule", "relative"):
        del data["settings"][name]
    assert recipe.read(data).settings == MOVING


def test_a_recipe_from_before_bold_beginnings_draws_without_one(tiny):
    data = json.loads(json.dumps(recipe.write(drawn(tiny, replace(MOVING, schedule=SCHEDULE)))))
    del data["settings"]["schedule"]["boldness"]
    assert recipe.read(data).settings.schedule == replace(SCHEDULE, boldness=1.0)


def test_a_recipe_keeps_the_schedule(tiny):
    settings = replace(MOVING, schedule=SCHEDULE, descent="momentum", relative=True)
    synthesis = drawn(tiny, settings)
    found = recipe.read(json.loads(json.dumps(recipe.write(synthesis))))
    assert found.settings == settings
    assert np.array_equal(drawn(tiny, found.settings).pixels, synthesis.pixels)


OBJECTIVES = [
    ClassLogit(2),
    CrossEntropy(1),
    Mixture(ClassLogit(0), ClassLogit(3), 0.25),
    ChannelActivation("0", 3),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)
def test_the_recipe_in_the_png_draws_the_picture_again(tiny, objective):
    synthesis = drawn(tiny, replace(MOVING, tv=0.5, blur=2.0), objective)
    png = photos.encode_png(synthesis.pixels, recipe.write(synthesis))
    found = recipe.read(photos.read_recipe(png, "cat.png"))
    assert found.objective == objective
    assert found.same_versions
    assert np.array_equal(drawn(tiny, found.settings, found.objective).pixels, synthesis.pixels)


def test_the_recipe_of_a_stopped_run_stops_there_too(tiny):
    steps = synthesise(tiny, ClassLogit(2), MOVING)
    next(steps)
    second = next(steps)
    found = recipe.read(json.loads(json.dumps(recipe.write(second.result))))
    assert found.settings.steps == 2
    assert np.array_equal(drawn(tiny, found.settings).pixels, second.picture)


def test_a_recipe_that_a_network_cannot_follow_is_refused(tiny):
    for objective in (ClassLogit(5), ChannelActivation("unicorn", 0), ChannelActivation("0", 999)):
        with pytest.raises(Problem, match="no such class or channel"):
            recipe.Recipe("tiny", objective, STILL, {}).check(tiny)


def good(tiny) -> dict:
    return json.loads(json.dumps(recipe.write(drawn(tiny, replace(STILL, steps=1)))))


HOSTILE = {
    "size": [10**9, -1, "320", None, 3.5, True, float("inf")],
    "steps": [0, 10**12, "x", [], {}],
    "learning_rate": [0, -1, float("nan"), "0.1", 10**400],
    "tv": [-1, float("inf"), None],
    "canvas": ["../../etc/passwd", 7, None, "__class__"],
    "view": [None, {}, {"scale": [1], "rotation": 0, "shift": True}, {"scale": [9, 1]}, []],
    "photo": [7, "x" * 10_000, None],
    "seed": [-1, 2**40, 1.5],
    "turns": [None, [1], [{"after": 0}], [{"after": 10**9, "tv": 0, "learning_rate": 1}], 5],
    "unknown": [1],
    "descent": ["", "__class__", 7, None],
    "relative": [1, None, "true"],
    "schedule": [
        *(None, [], {}, 7),
        *(
            asdict(SCHEDULE) | wrong
            for wrong in (
                {"length": 10**9},
                {"length": 1.5},
                {"coarse_size": 0.0},
                {"noise": float("nan")},
                {"colour": [1]},
                {"contrast": [0, "1"]},
                {"rate": -1},
            )
        ),
    ],
}


@pytest.mark.parametrize(
    ("setting", "value"), [(name, value) for name, values in HOSTILE.items() for value in values]
)
def test_a_hostile_setting_in_a_recipe_is_refused_with_a_sentence(tiny, setting, value):
    data = good(tiny)
    recipe.read(data)
    data["settings"][setting] = value
    with pytest.raises(Problem, match="Nothing was changed"):
        recipe.read(data)


@pytest.mark.parametrize(
    "data",
    [
        *(None, [], 7, "ideal", {}, {"kind": "ideal"}, {"kind": "attack"}),
        {"kind": "ideal", "model": 1, "objective": {}, "settings": {}},
    ],
    ids=str,
)
def test_what_is_no_recipe_is_refused_with_a_sentence(data):
    with pytest.raises(Problem, match="Nothing was changed"):
        recipe.read(data)


@pytest.mark.parametrize(
    "objective",
    [
        *(None, {}, {"name": "Nobody"}, {"name": "ClassLogit"}),
        {"name": "ClassLogit", "class_id": -1},
        {"name": "ClassLogit", "class_id": "__import__('os')"},
        {"name": "Mixture", "share": 2, "first": {}, "second": {}},
        {"name": "ChannelActivation", "layer": ["x"], "channel": 0},
        {"name": "Reconstruction"},
        {"name": "Caricature", "layer": 7},
    ],
    ids=str,
)
def test_a_hostile_objective_in_a_recipe_is_refused(tiny, objective):
    with pytest.raises(Problem, match="Nothing was changed"):
        recipe.read(good(tiny) | {"objective": objective})


PIXELS = np.zeros((64, 64, 3), np.uint8)


def with_text(text: str) -> bytes:
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text(photos.RECIPE_KEY, text, zip=True)
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "png",
    [
        pytest.param(photos.encode_png(PIXELS), id="without a recipe"),
        pytest.param(photos.encode_jpeg(PIXELS), id="a JPEG"),
        pytest.param(with_text("{"), id="cut off"),
        pytest.param(with_text("[" * 100_000), id="endlessly nested"),
        pytest.param(with_text("[" + "0," * 400_000 + "0]"), id="a bomb of zeros"),
        pytest.param(b"", id="empty"),
        pytest.param(b"<svg onload=alert(1)>", id="an SVG"),
    ],
)
def test_a_file_without_a_readable_recipe_is_refused_with_a_sentence(png):
    with pytest.raises(Problem):
        photos.read_recipe(png, "cat.png")


# Real photos beside a drawing


def as_read(image):
    return lambda: image


def test_the_photos_that_excite_a_class_most_stand_beside_its_drawing(lite0, dalmatian):
    samples = [(one.id, partial(photos.read_sample, one.id)) for one in photos.SAMPLES]
    dalmatian_id = lite0.labels.index("dalmatian")
    drawing = photos.to_pixels(photos.prepare(dalmatian, 224))
    found = beside(lite0, dalmatian_id, drawing, samples)
    assert found.asked == len(samples)
    assert found.shown[0].name == "dalmatian"
    assert found.shown[0].probability == found.highest > 0.5
    assert found.shown[0].shared > 8  # the drawing is the photo itself, once in 8 bits
    assert found.elsewhere < 5
    shares = [photo.probability for photo in found.shown]
    assert shares == sorted(shares, reverse=True)


def test_a_class_that_no_photo_shows_stands_alone(lite0, dalmatian):
    def broken():
        raise Problem("unreadable")

    perfume = lite0.labels.index("perfume")
    drawing = photos.to_pixels(photos.prepare(dalmatian, 224))
    found = beside(lite0, perfume, drawing, [("it", as_read(dalmatian)), ("broken", broken)])
    assert found.shown == ()
    assert found.asked == 1
    assert 0 < found.highest < 0.01
    none = beside(lite0, perfume, drawing, [])
    assert (none.asked, none.highest, none.elsewhere) == (0, 0.0, None)


def test_the_channels_that_speak_for_a_class_are_those_of_the_difference_of_logits(tiny):
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    image = Image.fromarray(picture)
    embedding = tiny.embed(photos.prepare(image, 16))
    logits = tiny.head(embedding)[0] - tiny.head.bias
    parts = embedding[0] * (tiny.head.weight[2] - tiny.head.weight.mean(0))
    assert parts.sum().item() == pytest.approx((logits[2] - logits.mean()).item(), abs=1e-5)
    (found, *_) = beside(tiny, 2, picture, [("it", as_read(image))]).shown
    assert found.shared == 10  # with itself a picture shares all
