"""What the lesson tells a class to press is on the page, under that very name, in both languages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from core.classroom import lesson
from core.problem import Text
from core.zoo.labels import imagenet
from pages.parts.shared import language

ROOT = Path(__file__).parents[2]
QUOTED = re.compile(r"[“«‘]\s*(.*?)\s*[”»’](?!\w)")
PT = "pt_BR"


def labels_on_pages() -> set[str]:
    found = set()
    for path in [*ROOT.glob("pages/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if is_call and node.func.id in ("t", "N_") and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


def texts(part: lesson.Part) -> list[Text]:
    return [part.title, part.task, part.question, *part.options, part.why]


TEXTS = [text for part in lesson.PARTS for text in texts(part)]
QUOTING = [text for text in TEXTS if QUOTED.search(text)]


def in_portuguese() -> dict[str, str]:
    with (ROOT / "assets" / "locale" / PT / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file)}


def test_the_lesson_quotes_labels_at_all():
    assert len(QUOTING) > 5


@pytest.mark.parametrize("text", QUOTING)
def test_a_quoted_label_is_on_a_page_and_so_is_its_translation(text):
    labels, translations = labels_on_pages(), in_portuguese()
    classes, classes_in_portuguese = imagenet(), language._class_table(PT)
    english, portuguese = QUOTED.findall(text), QUOTED.findall(translations[text])
    assert len(english) == len(portuguese)
    for said, translated in zip(english, portuguese, strict=True):
        if said in labels:
            assert translated == translations[said]
        else:
            assert said in classes, "neither a label of a page nor a class"
            assert translated in classes_in_portuguese[said]


def test_buttons_are_clicked_in_portuguese_with_one_verb():
    told = " ".join(in_portuguese()[text] for text in TEXTS).lower()
    assert "clique em" in told
    assert not re.search(r"\b(apert|pression)", told)
