"""A question to a room: one answer a member, counts for all, and nobody's name."""

from __future__ import annotations

import csv
import io

import pytest

from core.classroom.poll import LONGEST_ANSWER, Poll, Question, Result, Row, as_csv, by_series
from core.classroom.room import Room
from core.problem import Problem
from core.zoo.labels import imagenet
from core.zoo.predictions import Opinion
from pages.parts.shared.language import class_names

ZEBRA = Opinion("net", 340, "zebra", 0.9, 0.9, "zebra")
LION = Opinion("other", 291, "lion", 0.5, 0.1, "zebra")


def chosen(**more) -> Question:
    return Question("What?", ("zebra", "lion", "fox"), right=0, subject="zebra", **more)


def typed(class_id: int) -> Question:
    names = class_names(imagenet(), class_id)
    return Question("What?", names=names, subject=imagenet()[class_id])


def test_a_member_has_one_vote_and_may_change_it_until_the_reveal():
    poll = Poll(chosen())
    poll.vote("ana", 1)
    poll.vote("bob", 1)
    poll.vote("ana", 0)
    assert (poll.answer_of("ana"), poll.answer_of("eve")) == (0, None)
    assert poll.reveal().counts == {0: 1, 1: 1}
    with pytest.raises(Problem, match="out already"):
        poll.vote("ana", 1)
    assert poll.answer_of("ana") == 0


@pytest.mark.parametrize("answer", [None, True, -1, 3, 1.0, "zebra", "0", [0], {"a": 1}])
def test_only_an_option_s_number_can_be_chosen(answer):
    poll = Poll(chosen())
    with pytest.raises(Problem, match="cannot be given"):
        poll.vote("ana", answer)
    assert poll.result().total == 0


@pytest.mark.parametrize("answer", [None, 0, "", " \n\t", "\u202e\x00", ["zebra"]])
def test_only_words_can_be_typed(answer):
    with pytest.raises(Problem, match="cannot be given"):
        Poll(typed(340)).vote("ana", answer)


def test_what_is_typed_is_kept_short():
    poll = Poll(typed(340))
    poll.vote("ana", "z" * 100_000)
    assert len(str(poll.answer_of("ana"))) == LONGEST_ANSWER


@pytest.mark.parametrize(
    ("class_id", "words", "is_right"),
    [
        (281, "tabby", True),
        (281, "Tabby cat", True),
        (284, "gato siamês", True),
        (284, "GATO SIAMES", True),
        (284, "um gato siamês", True),
        (284, "Siamese", True),
        (340, "a zebra", True),
        (340, "Zebras!", True),
        (340, "horse", False),
        (340, "?!", False),
        (779, "ônibus escolar", True),
    ],
)
def test_a_class_is_found_by_any_of_its_names_in_both_languages(class_id, words, is_right):
    assert typed(class_id).is_right(words) is is_right


def test_words_that_differ_in_little_are_counted_together_and_rare_ones_are_not_shown():
    poll = Poll(typed(340))
    words = ("Zebra", "uma zebra", "a horse", "Horse", "Ana likes Bob")
    for member, word in enumerate(words):
        poll.vote(str(member), word)
    result = poll.result()
    assert result.counts == {"Zebra": 2, "a horse": 2, "Ana likes Bob": 1}
    assert result.rows() == (Row("zebra", 2, True), Row("a horse", 2, False), Row("", 1, False))


def test_who_leaves_takes_the_answer_back():
    room = Room("ABCD")
    token, member = room.join("Ana")
    poll = Poll(chosen())
    room.begin(poll)
    poll.vote(member.id, 0)
    room.leave(token)
    assert poll.result().total == 0


def test_a_question_that_is_over_is_kept_once_and_without_its_pictures():
    room = Room("ABCD")
    room.begin(Poll(chosen(pictures=(b"jpeg",))))
    assert room.reveal() is not None
    assert room.reveal() is None
    (result,) = room.results()
    assert result.question.pictures == ()


def test_people_are_compared_with_networks_in_each_series():
    asked = chosen(series="A", opinions=(ZEBRA, LION))
    told = [Result(asked, {0: 3, 1: 1}, 3), Result(asked, {1: 4}, 0), Result(chosen(), {0: 1}, 1)]
    (score,) = by_series(told)
    assert (score.series, score.people, score.networks) == ("A", 3 / 8, 0.5)
    assert score.guessing == pytest.approx(1 / 3)
    assert by_series([Result(asked, {}, 0)]) == ()


@pytest.mark.parametrize("formula", ["=1+1", "@SUM(A1)", "+1", "-1", "\uff1d1+1"])
def test_the_table_holds_no_formula_and_nobody_s_name(formula):
    room = Room("ABCD")
    members = [room.join("Secretname")[1] for _ in range(2)]
    poll = Poll(Question("What?", names=("zebra",), subject=formula, opinions=(ZEBRA,)))
    room.begin(poll)
    for member in members:
        poll.vote(member.id, formula)
    room.reveal()
    table = as_csv(room.results())
    header, row = csv.reader(io.StringIO(table))
    assert header[:5] == ["question", "series", "class", "answers", "right"]
    assert dict(zip(header, row, strict=True))["net"] == "zebra (0.900)"
    assert not any(cell.startswith(tuple("=+-@\uff1d")) for cell in row)
    assert "Secret" not in table
    assert not any(member.id in table for member in members)
