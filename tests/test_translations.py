"""Nothing a person reads may be left in English when the switch says PT."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[1]
CALLS = {"t", "N_", "Problem", "WeightsMissing"}
LOCALES = [path.name for path in (ROOT / "assets" / "locale").iterdir() if path.is_dir()]
# Only the command line says these, and it speaks English.
COMMAND_LINE = {"{file} cannot be read: {reason}.", "{file} cannot be written: {reason}."}


def texts_in_the_code() -> set[str]:
    """All literals handed to a translating call, found by reading the code, not by Babel."""
    found = set()
    for path in [ROOT / "app.py", *ROOT.glob("core/**/*.py"), *ROOT.glob("pages/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                if node.func.id in CALLS and isinstance(first, ast.Constant):
                    found.add(first.value)
    return found


def catalogue(locale: str) -> dict[str, str]:
    path = ROOT / "assets" / "locale" / locale / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id}


@pytest.mark.parametrize("locale", LOCALES)
def test_every_text_has_a_translation(locale):
    translations = catalogue(locale)
    untranslated = {text for text in texts_in_the_code() if not translations.get(text)}
    assert not untranslated - COMMAND_LINE


@pytest.mark.parametrize("locale", LOCALES)
def test_a_translation_fills_in_the_same_fields(locale):
    def fields(text: str) -> set[str]:
        return set(re.findall(r"\{(\w*(?::\w+)?)\}", text))

    assert {
        text: translation
        for text, translation in catalogue(locale).items()
        if fields(text) != fields(translation)
    } == {}


@pytest.mark.parametrize("locale", LOCALES)
def test_the_catalogue_holds_nothing_that_is_said_no_longer(locale):
    assert set(catalogue(locale)) <= texts_in_the_code()


def test_the_collector_sees_what_the_code_says():
    """Babel does not look into f-strings, so no translating call may stand in one."""
    with (ROOT / "assets" / "locale" / "messages.pot").open("rb") as file:
        collected = {str(m.id) for m in read_po(file) if m.id}
    assert texts_in_the_code() - COMMAND_LINE == collected - COMMAND_LINE


def test_texts_inside_a_sentence_are_translated_one_by_one():
    def script():
        import streamlit as st

        from core.problem import Problem, Text, Texts
        from pages.kit.language import say

        st.markdown(say(Problem("{here}", here=Texts([Text("Cat"), Text("Coffee")]))))

    app = AppTest.from_function(script)
    app.session_state["language"] = "PT"
    assert app.run().markdown[0].value == "Gato, Café"
