"""Where the network looks: on the animal, measured, and with nothing left behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, LayerGradCam, Occlusion
from PIL import Image, ImageOps

from core.features import mosaic, saliency
from core.features.deletion import (
    area_under,
    compare,
    deletion_curve,
    half_way,
    insertion_curve,
)
from core.features.saliency import METHODS, Explanation, explain
from core.images import photos
from core.steps import finish
from core.zoo.grad_cam import grad_cam
from core.zoo.predictions import top

# Left, top, right and bottom of the animal, tail and legs included, in the middle square at 224
# pixels. Drawn by eye before any heat map was computed.
BOXES = {
    "cat": (0, 0, 214, 208),
    "bull_mastiff": (52, 0, 136, 200),
    "eagle": (0, 53, 224, 160),
    "leafhopper": (60, 18, 178, 205),
}
SIAMESE = (6, 61, 224, 197)


def share_inside(heat: np.ndarray, box: tuple[int, int, int, int]) -> float:
    left, top_edge, right, bottom = box
    return float(heat[top_edge:bottom, left:right].sum() / heat.sum())


def share_of_area(box: tuple[int, int, int, int]) -> float:
    left, top_edge, right, bottom = box
    return (right - left) * (bottom - top_edge) / 224**2


def heat_of(network, photo: Image.Image) -> np.ndarray:
    """Grad-CAM for the network's own answer."""
    return grad_cam(network, photos.prepare(photo, 224), top(network, photo)[0].class_id).numpy()


@pytest.mark.parametrize("name", BOXES)
def test_grad_cam_lies_on_the_animal(lite0, name):
    """Measured: cat 95 % in a box of 89 % of the photo, mastiff 70 in 33, eagle 84 in 48,
    leafhopper 72 in 44."""
    inside = share_inside(heat_of(lite0, photos.read_sample(name)), BOXES[name])
    # The mastiff is 2.6 of the map's 7 columns wide, and enlarging spills: 69.8 %.
    assert inside >= (2 / 3 if name == "bull_mastiff" else 0.7)
    assert inside > share_of_area(BOXES[name])


def test_grad_cam_lies_on_a_cat_that_leaves_room_beside_it(lite0, test_data):
    """The app's own cat fills its photo; this one does not. Measured: 91 % in 59 %."""
    photo = photos.decode((test_data / "photos" / "siamese_cat.jpg").read_bytes(), "siamese")
    assert share_inside(heat_of(lite0, photo), SIAMESE) >= 0.7


@pytest.mark.parametrize("name", BOXES)
def test_covering_what_grad_cam_points_at_beats_covering_at_random(lite0, name):
    photo = photos.read_sample(name)
    class_id = top(lite0, photo)[0].class_id
    random = np.random.default_rng(0)
    noises = [random.random((7, 7)).astype(np.float32) for _ in range(4)]
    pointed = area_under(deletion_curve(lite0, photo, class_id, heat_of(lite0, photo)))
    guessed = [area_under(deletion_curve(lite0, photo, class_id, noise)) for noise in noises]
    assert pointed < np.mean(guessed)


def test_the_area_under_a_curve_is_the_trapezoids():
    assert area_under((1.0, 0.5, 0.0)) == 0.5
    assert area_under((0.4, 0.4)) == pytest.approx(0.4)


def test_a_deletion_curve_begins_with_the_photo_and_ends_in_grey(lite0, dalmatian):
    best = top(lite0, dalmatian)[0]
    curve = deletion_curve(lite0, dalmatian, best.class_id, np.ones((224, 224), np.float32))
    grey = lite0.probabilities(torch.full((1, 3, 224, 224), 0.5))[0, best.class_id]
    assert len(curve) == 8  # the last layer has 7×7 places
    assert curve[0] == pytest.approx(best.probability, abs=1e-3)
    assert curve[-1] == pytest.approx(float(grey), abs=1e-3)


def test_three_methods_come_one_after_the_other(tiny, dalmatian):
    steps = list(explain(tiny, dalmatian, 3))
    assert [step.index for step in steps] == list(range(1, steps[-1].total + 1))
    assert list(steps[0].result.heats) == ["grad_cam"]
    heats = steps[-1].result.heats
    assert set(heats) == set(METHODS)
    for heat in heats.values():
        assert heat.shape == (16, 16)
        assert heat.min() >= 0


@pytest.fixture
def mixed(make_tiny):
    """A tiny network whose maps speak for its classes in some places and against them in others.

    At 20 pixels, the last patch of an occlusion ends with the photo in both directions.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = [torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.Tanh(), torch.nn.AdaptiveAvgPool2d(1)]
        network = torch.nn.Sequential(*body, torch.nn.Flatten(), torch.nn.Linear(8, 4))
    return make_tiny(network, size=20)


def test_grad_cam_is_captums(mixed, dalmatian):
    picture = photos.prepare(dalmatian, 20)
    last = mixed.body.get_submodule(mixed.layers[-1].name)
    coarse = LayerGradCam(lambda x: mixed.head(mixed.body(mixed.normalise(x))), last).attribute(
        picture.clone().requires_grad_(), target=2, relu_attributions=True
    )
    fine = torch.nn.functional.interpolate(coarse.detach(), (20, 20), mode="bilinear")
    assert fine.max() > fine.min() == 0
    assert torch.allclose(grad_cam(mixed, picture, 2), fine[0, 0], atol=1e-6)


def test_occlusion_is_captums(mixed, dalmatian):
    picture = photos.prepare(dalmatian, 20)
    fall = Occlusion(mixed).attribute(
        picture, sliding_window_shapes=(3, 4, 4), strides=(3, 2, 2), baselines=0.5, target=2
    )
    *_, (heat,) = saliency._occlusion(mixed, picture, [(2, None)])
    assert heat.max() > heat.min() == 0
    assert np.allclose(heat, fall[0, 0].relu().numpy(), atol=1e-6)


def difference(network, class_id: int, against: int):
    """The network with one output: how far a class's logit is above another's."""
    return lambda x: network(x)[:, [class_id, against]] @ torch.tensor([[1.0], [-1.0]])


def test_a_contrast_is_captums_for_the_difference_of_the_logits(mixed, dalmatian):
    picture = photos.prepare(dalmatian, 20)
    found = finish(explain(mixed, dalmatian, 2, against=1))
    last = mixed.body.get_submodule(mixed.layers[-1].name)
    whole = difference(lambda x: mixed.head(mixed.body(mixed.normalise(x))), 2, 1)
    coarse = LayerGradCam(whole, last).attribute(
        picture.clone().requires_grad_(), target=0, relu_attributions=True
    )
    fine = torch.nn.functional.interpolate(coarse.detach(), (20, 20), mode="bilinear")
    wanted = {"grad_cam": fine[0, 0].numpy()}
    fall = Occlusion(difference(mixed, 2, 1)).attribute(
        picture, sliding_window_shapes=(3, 4, 4), strides=(3, 2, 2), baselines=0.5, target=0
    )
    wanted["occlusion"] = fall[0, 0].relu().numpy()
    pixels = IntegratedGradients(difference(mixed, 2, 1)).attribute(
        picture, torch.full_like(picture, 0.5), target=0
    )
    smoothed = saliency._smoothed(
        pixels.detach().sum(dim=1, keepdim=True).float(), saliency._SMOOTH_CONTRAST
    )
    wanted["integrated_gradients"] = smoothed.clip(min=0)
    for method in METHODS:
        assert found.heats[method].max() > 0
        assert np.allclose(found.heats[method], wanted[method], atol=1e-6)


def test_both_directions_of_a_contrast_are_on_one_scale(mixed, dalmatian):
    found = finish(explain(mixed, dalmatian, 2, against=1))
    back = finish(explain(mixed, dalmatian, 1, against=2))
    assert (found.opposite.class_id, found.opposite.against) == (1, 2)
    for method in METHODS:
        assert np.allclose(found.opposite.heats[method], back.heats[method], atol=1e-5)
        greatest = max(float(e.heats[method].max()) for e in (found, back))
        assert found.reach[method] == found.opposite.reach[method] == pytest.approx(greatest)


def test_pieces_of_the_way_add_up_to_the_change_of_the_logit(tiny, dalmatian, monkeypatch):
    """The axiom of completeness, before anything is cut off or blurred."""
    sums = []
    monkeypatch.setattr(
        saliency, "_smoothed", lambda heat, _: sums.append(heat) or heat[0, 0].numpy()
    )
    monkeypatch.setattr(torch.Tensor, "relu", lambda tensor: tensor)
    picture = photos.prepare(dalmatian, 16)
    list(saliency._integrated_gradients(tiny, picture, [(2, None)]))
    change = tiny(picture)[0, 2] - tiny(torch.full_like(picture, 0.5))[0, 2]
    assert float(sums[0].sum()) == pytest.approx(float(change), abs=1e-3)


class Corner(torch.nn.Module):
    """Answers to how bright the upper left 8×8 pixels are and to nothing else.

    Weights of 0 and 1 on a white photo: every sum is exact, in whatever order and batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Conv2d(3, 4, 1, bias=False)
        self.head = torch.nn.Linear(4, 2, bias=False)
        for layer in (self.features, self.head):
            torch.nn.init.zeros_(layer.weight)
        self.features.weight.data[0, 0] = 1
        self.head.weight.data[0, 0] = 1

    def forward(self, x):
        return self.head(self.features(x)[:, :, :8, :8].mean((2, 3)))


@pytest.fixture
def corner(make_tiny):
    return make_tiny(Corner(), size=20, blocks="features")


WHITE = Image.new("RGB", (20, 20), "white")


def test_occlusion_finds_the_only_place_that_counts(corner):
    with torch.no_grad():
        gain = corner(torch.ones(1, 3, 20, 20))[0] - corner(torch.zeros(1, 3, 20, 20))[0]
    heat = finish(explain(corner, WHITE, int(gain.argmax()))).heats["occlusion"]
    assert heat[:8, :8].sum() > 0
    assert heat[12:, 12:].sum() == 0


def right_and_wrong() -> tuple[np.ndarray, np.ndarray]:
    """A heat map that lies on the corner, and one that lies on all but the corner."""
    right = np.zeros((20, 20), np.float32)
    right[:8, :8] = 1
    return right, 1 - right


def test_a_class_goes_and_comes_with_the_only_place_that_counts(corner):
    """The corner touches 16 of the last layer's 8×8 places, which are two of eight parts."""
    right, wrong = right_and_wrong()
    for against in (None, 1):
        goes, stays = (deletion_curve(corner, WHITE, 0, h, against) for h in (right, wrong))
        comes, waits = (insertion_curve(corner, WHITE, 0, h, against) for h in (right, wrong))
        there, gone = goes[0], goes[-1]
        assert there > 0.8 > 0.6 > gone
        assert there > goes[1] > gone
        assert goes[2:] == pytest.approx([gone] * 7)
        assert stays[:7] == pytest.approx([there] * 7)
        assert comes[2:] == pytest.approx([there] * 7)
        assert waits[:7] == pytest.approx([gone] * 7)


def test_a_map_that_points_elsewhere_is_no_better_than_random(corner):
    right, wrong = right_and_wrong()
    heats = {"grad_cam": right, "integrated_gradients": wrong, "occlusion": np.ones_like(right)}
    found = Explanation(0, None, heats, 0.9, 0, True, dict.fromkeys(heats, 1.0))
    steps = list(compare(corner, WHITE, found, orders=9))
    assert [step.index for step in steps] == list(range(1, 13))
    for curves in steps[-1].result:
        assert len(curves.random) == 9
        assert curves.beats_random("grad_cam")
        assert not curves.beats_random("integrated_gradients")
        assert curves.mean_of_random[0] == pytest.approx(curves.by_method["grad_cam"][0])
    again = finish(compare(corner, WHITE, found, orders=9))
    assert np.allclose(again[0].random, steps[-1].result[0].random)


def test_in_a_contrast_what_speaks_for_the_other_class_is_covered_last(corner):
    right, wrong = right_and_wrong()
    nothing = {"grad_cam": np.zeros_like(right)}
    other = Explanation(1, 0, {"grad_cam": right}, 0.1, 0, True, {"grad_cam": 1.0})
    found = Explanation(0, 1, nothing, 0.9, 0, True, {"grad_cam": 1.0}, other)
    deletion, _ = finish(compare(corner, WHITE, found, orders=1))
    assert deletion.by_method["grad_cam"] == pytest.approx(
        deletion_curve(corner, WHITE, 0, wrong, 1)
    )


def test_half_is_found_between_two_parts():
    assert half_way((0.8, 0.6, 0.2, 0.1)) == pytest.approx(0.5)
    assert half_way((0.8, 0.9, 0.7)) is None
    assert half_way((0.0, 0.0)) is None


def test_nothing_is_left_behind_on_the_network(tiny, dalmatian):
    steps = explain(tiny, dalmatian, 3)
    next(steps)
    steps.close()
    finish(explain(tiny, dalmatian, 3))
    for module in tiny.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
    assert all(tensor.grad is None for tensor in tiny.parameters())


def brightness(found: saliency.Explanation, method: saliency.Method) -> float:
    """How far the brightest place is lit, on the scale on which it is shown."""
    return float(found.heats[method].max()) / found.reach[method]


def test_a_class_that_is_not_there_stays_dark(lite0, dalmatian):
    seen, absent = (next(explain(lite0, dalmatian, class_id)).result for class_id in (251, 404))
    assert (seen.is_seen, absent.is_seen) == (True, False)
    assert seen.answer_id == absent.answer_id == 251
    assert absent.probability < 0.005
    assert brightness(seen, "grad_cam") == 1
    assert brightness(absent, "grad_cam") < 0.05


def test_a_class_that_is_seen_too_is_on_the_scale_of_the_answer(lite0, dalmatian):
    """Measured: two thirds of what speaks for the dalmatian speaks for a Great Dane."""
    dane = next(explain(lite0, dalmatian, lite0.labels.find("Great Dane"))).result
    assert dane.is_seen
    assert 0.4 < brightness(dane, "grad_cam") < 0.9


def test_every_method_is_on_the_scale_of_the_answer(tiny, dalmatian):
    answer = finish(explain(tiny, dalmatian, 0)).answer_id
    of_answer = finish(explain(tiny, dalmatian, answer))
    for class_id in {0, 1, 2, 3, 4} - {answer}:
        found = finish(explain(tiny, dalmatian, class_id))
        for method in METHODS:
            greatest = max(float(e.heats[method].max()) for e in (found, of_answer))
            assert found.reach[method] == pytest.approx(greatest, rel=1e-4)
            assert found.heats[method].max() <= found.reach[method]


def test_of_two_animals_each_method_finds_the_one_that_is_asked_about(lite0, dalmatian):
    """Side by side; `benchmarks.maps_contrast` has more pairs."""
    photo = Image.new("RGB", (224, 224))
    photo.paste(ImageOps.fit(photos.read_sample("cat"), (112, 224)), (0, 0))
    photo.paste(ImageOps.fit(dalmatian, (112, 224)), (112, 0))
    found = finish(explain(lite0, photo, lite0.labels.find("Egyptian cat"), against=251))
    assert found.is_seen
    assert found.opposite.is_seen
    for method in METHODS:
        assert share_inside(found.heats[method], (0, 0, 112, 224)) >= 0.7
        assert share_inside(found.opposite.heats[method], (112, 0, 224, 224)) >= 0.7


def test_in_a_contrast_a_class_that_is_not_there_stays_dark(lite0, dalmatian):
    """Neither an airliner nor a banana; and a dalmatian, which is there, and no airliner."""
    neither = next(explain(lite0, dalmatian, 404, against=954)).result
    for direction in (neither, neither.opposite):
        assert not direction.is_seen
        assert brightness(direction, "grad_cam") < 0.2
    one = next(explain(lite0, dalmatian, 251, against=404)).result
    assert (one.is_seen, one.opposite.is_seen) == (True, False)
    assert brightness(one, "grad_cam") == 1
    assert brightness(one.opposite, "grad_cam") < 0.05


def test_asking_about_two_classes_at_once_changes_neither(tiny, dalmatian):
    picture = photos.prepare(dalmatian, 16)
    asked = [(1, None), (3, None)]
    alone = [list(saliency._occlusion(tiny, picture, [one]))[-1][0] for one in asked]
    for one, both in zip(alone, list(saliency._occlusion(tiny, picture, asked))[-1], strict=True):
        assert np.allclose(one, both, atol=1e-6)


def test_a_heat_map_is_lit_as_far_as_its_scale_says():
    seen = np.zeros((8, 8, 3), np.uint8)
    heat = np.ones((8, 8), np.float32)
    full, dim = (mosaic.heat(heat, seen, reach) for reach in (None, 10.0))
    assert dim.astype(float).mean() < 0.5 * full.mean()
    assert np.array_equal(full, mosaic.heat(heat, seen, 1.0))


def test_a_contrast_is_red_for_the_one_class_and_blue_for_the_other():
    seen = np.full((9, 9, 3), 120, np.uint8)
    balance = np.zeros((9, 9), np.float32)
    balance[:, :3], balance[:, 6:] = 1, -1
    shown = mosaic.contrast(balance, seen).astype(int)
    red, middle, blue = shown[4, 1], shown[4, 4], shown[4, 7]
    assert red[0] > red[2] + 50
    assert blue[2] > blue[0] + 50
    assert np.ptp(middle) <= 10
