"""Attacks that see answers only: where they begin, and that they draw from chance of their own."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from core.attacks import foolbox_adapter
from core.attacks.goal import Goal
from core.attacks.starting_points import beginning, starting_point
from core.data.album import PhotoFile
from core.images import photos
from core.problem import Problem
from core.steps import finish, returned
from core.zoo.classifier import Classifier

ANSWERS_ONLY = {"boundary": 40, "hopskipjump": 1}


@pytest.fixture
def bright_or_not(make_tiny) -> Classifier:
    """Two classes: 1 for pictures brighter than 0.7 on average, as no noise is, else 0."""
    network = nn.Sequential(
        nn.Conv2d(3, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2)
    )
    with torch.no_grad():
        network[0].weight.fill_(1 / 3)
        network[0].bias.fill_(2.0)  # before the normalisation it is (x - 0.5) / 0.25
        network[3].weight.copy_(torch.tensor([[0.0], [5.0]]))
        network[3].bias.copy_(torch.tensor([0.0, -5.0 * (2.0 + 0.8)]))
    return make_tiny(network)


@pytest.fixture
def brightest(make_tiny) -> Classifier:
    """Says which of red, green and blue is the brightest, which noise decides by chance."""
    network = nn.Sequential(
        nn.Conv2d(3, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3)
    )
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(3)[..., None, None])
        network[3].weight.copy_(10 * torch.eye(3))
        for layer in (network[0], network[3]):
            layer.bias.zero_()
    return make_tiny(network)


REDDISH = torch.tensor([0.6, 0.4, 0.4]).view(1, 3, 1, 1).expand(1, 3, 16, 16).contiguous()
DARK = torch.full((1, 3, 16, 16), 0.3)
AWAY = Goal(0, targeted=False, true_id=0)


def plain_file(name: str, colour: str) -> PhotoFile:
    pixels = np.asarray(Image.new("RGB", (16, 16), colour))
    return PhotoFile(name, lambda: photos.encode_png(pixels))


FILES = [plain_file("dark", "#202020"), plain_file("far", "white"), plain_file("near", "#d0d0d0")]


# Where they begin


@pytest.mark.parametrize("name", ANSWERS_ONLY)
def test_of_two_classes_anything_else_begins_at_a_photo_of_the_other(bright_or_not, name):
    start = returned(beginning(bright_or_not, DARK, AWAY, FILES))
    assert start.mul(255).round().unique().tolist() == [0xD0]  # the nearest that is seen so
    found = finish(
        foolbox_adapter.attack(
            bright_or_not, DARK, AWAY, name, rounds=ANSWERS_ONLY[name], start=start
        )
    )
    assert found.success
    assert (found.adversarial - DARK).norm() < (start - DARK).norm()


def test_where_noise_will_do_no_photo_is_read(brightest):
    unread = [PhotoFile("x", lambda: pytest.fail("read"))]
    assert returned(beginning(brightest, REDDISH, AWAY, unread)) is None


def test_without_any_photo_of_the_other_class_one_is_asked_for(bright_or_not):
    with pytest.raises(Problem, match=r"something else than class 0.*Upload a photo of another"):
        returned(beginning(bright_or_not, DARK, AWAY, FILES[:1]))


def test_towards_a_class_it_begins_at_a_photo_of_it_whatever_noise_is(bright_or_not):
    goal = Goal(1, targeted=True, true_id=0)
    one, other = (
        returned(look(bright_or_not, DARK, goal, FILES)) for look in (beginning, starting_point)
    )
    assert torch.equal(one, other)


# Equal seeds, equal runs


@pytest.mark.parametrize("name", ANSWERS_ONLY)
def test_two_at_once_find_what_each_finds_alone(brightest, name):
    def run(seed: int):
        return foolbox_adapter.attack(
            brightest, REDDISH, AWAY, name, rounds=ANSWERS_ONLY[name], seed=seed
        )

    def pictures(steps) -> list[torch.Tensor]:
        return [step.result.adversarial for step in steps]

    alone = [pictures(run(seed)) for seed in (0, 1)]
    assert not torch.equal(alone[0][-1], alone[1][-1])  # or the seed would mean nothing
    together: list[list[torch.Tensor]] = [[], []]
    for steps in zip_longest(run(0), run(1)):
        torch.rand(7)  # others draw from the process's generator, too
        for found, step in zip(together, steps, strict=True):
            if step is not None:
                found.append(step.result.adversarial)
    for one, both in zip(alone, together, strict=True):
        assert len(one) == len(both)
        assert all(map(torch.equal, one, both))


def test_an_attack_leaves_the_process_generator_as_it_was(brightest):
    before = torch.get_rng_state()
    finish(foolbox_adapter.attack(brightest, REDDISH, AWAY, "boundary", rounds=3))
    assert torch.equal(torch.get_rng_state(), before)
