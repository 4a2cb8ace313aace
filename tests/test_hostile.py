"""What strangers send: each input is refused with a sentence, or read where it is only odd."""

from __future__ import annotations

import html
import time
from contextlib import suppress
from pathlib import Path

import pytest

from core.problem import Problem
from pages.parts.shared.language import plain
from tests.helpers.hostile import CASES, Case, enter

MOST_EXTRA_MB = 500
STATUS, NEW_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def test_the_corpus_is_large_and_says_each_thing_once():
    names = [(case.door, case.name) for case in CASES]
    assert len(names) == len(set(names)) >= 60


def kilobytes(name: str) -> int:
    """What the kernel says of this process's memory; only Linux does."""
    if not NEW_PEAK.exists():
        return 0
    (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1])


@pytest.mark.timeout(60)  # a hang is a matter of minutes; benchmarks/hostile_corpus.py has seconds
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.door}: {case.name}")
def test_a_hostile_input_is_refused_with_a_sentence_and_an_odd_one_read(
    case: Case, lite0, tmp_path, monkeypatch, record_property
):
    """What is recorded, `benchmarks/hostile_corpus.py` prints."""
    monkeypatch.chdir(tmp_path)  # what is pickled leaves a file where it is run
    content = case.make()
    with suppress(OSError):
        NEW_PEAK.write_text("5")
    before, began, outcome = kilobytes("VmRSS"), time.perf_counter(), "read"
    try:
        enter(case, content)
    except Problem as problem:
        outcome = str(problem)
    record_property("input", f"{case.door:8} {case.name}")
    record_property("seconds", time.perf_counter() - began)
    record_property("megabytes", megabytes := (kilobytes("VmHWM") - before) / 1000)
    record_property("outcome", outcome)
    assert megabytes < MOST_EXTRA_MB
    assert list(tmp_path.iterdir()) == []
    if case.is_odd:
        assert outcome == "read"
    else:
        assert 20 < len(outcome) < 600
        assert outcome.endswith(".")
        outcome.encode()  # half a character could not be shown


@pytest.mark.parametrize(
    "text", ["<b>x</b>", "[x](javascript:alert(1))", "**x** $x$ :cat:", "a/../b"]
)
def test_a_name_is_shown_letter_by_letter(text):
    markdown = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True})
    shown = markdown.renderInline(plain(text))
    assert html.unescape(shown) == text
    assert "<" not in shown
