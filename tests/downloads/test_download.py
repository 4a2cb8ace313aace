"""Downloading weights, against a server of the test's own on this machine."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from core.problem import Problem
from core.zoo import catalogue, weights

CONTENT = b"".join(bytes([i]) * 1_000_000 for i in range(5))


@pytest.fixture
def server(server):
    server.content = CONTENT
    return server


@pytest.fixture
def entry(server):
    file = f"tiny-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
    return replace(
        catalogue.entry("resnet18"),
        weights_file=file,
        weights_bytes=len(CONTENT),
        url=f"{server.address}/models/{file}",
    )


def files(torch_home: Path) -> list[str]:
    return [path.name for path in torch_home.rglob("*") if path.is_file()]


def test_a_whole_file_arrives_under_its_name_and_alone(server, entry, torch_home):
    steps = list(weights.download(entry))
    assert steps[-1].result == torch_home / "hub" / "checkpoints" / entry.weights_file
    assert steps[-1].result.read_bytes() == CONTENT
    assert files(torch_home) == [entry.weights_file]
    assert weights.present(entry)


def test_the_steps_count_megabytes_up_to_the_whole(server, entry):
    steps = list(weights.download(entry))
    assert {step.total for step in steps} == {5}
    done = [step.index for step in steps]
    assert done == sorted(done)
    assert len(set(done)) >= 4
    assert done[-1] == 5
    assert [step.result is not None for step in steps].index(True) == len(steps) - 1


def test_what_is_there_is_not_downloaded_again(server, entry):
    list(weights.download(entry))
    (step,) = weights.download(entry)
    assert step.result == weights.path(entry)
    assert len(server.asked_for) == 1


def test_a_server_that_does_not_say_the_length_is_fine(server, entry):
    server.headers = {}
    assert list(weights.download(entry))[-1].result.read_bytes() == CONTENT


def refused(entry, torch_home) -> str:
    with pytest.raises(Problem, match=r"ResNet-18 could not be downloaded") as told:
        list(weights.download(entry))
    assert files(torch_home) == []
    assert not weights.present(entry)
    assert entry.weights_file in str(told.value)
    assert str(torch_home / "hub" / "checkpoints") in str(told.value)
    return str(told.value)


def test_a_file_with_another_digest_is_refused(server, entry, torch_home):
    server.content = CONTENT[:-1] + b"?"
    assert "not the expected one" in refused(entry, torch_home)


@pytest.mark.parametrize("sent", [0, 1, 2_500_000, len(CONTENT) - 1])
def test_a_cut_off_file_is_refused(server, entry, torch_home, sent):
    server.sent = sent
    refused(entry, torch_home)


def test_a_cut_off_file_is_refused_by_its_length_where_its_name_has_no_digest(
    server, entry, torch_home
):
    server.sent = 2_500_000
    refused(replace(entry, weights_file="tiny.pth"), torch_home)


def test_a_file_cut_off_by_a_server_that_sends_chunks_is_refused(server, entry, torch_home):
    server.headers = {"Transfer-Encoding": "chunked"}
    server.content = b"f4240\r\n" + CONTENT[:500_000]
    server.sent = len(server.content)
    refused(entry, torch_home)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_server_that_refuses_is_answered_with_a_sentence(server, entry, torch_home, status):
    server.status = status
    refused(entry, torch_home)


def test_a_login_page_instead_of_the_file_is_refused(server, entry, torch_home):
    server.content = b"<html>Please log in to the school's network</html>"
    refused(entry, torch_home)


def test_a_server_that_is_not_there_is_answered_with_a_sentence(server, entry, torch_home):
    server.close()
    assert "refused" in refused(entry, torch_home)


def test_closing_midway_leaves_no_file_behind(server, entry, torch_home):
    steps = weights.download(entry)
    next(steps)
    next(steps)
    assert files(torch_home), "a part must be there for the test to mean something"
    steps.close()
    assert files(torch_home) == []


def test_two_who_download_the_same_file_at_once_both_get_it_whole(server, entry):
    # Jobs take turns on the compute threads, so two downloads interleave like this.
    one, other = weights.download(entry), weights.download(entry)
    next(one)
    next(one)
    next(other)
    assert list(one)[-1].result.read_bytes() == CONTENT
    assert list(other)[-1].result.read_bytes() == CONTENT


def test_a_mirror_is_asked_instead(server, entry, monkeypatch):
    elsewhere = replace(entry, url="http://127.0.0.1:9/never")
    monkeypatch.setenv(weights.MIRROR_VARIABLE, f"{server.address}/school/weights/")
    assert list(weights.download(elsewhere))[-1].result.read_bytes() == CONTENT
    assert server.asked_for == [f"/school/weights/{entry.weights_file}"]


@pytest.mark.parametrize("mirror", ["school.example/weights", "http://", "http://a b/"])
def test_a_mirror_that_is_no_address_is_answered_with_a_sentence(
    entry, torch_home, monkeypatch, mirror
):
    monkeypatch.setenv(weights.MIRROR_VARIABLE, mirror)
    refused(entry, torch_home)


def test_a_folder_that_cannot_be_written_is_answered_with_a_sentence(entry, torch_home):
    torch_home.write_text("a file where a folder should be")
    with pytest.raises(Problem, match="could not be downloaded"):
        list(weights.download(entry))
