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
BY_NUMBER = "tn"
LOCALES = [path.name for path in (ROOT / "assets" / "locale").iterdir() if path.is_dir()]
# Only the command line says these, and it speaks English.
COMMAND_LINE = {"{file} cannot be read: {reason}.", "{file} cannot be written: {reason}."}


def texts_in_the_code() -> set[str]:
    """All literals handed to a translating call, found by reading the code, not by Babel."""
    found = set()
    for path in [ROOT / "app.py", *ROOT.glob("core/**/*.py"), *ROOT.glob("pages/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                texts = node.args[:1] if node.func.id in CALLS else []
                texts = node.args[:2] if node.func.id == BY_NUMBER else texts
                found |= {text.value for text in texts if isinstance(text, ast.Constant)}
    return found


def entries(path: Path) -> dict[str, str]:
    """The texts of a catalogue; one that depends on a number counts as two."""

    def forms(text) -> list[str]:
        return [text] if isinstance(text, str) else list(text)

    with path.open("rb") as file:
        return {
            said: translated
            for m in read_po(file)
            if m.id
            for said, translated in zip(forms(m.id), forms(m.string), strict=True)
        }


def catalogue(locale: str) -> dict[str, str]:
    return entries(ROOT / "assets" / "locale" / locale / "LC_MESSAGES" / "messages.po")


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
    collected = set(entries(ROOT / "assets" / "locale" / "messages.pot"))
    assert texts_in_the_code() - COMMAND_LINE == collected - COMMAND_LINE


def test_texts_inside_a_sentence_are_translated_one_by_one():
    def script():
        import streamlit as st

        from core.problem import Problem, Text, Texts
        from pages.parts.shared.language import say

        st.markdown(say(Problem("{here}", here=Texts([Text("Cat"), Text("Coffee")]))))

    app = AppTest.from_function(script)
    app.session_state["language"] = "PT"
    assert app.run().markdown[0].value == "Gato, Café"


@pytest.mark.parametrize(
    ("language", "one", "two"), [("EN", "1 photo", "2 photos"), ("PT", "1 foto", "2 fotos")]
)
def test_a_number_decides_between_one_and_several(language, one, two):
    def script():
        import streamlit as st

        from pages.parts.shared.language import tn

        for count in (1, 2):
            st.markdown(tn("**{count}** photo", "**{count}** photos", count))

    app = AppTest.from_function(script)
    app.session_state["language"] = language
    assert [m.value.replace("*", "") for m in app.run().markdown] == [one, two]


def test_numbers_in_problems_are_written_as_the_language_does():
    def script():
        import streamlit as st

        from core.problem import Problem, Texts
        from core.zoo.labels import imagenet
        from pages.parts.shared.language import say

        st.markdown(
            say(Problem("ε must lie between 0 and {most:g}, not {value:g}.", most=16.0, value=0.5))
        )
        st.markdown(say(Problem("{names}", names=Texts(imagenet()[281:283]))))

    app = AppTest.from_function(script)
    app.session_state["language"] = "PT"
    problem, names = app.run().markdown
    assert problem.value.endswith("0 e 16, não 0,5.")
    assert names.value.startswith("gato tigrado, ")


def test_streamlits_own_words_are_covered_in_both_languages():
    def script():
        from pages.parts.shared import streamlit_words

        streamlit_words.style()

    app = AppTest.from_function(script)
    app.session_state["language"] = "PT"
    sheet = app.run().get("html")[0].proto.body
    assert 'content: "Enviar"' in sheet
    assert 'content: "Enter confirma"' in sheet
    assert 'content: "Nada encontrado"' in sheet


def test_progress_writes_numbers_as_the_language_does():
    def script():
        import streamlit as st

        from core.server.jobs import Snapshot, State
        from core.steps import Step
        from pages.parts.shared import live

        step = Step(1234, 1797, phase="reading the photos")
        live.progress(
            st.empty(), Snapshot(State.DONE, step, {}, 1, 1, 1, 0, False, 1.5, None, None, None)
        )

    app = AppTest.from_function(script)
    app.session_state["language"] = "PT"
    assert "1.234 de 1.797 fotos" in app.run().get("progress")[0].proto.text
