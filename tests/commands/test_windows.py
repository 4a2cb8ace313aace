"""The command line where no shell expands patterns and output is not UTF-8: on Windows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.__main__ import main
from core.commands.shared import a_file, some_files
from core.problem import Problem

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder with photos, in which the command line is used."""
    for i, name in enumerate(("b.jpg", "a.jpg", "c [1].png", "猫.png")):
        pixels = np.full((20, 20, 3), 60 * i, np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_pattern_stands_for_the_files_that_fit(here):
    assert some_files("*.jpg") == [Path("a.jpg"), Path("b.jpg")]
    assert some_files(str(here / "?.jpg")) == [here / "a.jpg", here / "b.jpg"]
    assert a_file("猫*") == Path("猫.png")


def test_a_file_of_that_very_name_is_taken_as_it_is(here):
    assert some_files("c [1].png") == [Path("c [1].png")]
    assert some_files("nowhere.jpg") == [Path("nowhere.jpg")]  # whoever reads it says so


def test_patterns_that_fit_nothing_or_too_much_say_so(here):
    with pytest.raises(Problem, match=r"No file fits \*\.tif"):
        some_files("*.tif")
    with pytest.raises(Problem, match=r"\*\.jpg fits 2 files"):
        a_file("*.jpg")


def test_classify_expands_what_no_shell_did(here, capsys):
    assert main(["classify", "*.jpg", "c [1].png", "--top", "1", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [photo["file"] for photo in answer["photos"]] == ["a.jpg", "b.jpg", "c [1].png"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["features", "*.jpg", "--out", "x.png"],
        ["attack", "*.jpg", "--target", "tabby", "--out", "x.png"],
        ["attack", "a.jpg", "--target", "tabby", "--start", "*.jpg", "--out", "x.png"],
        ["ideal", "--recipe", "*.jpg", "--out", "x.png"],
        ["ideal", "--class", "tabby", "--photo", "*.jpg", "--out", "x.png"],
        ["robustness", "*.jpg"],
        ["sticker", "*.jpg", "--target", "tabby", "--out", "x.png"],
        ["train", "*.jpg", "--out", "x"],
        ["data", "*.jpg"],
    ],
    ids=" ".join,
)
def test_verbs_that_take_one_file_say_when_a_pattern_fits_several(here, capsys, arguments):
    assert main(arguments) == 2
    assert capsys.readouterr().err == "core: *.jpg fits 2 files. Name one of them.\n"


def test_what_is_redirected_is_utf_8(here):
    """Classes in Japanese, on stdout and on stderr; one process, which imports PyTorch only once."""
    for name in ("猫", "犬"):
        (here / "photos" / name).mkdir(parents=True)
        for i in range(2):
            chance = np.random.default_rng(i)
            pixels = chance.integers(0, 255, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(here / "photos" / name / f"{i}.png")
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    program = (
        "import sys; from core.__main__ import main; "
        "assert main(['data', sys.argv[1], '--json']) == 0; "
        "sys.exit(main(['classify', sys.argv[2]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(here / "photos"), "猫/nowhere.jpg"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
    )
    answer = json.loads(done.stdout.decode("utf-8"))
    assert [one["name"] for one in answer["classes"]] == ["犬", "猫"]
    assert done.returncode == 2
    assert done.stderr.decode("utf-8").startswith("core: 猫")
