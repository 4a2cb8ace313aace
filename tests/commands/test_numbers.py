"""Every number of every verb: what makes no sense is refused in one line, and 0 is not "not given"."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from core import __main__ as command_line
from core.problem import Problem
from core.training.embeddings import Examples
from core.training.loop import descend
from core.training.network import HeadAlone
from core.training.settings import Settings
from core.zoo import loading

NEVER = ("-1", "nan", "inf")
PERHAPS = ("0", "1" + 400 * "0")

BASE = {
    "classify": ["{photo}"],
    "features": ["{photo}", "--out", "{folder}/x.png"],
    "ideal": ["--class", "1", "--steps", "1", "--size", "64", "--out", "{folder}/x.png"],
    "invert": ["{photo}", "--layer", "conv_stem", "--steps", "1", "--out", "{folder}/x.png"],
    "attack": ["{photo}", "--untargeted", "--steps", "2", "--out", "{folder}/x.png"],
    "robustness": ["{folder}/photos", "--eps", "1", "--steps", "1"],
    "sticker": ["{folder}/photos", "--target", "1", "--steps", "1", "--out", "{folder}/x.png"],
    "train": ["{folder}/photos", "--epochs", "1", "--out", "{folder}/mine"],
}
MORE = {
    ("train", "--blocks"): ["--way", "blocks"],
    ("train", "--adversarial"): ["--way", "blocks", "--blocks", "1"],
    ("train", "--most"): ["--data", "faces"],
}


def numbers() -> Iterator[tuple[str, argparse.Action]]:
    """List the numeric options of every verb, as the parser itself knows them."""
    (verbs,) = (
        action
        for action in command_line._parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    for verb, parser in verbs.choices.items():
        for action in parser._actions:
            if action.type in (int, float):
                yield verb, action


NUMBERS = list(numbers())


@pytest.fixture
def photo_folder(tmp_path):
    chance = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(3):
            noise = chance.integers(0, 100, (20, 20, 3), dtype=np.uint8)
            noise[..., channel] += 150
            Image.fromarray(noise).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path


@pytest.fixture(autouse=True)
def quick(tiny, monkeypatch):
    """A tiny network in place of the built-in ones: what it says does not matter here."""
    origin = replace(tiny.provenance, network="efficientnet_lite0")
    small = tiny.like(name="efficientnet_lite0", provenance=origin)
    monkeypatch.setattr(loading, "shared", lambda name: small)
    monkeypatch.setattr(loading, "load", lambda name, trainable=False: small)


def end_of(arguments: list[str], capsys) -> tuple[int, str, str]:
    try:
        code = command_line.main([*arguments, "--json"])
    except SystemExit as end:
        code = int(end.code)
    said = capsys.readouterr()
    return code, said.out, said.err


def arguments_for(verb: str, action: argparse.Action, value: str, folder) -> list[str]:
    option = action.option_strings[-1]
    values = [value] * (action.nargs if isinstance(action.nargs, int) else 1)
    base = [
        part.format(folder=folder, photo=folder / "photos" / "red" / "0.png") for part in BASE[verb]
    ]
    if (verb, option) == ("train", "--most"):
        base = base[1:]  # a data set instead of the folder
    return [verb, *base, *MORE.get((verb, option), []), option, *values]


def test_the_parser_has_the_numbers_that_the_verbs_are_known_for():
    found = {(verb, action.option_strings[-1]) for verb, action in NUMBERS}
    assert {("classify", "--top"), ("train", "--batch"), ("attack", "--eps")} <= found
    assert {verb for verb, _ in found} == set(BASE)


@pytest.mark.parametrize(
    ("verb", "action"), NUMBERS, ids=lambda x: x if isinstance(x, str) else x.dest
)
def test_what_no_number_can_be_is_refused_in_one_line(verb, action, photo_folder, capsys):
    for value in NEVER:
        code, out, err = end_of(arguments_for(verb, action, value, photo_folder), capsys)
        assert (code, out) == (2, ""), value
        assert err.startswith("core: ")
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("verb", "action"), NUMBERS, ids=lambda x: x if isinstance(x, str) else x.dest
)
def test_none_and_far_too_many_are_refused_or_done(verb, action, photo_folder, capsys):
    for value in PERHAPS:
        code, out, err = end_of(arguments_for(verb, action, value, photo_folder), capsys)
        if code == 0:
            assert err == ""
            json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
        else:
            assert (code, out) == (2, ""), value
            assert err.startswith("core: ")
            assert err.count("\n") == 1


@pytest.mark.parametrize(
    "never_zero",
    [
        *(("classify", "--top"), ("features", "--channels"), ("ideal", "--steps")),
        *(("ideal", "--lr"), ("attack", "--steps"), ("attack", "--restarts")),
        *(("robustness", "--steps"), ("sticker", "--steps"), ("sticker", "--centimetres")),
        *(("train", "--batch"), ("train", "--learning-rate"), ("train", "--epochs")),
        *(("train", "--per-class"), ("train", "--blocks"), ("train", "--most")),
    ],
    ids=" ".join,
)
def test_zero_is_not_the_same_as_not_given(never_zero, photo_folder, capsys):
    (action,) = [a for verb, a in NUMBERS if (verb, a.option_strings[-1]) == never_zero]
    code, _, err = end_of(arguments_for(never_zero[0], action, "0", photo_folder), capsys)
    assert code == 2
    assert "0" in err


@pytest.mark.parametrize("method", ["fgsm", "ifgsm", "boundary", "hopskipjump"])
@pytest.mark.parametrize(
    "wrong",
    [("--steps", "0"), ("--restarts", "0"), ("--eps", "-1"), ("--patch", "nan", "0", "0.1")],
    ids=" ".join,
)
def test_a_method_that_sets_a_number_itself_refuses_it_all_the_same(
    method, wrong, photo_folder, capsys
):
    photo = str(photo_folder / "photos" / "red" / "0.png")
    arguments = ["attack", photo, "--untargeted", "--out", str(photo_folder / "x.png")]
    code, out, _ = end_of([*arguments, "--method", method, *wrong], capsys)
    assert (code, out) == (2, "")


def test_numbers_that_json_has_no_word_for_become_null(monkeypatch, capsys):
    answer = {"a": math.inf, "b": [{"c": math.nan, "d": 1.5}], "e": (-math.inf, 2)}
    monkeypatch.setattr(command_line.looking, "_models", lambda options: answer)
    code, out, _ = end_of(["models"], capsys)
    assert code == 0
    assert json.loads(out) == {"a": None, "b": [{"c": None, "d": 1.5}], "e": [None, 2]}


def test_a_training_that_goes_astray_is_no_network_but_a_sentence():
    examples = Examples(torch.full((4, 3), 1e30), torch.tensor([0, 1, 0, 1]))
    network = HeadAlone(torch.eye(3), classes=2)
    settings = Settings(epochs=5, batch=3, learning_rate=100.0, optimiser="sgd")
    steps = descend(network, examples, examples, settings)
    with pytest.raises(Problem, match="smaller learning rate"):
        list(steps)


@pytest.mark.parametrize(
    "useless",
    [
        ["train", "{folder}/photos", "--out", "{folder}/mine", "--adversarial", "1"],
        ["train", "{folder}/photos", "--out", "{folder}/mine", "--way", "scratch", "--blocks", "2"],
        ["train", "{folder}/photos", "--out", "{folder}/mine", "--most", "2"],
        ["train", "{folder}/photos", "--out", "{folder}/mine", "--whole"],
        ["attack", "{photo}", "--target", "1", "--out", "{folder}/x.png", "--start", "{photo}"],
    ],
    ids=" ".join,
)
def test_an_option_that_would_change_nothing_is_refused(useless, photo_folder, capsys):
    places = {"folder": photo_folder, "photo": photo_folder / "photos" / "red" / "0.png"}
    code, out, err = end_of([part.format(**places) for part in useless], capsys)
    assert (code, out) == (2, "")
    assert "go" in err


def test_a_recipe_takes_no_dials_beside_it(photo_folder, capsys):
    out = str(photo_folder / "x.png")
    code, _, _ = end_of(
        ["ideal", "--class", "1", "--steps", "1", "--size", "64", "--out", out], capsys
    )
    assert code == 0
    again = ["ideal", "--recipe", out, "--out", str(photo_folder / "y.png")]
    code, _, err = end_of([*again, "--steps", "0", "--seed", "3"], capsys)
    assert code == 2
    assert "Leave out --steps, --seed" in err
