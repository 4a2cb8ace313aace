"""The sentences for people, and the steps of long computations."""

from __future__ import annotations

import pytest

from core.problem import Problem
from core.steps import Step, finish


def test_a_problem_reads_as_its_filled_in_sentence():
    problem = Problem("{file} is empty.", file="cat.jpg")
    assert str(problem) == "cat.jpg is empty."


def test_a_problem_keeps_template_and_values_apart_for_translation():
    problem = Problem("{file} has {megabytes} MB.", file="cat.jpg", megabytes=31)
    assert problem.template.format(**problem.fields) == str(problem)
    assert problem.fields == {"file": "cat.jpg", "megabytes": 31}


@pytest.mark.parametrize("name", ["{0}.jpg", "{file.__class__}", "{", "%s", "a}b{c"])
def test_braces_in_a_file_name_are_only_text(name):
    assert str(Problem("{file} is empty.", file=name)) == f"{name} is empty."


def test_a_step_cannot_be_changed_after_it_was_made():
    step = Step(1, 2)
    with pytest.raises(AttributeError):
        step.index = 2


def test_finishing_a_computation_gives_its_last_result():
    assert finish(Step(i, 3, result=f"after {i}") for i in (1, 2, 3)) == "after 3"


def test_a_computation_without_a_result_cannot_be_finished():
    with pytest.raises(ValueError, match="no result"):
        finish(iter([Step(1, 1)]))
