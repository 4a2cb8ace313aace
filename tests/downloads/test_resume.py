"""Going on with a download that was left, against a server that can serve parts of a file."""

from __future__ import annotations

import pytest

from core.downloads.fetch import fetch

CONTENT = b"".join(bytes([i]) * 1_000_000 for i in range(5))


@pytest.fixture
def server(server):
    server.content, server.etag = CONTENT, '"one"'
    return server


@pytest.fixture
def download(server, tmp_path):
    def run():
        return fetch(server.address, tmp_path / "file", expected_bytes=1, resume=True)

    return run


def leave_midway(download, tmp_path) -> int:
    steps = download()
    while next(steps).index < 2:
        pass
    steps.close()
    kept = (tmp_path / "file").stat().st_size
    assert 0 < kept < len(CONTENT)
    return kept


def test_a_download_that_was_left_goes_on_where_it_was(server, download, tmp_path):
    kept = leave_midway(download, tmp_path)
    steps = list(download())
    assert server.ranges == [None, f"bytes={kept}-"]
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert steps[0].index >= 1
    assert {step.total for step in steps} == {5}
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["file"]


def test_a_download_that_was_cut_off_goes_on_too(server, download, tmp_path):
    server.sent = 2_500_000
    with pytest.raises(OSError, match="cut off"):
        list(download())
    server.sent = 10**9
    list(download())
    assert server.ranges == [None, "bytes=2500000-"]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_file_that_has_changed_meanwhile_is_fetched_anew(server, download, tmp_path):
    leave_midway(download, tmp_path)
    server.content, server.etag = CONTENT[::-1], '"two"'
    list(download())
    assert (tmp_path / "file").read_bytes() == CONTENT[::-1]


def test_a_server_that_serves_no_parts_is_asked_for_the_whole(server, download, tmp_path):
    leave_midway(download, tmp_path)
    server.ranged = False
    list(download())
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_without_a_version_nothing_is_pieced_together(server, download, tmp_path):
    server.etag = ""
    leave_midway(download, tmp_path)
    list(download())
    assert server.ranges == [None, None]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_fetched_anew(server, download, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT + b"?")
    (tmp_path / "file.version").write_text('"one"')
    list(download())
    assert (tmp_path / "file").read_bytes() == CONTENT
