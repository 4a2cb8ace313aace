"""ImageNet's class names in Portuguese: the list, searching it, and showing it on the pages."""

from __future__ import annotations

import csv
import re
import unicodedata

import pytest
import streamlit as st

from core.zoo.labels import Labels, imagenet
from pages.parts.shared import language, pickers

PORTUGUESE = {
    "Siamese cat": "gato siamês",
    "golden retriever": "golden retriever",
    "zebra": "zebra",
    "crash helmet": "capacete",
    "strainer": "escorredor",
    "crane (bird)": "grou",
    "crane (machine)": "guindaste",
    "maillot": "collant",
    "tank suit": "maiô",
    "cougar": "onça-parda",
    "mouse": "mouse",
}


@pytest.fixture(params=["pt_BR"])
def rows(request) -> list[list[str]]:
    path = language.LOCALE_FOLDER.parent / f"class_names_{request.param}.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]


@pytest.fixture
def speaking(monkeypatch):
    """Choose the language, as the switch does."""

    def choose(shown: str) -> None:
        monkeypatch.setattr(st, "session_state", {language.KEY: shown})

    return choose


def test_every_class_has_a_name_of_its_own(rows):
    assert [english for english, _, _ in rows] == list(imagenet())
    names = [name.lower() for _, name, _ in rows]
    assert len(set(names)) == 1000
    also = [word.lower() for _, _, words in rows for word in filter(None, words.split(", "))]
    assert not set(also) & set(names), "a name of one class must not lead to another"


def test_names_are_written_cleanly(rows):
    for _, name, also in rows:
        for word in (name, *filter(None, also.split(", "))):
            assert word == unicodedata.normalize("NFC", word.strip())
            assert re.fullmatch(r"[A-Za-zÀ-ÿ'() -]+", word), word


@pytest.mark.parametrize(("english", "portuguese"), PORTUGUESE.items())
def test_a_class_is_called_as_brazilians_call_it(speaking, english, portuguese):
    speaking("PT")
    labels = imagenet()
    name = labels[labels.index(english)]
    assert language.class_name(name) == portuguese
    speaking("EN")
    assert language.class_name(name) == english


def test_the_english_name_stands_beside_where_it_differs(speaking):
    speaking("PT")
    labels = imagenet()
    assert language.class_name_with_english(labels[284]) == "gato siamês (Siamese cat)"
    assert language.class_name_with_english(labels[340]) == "zebra"
    speaking("EN")
    assert language.class_name_with_english(labels[284]) == "Siamese cat"


def test_a_visitors_own_class_stays_as_it_was_called(speaking):
    speaking("PT")
    own = Labels(["orange", "hen"])
    assert [language.class_name(name) for name in own] == ["orange", "hen"]
    assert pickers._class_label(own, 0) == "orange"


def letters_in_order(typed: str, label: str) -> bool:
    """What Streamlit's search box asks of an option."""
    rest = iter(label.lower())
    return all(letter in rest for letter in typed.lower())


@pytest.mark.parametrize(
    ("typed", "class_id"),
    [
        ("gato siamês", 284),
        ("siames", 284),
        ("Siamese", 284),
        ("abobora-manteiga", 942),
        ("abóbora-manteiga", 942),
        ("butternut", 942),
        ("suçuarana", 286),
        ("sucuarana", 286),
        ("mountain lion", 286),
    ],
)
def test_the_search_box_finds_it_with_and_without_accents_and_in_english(speaking, typed, class_id):
    speaking("PT")
    label = pickers._class_label(imagenet(), class_id)
    assert letters_in_order(typed, label)
    assert typed.lower() in label.lower()


def test_labels_of_the_search_box_are_distinct(speaking):
    speaking("PT")
    labels = imagenet()
    assert len({pickers._class_label(labels, i) for i in range(1000)}) == 1000


def test_files_keep_the_english_names():
    import json

    assert json.dumps(imagenet()[284]) == '"Siamese cat"'
    assert imagenet().find("Siamese cat") == 284
