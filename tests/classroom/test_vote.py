"""The prepared pictures: they are there, and networks say of them what the table says."""

from __future__ import annotations

import numpy as np
import pytest

from core.classroom import vote
from core.images import photos
from core.zoo import catalogue, loading
from core.zoo.labels import imagenet
from core.zoo.predictions import opinions


def test_ten_classes_are_there_in_each_series():
    drawn = vote.drawn()
    assert len(drawn) == 30
    assert {(one.series, one.class_id) for one in drawn} == {
        (series, class_id) for series in vote.SERIES for class_id in vote.ALSO_CALLED
    }
    assert set(vote.ALSO_CALLED) <= set(vote.WELL_KNOWN)
    for one in drawn:
        assert len(vote.read(one.name)) <= 25_000
        assert max(photos.decode(vote.read(one.name), one.name).size) <= 256
        assert tuple(opinion.model for opinion in one.opinions) == catalogue.BUILT_IN


@pytest.mark.parametrize("series", vote.SERIES)
def test_networks_say_what_the_table_says(series):
    one = next(one for one in vote.drawn() if one.series == series and one.class_id == 284)
    pixels = np.asarray(photos.decode(vote.read(one.name), one.name))
    classifier = loading.shared(catalogue.DEFAULT)
    (said,) = opinions(classifier, pixels, ["Siamese cat"])
    written = next(opinion for opinion in one.opinions if opinion.model == classifier.name)
    assert said.class_id == written.class_id
    assert said.probability == pytest.approx(written.probability, abs=0.05)


@pytest.mark.parametrize("pair", vote.pairs(), ids=lambda pair: pair.photo)
def test_an_attack_works_from_the_file_that_is_kept(pair):
    classifier = loading.shared(catalogue.DEFAULT)
    before, after = (np.asarray(photos.decode(vote.read(name), name)) for name in pair.names)
    wanted = [pair.before[0].target]
    assert opinions(classifier, before, wanted)[0].class_name == pair.before[0].target
    assert opinions(classifier, after, wanted)[0].class_id == pair.target


def test_a_room_has_an_order_of_its_own_with_all_series_in_turn():
    order = vote.in_turn("ABCD")
    assert order == vote.in_turn("ABCD") != vote.in_turn("WXYZ")
    assert set(order) == set(vote.drawn())
    assert [one.series for one in order[:6]] == [*vote.SERIES, *vote.SERIES]


@pytest.mark.parametrize("class_id", [*vote.ALSO_CALLED, 0, 999])
def test_the_right_one_is_among_four_options(class_id):
    options = vote.options(class_id, "ABCD")
    assert len(set(options)) == 4
    assert imagenet()[class_id] in options
    assert options == vote.options(class_id, "ABCD")


@pytest.mark.parametrize("count", [2, 4, 9])
def test_of_one_s_own_classes_at_most_four_can_be_chosen(count):
    labels = [f"class {i}" for i in range(count)]
    options = vote.options_among(labels, "class 1", "ABCD")
    assert "class 1" in options
    assert len(set(options)) == len(options) == min(count, 4)
    assert set(options) <= set(labels)
    assert options == vote.options_among(labels, "class 1", "ABCD")
    assert {
        vote.options_among(labels, "class 1", str(i)).index("class 1") for i in range(30)
    } == set(range(len(options)))
