"""A photo rebuilt from the maps of one layer, and its caricature."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import structural_similarity as of_skimage

from core.images import photos
from core.images.similarity import structural_similarity
from core.problem import Problem
from core.steps import finish
from core.synthesis import rebuilding, recipe
from core.synthesis.loop import Drawing
from core.synthesis.objective import Caricature, Reconstruction
from core.synthesis.rebuilding import WAYS
from core.zoo.classifier import Seen

FIRST = "0"
"""The tiny network's first layer."""


def looked(maps: torch.Tensor) -> Seen:
    return Seen(torch.empty(1, 0), {FIRST: maps}, {})


def planned(classifier, way: str, **changes):
    """Settings for the cat, which the tiny network sees at fewer pixels than can be drawn."""
    return WAYS[way].planned(classifier, "cat", **{"size": 64} | changes)


def begun(classifier, way: str, layer: str = FIRST, **changes):
    settings = planned(classifier, way, **changes)
    return rebuilding.begin(classifier, way, layer, settings, photos.read_sample("cat"))


# How alike


def test_the_structural_similarity_is_that_of_scikit_image(dalmatian):
    first = np.asarray(photos.centre_square(dalmatian, 96))
    noise = np.random.default_rng(0).integers(-60, 60, first.shape)
    for second in (
        first,
        (first + noise).clip(0, 255).astype(np.uint8),
        255 - first,
        np.full_like(first, 90),
    ):
        expected = of_skimage(first, second, channel_axis=2)
        assert structural_similarity(first, second) == pytest.approx(expected, abs=1e-9)


# Objectives


@pytest.mark.parametrize("objective", [Reconstruction(FIRST), Caricature(FIRST)], ids=str)
def test_an_objective_beside_a_photo_has_the_gradient_of_its_definition(tiny, objective):
    network = tiny.like().double()
    look = network.look([FIRST], answer=False)
    generator = torch.Generator().manual_seed(0)
    photo, picture = torch.rand(2, 1, 3, 16, 16, dtype=torch.float64, generator=generator)
    known = look(photo)
    assert torch.autograd.gradcheck(
        lambda shown: objective.loss(look(shown), known), picture.requires_grad_()
    )


def test_a_reconstruction_lacks_nothing_of_the_photo_itself_and_all_of_nothing():
    known = looked(torch.tensor([[[[3.0, -4.0]]]]))
    assert Reconstruction(FIRST).loss(known, known) == 0
    assert Reconstruction(FIRST).loss(looked(torch.zeros(1, 1, 1, 2)), known) == 1


def test_a_caricature_wants_more_of_the_photo_and_not_of_anything_else():
    known = looked(torch.tensor([[[[3.0, 1.0]]]]))
    more, other = looked(torch.tensor([[[[6.0, 2.0]]]])), looked(torch.tensor([[[[6.0, 9.0]]]]))
    wanted = Caricature(FIRST)
    assert wanted.loss(known, known).item() == pytest.approx(-5)
    assert wanted.loss(more, known).item() == pytest.approx(-10)
    cosine = 27 / (10**0.5 * 117**0.5)
    assert wanted.loss(other, known).item() == pytest.approx(-27 / 2 * cosine, rel=1e-5)


# The loop


def test_what_is_rebuilt_comes_nearer_to_the_photo(tiny):
    run = begun(tiny, "rebuild", steps=40, tv=0.0)
    steps = list(run.resume())
    losses = [step.scalars["class loss"] for step in steps]
    assert losses[-1] < 0.2 * losses[0]
    photo = photos.read_sample("cat")
    first, last = (
        rebuilding.measured(tiny, photo, step.result) for step in steps[:: len(steps) - 1]
    )
    assert last.similarity > first.similarity + 0.2
    assert last.difference < 0.2 * first.difference


def test_a_few_steps_from_the_first_layer_bring_much_of_the_photo_back(lite0):
    photo = photos.read_sample("coffee")
    settings = WAYS["rebuild"].planned(lite0, "coffee", steps=24)
    steps = list(rebuilding.begin(lite0, "rebuild", "conv_stem", settings, photo).resume())
    first, last = (rebuilding.measured(lite0, photo, steps[place].result) for place in (0, -1))
    assert last.similarity > first.similarity + 0.3


def test_total_variation_chooses_among_the_pictures_that_make_the_same_maps(lite0):
    photo = photos.read_sample("cat")
    similarities = []
    for tv in (0.0, WAYS["rebuild"].settings.tv):
        settings = WAYS["rebuild"].planned(lite0, "cat", steps=24, tv=tv)
        run = rebuilding.begin(lite0, "rebuild", "blocks.2.0", settings, photo)
        similarities.append(rebuilding.measured(lite0, photo, finish(run.resume())).similarity)
    assert similarities[1] > similarities[0] + 0.1


def test_a_caricature_begins_with_the_photo_and_excites_the_layer_more(tiny):
    steps = list(begun(tiny, "caricature", steps=12).resume())
    start = photos.to_pixels(photos.prepare(photos.read_sample("cat"), 64)).astype(int)
    assert np.abs(steps[0].picture - start).mean() < 20
    activations = [step.scalars["activation"] for step in steps]
    assert activations[-1] > activations[0]


def test_pictures_abreast_are_those_drawn_alone(tiny):
    runs = {layer.name: begun(tiny, "rebuild", layer.name, steps=3) for layer in tiny.layers}
    (*_, last) = rebuilding.together(runs)
    assert set(last.result) == {layer.name for layer in tiny.layers}
    for layer, step in last.result.items():
        alone = finish(begun(tiny, "rebuild", layer, steps=3).resume())
        assert np.array_equal(step.picture, alone.synthesis.pixels)


@pytest.mark.parametrize("way", WAYS)
def test_the_recipe_draws_the_picture_again(tiny, way):
    synthesis = finish(begun(tiny, way, steps=4, tv=30.0).resume()).synthesis
    found = recipe.read(json.loads(json.dumps(recipe.write(synthesis))))
    found.check(tiny)
    photo = photos.read_sample(found.settings.photo)
    again = finish(Drawing(tiny, found.objective, found.settings, photo).steps(4))
    assert np.array_equal(again.pixels, synthesis.pixels)


def test_a_reconstruction_goes_on_in_another_process(tiny):
    drawing = begun(tiny, "rebuild", steps=4).drawing
    finish(drawing.steps(2))
    moved = finish(pickle.loads(pickle.dumps(drawing)).steps(2))
    assert np.array_equal(moved.pixels, finish(drawing.steps(2)).pixels)


def test_total_variation_can_be_changed_while_the_photo_comes_back(tiny):
    run = begun(tiny, "rebuild", steps=4, tv=0.0)
    steps = run.resume()
    next(steps)
    run.drawing.turn(tv=3000.0, learning_rate=run.drawing.settings.learning_rate)
    assert [next(steps).scalars["TV loss"] > 0, len(run.drawing.settings.turns)] == [True, 1]


def test_without_the_photo_nothing_is_rebuilt(tiny):
    settings = replace(planned(tiny, "rebuild"), photo="")
    with pytest.raises(Problem, match="a photo that is not here"):
        Drawing(tiny, Reconstruction(FIRST), settings)


def test_a_recipe_for_a_layer_that_a_network_has_not_is_refused(tiny):
    for objective in (Reconstruction("unicorn"), Caricature("unicorn")):
        with pytest.raises(Problem, match="no such class or channel"):
            recipe.Recipe("tiny", objective, planned(tiny, "rebuild"), {}).check(tiny)


def test_only_what_was_drawn_beside_a_photo_is_measured(tiny):
    from core.synthesis.objective import ClassLogit
    from core.synthesis.record import Record

    settings = replace(planned(tiny, "rebuild", steps=1), photo="")
    drawn = finish(Drawing(tiny, ClassLogit(2), settings).steps(1))
    with pytest.raises(TypeError):
        rebuilding.measured(tiny, Image.fromarray(drawn.pixels), Record(drawn))
