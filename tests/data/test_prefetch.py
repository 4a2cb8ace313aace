"""Fetching networks and data sets beforehand, from a server of the test's own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from core.__main__ import main
from core.data import prefetch, sources
from core.problem import Problem
from core.zoo import catalogue, weights
from tests.helpers.files import ANTS_AND_BEES, zipped

CONTENT = b"".join(bytes([i]) * 1_000_000 for i in range(5))
RESNET = f"resnet18-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"


@pytest.fixture
def school(server, monkeypatch):
    """A school's server, with a network and the ants and bees, both of them small."""
    entries = tuple(
        replace(e, weights_file=RESNET, weights_bytes=len(CONTENT)) if e.name == "resnet18" else e
        for e in catalogue.ENTRIES
    )
    monkeypatch.setattr(catalogue, "ENTRIES", entries)
    monkeypatch.setenv(weights.MIRROR_VARIABLE, server.address)
    monkeypatch.setenv(sources.MIRROR_VARIABLE, server.address)
    server.files = {RESNET: CONTENT, "hymenoptera_data.zip": zipped(ANTS_AND_BEES)}
    server.etag = '"one"'
    return server


def run(capsys, *arguments: str) -> tuple[int, dict, str]:
    code = main(["prefetch", *arguments, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else {}, said.err


def present(answer: dict) -> dict[str, bool]:
    return {item["name"]: item["present"] for item in answer["items"]}


def test_networks_and_data_sets_are_fetched_once_and_then_need_no_network(school, capsys):
    code, answer, _ = run(capsys, "resnet18", "ants-bees", "lite0")
    assert code == 0
    assert present(answer) == {"resnet18": True, "ants-bees": True, "efficientnet_lite0": True}
    assert len(school.asked_for) == 2
    school.close()
    assert run(capsys, "resnet18", "ants-bees")[0] == 0


def test_the_list_tells_what_is_here_and_downloads_nothing(school, capsys):
    code, answer, _ = run(capsys, "--list")
    assert code == 0
    known = [e.name for e in catalogue.ENTRIES] + [s.name for s in sources.SOURCES]
    assert list(present(answer)) == known
    here = {name for name, is_here in present(answer).items() if is_here}
    assert here == {*catalogue.BUILT_IN, "digits", "faces"}
    sizes = {item["name"]: item["megabytes"] for item in answer["items"]}
    assert (sizes["resnet18"], sizes["pets"], sizes["digits"]) == (5, 811, 0)
    assert school.asked_for == []


def test_an_unknown_name_is_answered_with_the_known_ones_before_anything_is_fetched(school, capsys):
    code, _, said = run(capsys, "resnet18", "unicorn")
    assert code == 2
    assert "no network and no data set called unicorn" in said
    assert "resnet50" in said
    assert "ants-bees" in said
    assert school.asked_for == []


def test_a_network_that_was_cut_off_goes_on_where_it_was(school, torch_home, capsys):
    school.sent = 2_500_000
    code, _, said = run(capsys, "resnet18")
    assert (code, "cut off" in said) == (2, True)
    school.sent = 10**9
    assert run(capsys, "resnet18")[0] == 0
    assert school.ranges == [None, "bytes=2500000-"]
    assert weights.path(catalogue.entry("resnet18")).read_bytes() == CONTENT
    left = {path.name for path in torch_home.rglob("*") if path.is_file()}
    assert left == {RESNET, f"{RESNET}.lock"}


def test_a_run_that_is_left_midway_goes_on_where_it_was(school):
    items = prefetch.chosen(["resnet18"])
    steps = prefetch.prefetch(items)
    while next(steps).index < 3:
        pass
    steps.close()
    *_, last = prefetch.prefetch(items)
    assert last.result == items
    assert items[0].present
    assert school.ranges[1] is not None


def test_a_download_with_another_digest_is_refused_and_does_not_stop_the_others(school, capsys):
    school.files[RESNET] = CONTENT[:-1] + b"?"
    code, _, said = run(capsys, "resnet18", "ants-bees")
    assert code == 2
    assert "not the expected one" in said
    _, answer, _ = run(capsys, "resnet18", "ants-bees", "--list")
    assert present(answer) == {"resnet18": False, "ants-bees": True}


@pytest.mark.parametrize(
    ("name", "words"),
    [("resnet18", "does not hold the weights of ResNet-18"), ("ants-bees", "is damaged")],
)
def test_what_is_here_and_damaged_is_named(school, name, words):
    items = prefetch.chosen([name])
    list(prefetch.prefetch(items))
    place = items[0].place
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 0x55
    place.write_bytes(content)
    with pytest.raises(Problem, match=words) as told:
        list(prefetch.prefetch(items))
    assert str(place) in str(told.value)


def test_several_that_fail_are_all_told(school, capsys):
    school.status = 404
    code, _, said = run(capsys, "resnet18", "ants-bees", "digits")
    assert code == 2
    assert "2 of 3 are not ready" in said
    assert "ResNet-18 could not be downloaded" in said
    assert "Ants and bees could not be downloaded" in said


def test_the_steps_count_up_to_the_whole(school):
    steps = list(prefetch.prefetch(prefetch.chosen(["resnet18", "ants-bees"])))
    done = [step.index for step in steps]
    assert done == sorted(done)
    assert done[-1] == steps[-1].total
    assert any("Ants and bees" in step.phase for step in steps)
