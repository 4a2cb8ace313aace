"""What strangers send: each input is refused with a sentence, or read where it is only odd."""

from __future__ import annotations

import html
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.hostile_corpus import measure
from core.problem import Problem
from pages.kit.language import plain
from tests.hostile import CASES, Case, enter

MOST_EXTRA_MB = 500


def test_the_corpus_is_large_and_says_each_thing_once():
    names = [(case.door, case.name) for case in CASES]
    assert len(names) == len(set(names)) >= 60


@pytest.mark.timeout(60)  # a hang is a matter of minutes; benchmarks/hostile_corpus.py has seconds
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.door}: {case.name}")
def test_a_hostile_input_is_refused_with_a_sentence_and_an_odd_one_read(case: Case, lite0):
    found = measure(case)
    assert found.megabytes < MOST_EXTRA_MB
    if case.is_odd:
        assert found.outcome == "read"
    else:
        assert 20 < len(found.outcome) < 600
        assert found.outcome.endswith(".")
        found.outcome.encode()  # half a character could not be shown


def test_nothing_was_run_that_was_pickled():
    for case in CASES:
        if "pickle" in case.name or "checkpoint" in case.name:
            with suppress(Problem):
                enter(case, case.make())
    assert not (Path(tempfile.gettempdir()) / "idealcat-was-here").exists()


@pytest.mark.parametrize(
    "text", ["<b>x</b>", "[x](javascript:alert(1))", "**x** $x$ :cat:", "a/../b"]
)
def test_a_name_is_shown_letter_by_letter(text):
    markdown = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True})
    shown = markdown.renderInline(plain(text))
    assert html.unescape(shown) == text
    assert "<" not in shown
