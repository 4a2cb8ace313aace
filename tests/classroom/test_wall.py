"""The class's wall: what may hang there, how much, and what happens when things go wrong."""

from __future__ import annotations

import io
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.attacks.goal import Goal
from core.attacks.loop import Attempt, Settings
from core.attacks.report import Report, report
from core.classroom import wall as wall_module
from core.classroom.typed import plain_nickname
from core.classroom.wall import MOST_PER_SENDER, Wall
from core.images import photos
from core.problem import Problem
from core.synthesis.loop import Settings as DrawingSettings
from core.synthesis.loop import Synthesis
from core.synthesis.objective import ChannelActivation, ClassLogit, Mixture

TABBY, ZEBRA = 281, 340
A_TABBY = ClassLogit(TABBY)


def drawn(shade: int = 0, objective=A_TABBY, model="efficientnet_lite0", photo=""):
    pixels = np.full((64, 64, 3), shade, np.uint8)
    return Synthesis(pixels, model, objective, DrawingSettings(photo=photo), 10)


def attacked(photo: Image.Image, network) -> Report:
    original = photos.prepare(photo, network.input_size)
    changed = (original + 2 / 255).clamp(0, 1)
    return report(network, Attempt(original, changed, Goal(TABBY, targeted=True), Settings(), 5))


@pytest.fixture
def wall(tmp_path) -> Wall:
    made = Wall(tmp_path / "deep" / "wall.sqlite")
    made.open()
    return made


def hang(wall: Wall, work, sender: str = "ana", nickname: str = "", network: str = "") -> None:
    wall.hang(work, network=network, nickname=nickname, sender=sender)


def test_a_drawing_hangs_with_what_it_is_in_ids_and_survives_a_restart(wall):
    hang(wall, drawn(200), nickname="Ana")
    hang(wall, drawn(1, Mixture(ClassLogit(TABBY), ClassLogit(ZEBRA)), photo="cat"))
    again = Wall(wall._path)
    latest, first = again.pictures()
    assert (first.kind, first.network, first.classes) == ("ideal", "efficientnet_lite0", (TABBY,))
    assert (first.nickname, latest.nickname) == ("Ana", "")
    assert (latest.classes, latest.photo) == ((TABBY, ZEBRA), "cat")
    shown = Image.open(io.BytesIO(first.jpeg))
    assert (shown.format, shown.size) == ("JPEG", (64, 64))
    assert abs(np.asarray(shown).astype(int) - 200).max() <= 2
    assert again.is_open()
    assert wall._path.stat().st_mode & 0o077 == 0


def test_an_attack_on_a_sample_photo_may_hang_and_one_on_an_own_photo_may_not(wall, lite0):
    sample = photos.read_sample("dalmatian")
    hang(wall, attacked(sample, lite0), network=lite0.name)
    (hung,) = wall.pictures()
    assert (hung.kind, hung.photo, hung.network) == ("attack", "dalmatian", lite0.name)
    assert len(hung.classes) == 1
    one_pixel_else = np.asarray(sample).copy()
    one_pixel_else[150:160, 150:160] = 255 - one_pixel_else[150:160, 150:160]
    with pytest.raises(Problem, match="somebody's own"):
        hang(wall, attacked(Image.fromarray(one_pixel_else), lite0), network=lite0.name)
    assert len(wall.pictures()) == 1


def test_a_drawing_that_began_with_an_own_photo_may_not_hang(wall):
    with pytest.raises(Problem, match="somebody's own"):
        hang(wall, drawn(photo="own:0123456789abcdef"))
    assert wall.pictures() == ()


def test_names_that_a_visitor_gave_to_classes_do_not_come_to_the_wall(wall, lite0):
    hang(wall, drawn(1, model="own"))
    hang(wall, drawn(2, ChannelActivation("conv_head", 3)))
    hang(wall, attacked(photos.read_sample("cat"), lite0), network="own", sender="bia")
    attack, channel, own = wall.pictures()
    assert (own.network, own.classes) == ("", ())
    assert (channel.channel, channel.classes) == ("conv_head · 3", ())
    assert (attack.network, attack.classes) == ("", ())


def test_nobody_can_send_to_a_closed_wall_and_what_hangs_stays(wall):
    hang(wall, drawn(1))
    wall.open(wanted=False)
    with pytest.raises(Problem, match="closed"):
        hang(wall, drawn(2))
    assert len(wall.pictures()) == 1


def test_reading_makes_no_file(tmp_path):
    wall = Wall(tmp_path / "folder" / "wall.sqlite")
    assert not wall.is_open()
    assert wall.pictures() == ()
    assert not wall.hangs(drawn(), sender="ana")
    assert list(tmp_path.iterdir()) == []


def test_each_sender_has_few_places_and_a_picture_can_be_taken_back(wall):
    for shade in range(MOST_PER_SENDER):
        hang(wall, drawn(shade))
    hang(wall, drawn(0))  # hangs there already
    with pytest.raises(Problem, match="Take one back"):
        hang(wall, drawn(99))
    hang(wall, drawn(0), sender="bia")
    wall.take_back(drawn(0), sender="ana")
    assert not wall.hangs(drawn(0), sender="ana")
    assert wall.hangs(drawn(0), sender="bia")
    hang(wall, drawn(99))
    assert len(wall.pictures()) == MOST_PER_SENDER + 1


def test_the_wall_holds_so_many_pictures_and_so_many_bytes(wall, monkeypatch):
    monkeypatch.setattr(wall_module, "MOST_PICTURES", 2)
    hang(wall, drawn(1), "a")
    hang(wall, drawn(2), "b")
    with pytest.raises(Problem, match="full, with 2"):
        hang(wall, drawn(3), "c")
    wall.remove(wall.pictures()[-1].id)
    monkeypatch.setattr(wall_module, "MOST_BYTES", len(wall.pictures()[0].jpeg) + 10)
    with pytest.raises(Problem, match="full, with 1"):
        hang(wall, drawn(3), "c")
    wall.clear()
    hang(wall, drawn(3), "c")
    assert [hung.id for hung in wall.pictures()] == [3]


def test_eight_threads_share_the_places_that_are_left(tmp_path, monkeypatch):
    monkeypatch.setattr(wall_module, "MOST_PICTURES", 20)
    wall = Wall(tmp_path / "wall.sqlite")

    def send(sender: int) -> list[str]:
        wall.open()  # eight of them make the file at once
        refusals = []
        for shade in range(MOST_PER_SENDER):
            try:
                hang(wall, drawn(shade), str(sender))
            except Problem as problem:
                refusals.append(str(problem))
            assert len(wall.pictures()) <= 20
        return refusals

    with ThreadPoolExecutor(8) as pool:
        refusals = [refusal for refused in pool.map(send, range(8)) for refusal in refused]
    assert len(refusals) == 8 * MOST_PER_SENDER - 20
    assert all("full" in refusal for refusal in refusals)
    assert len({hung.id for hung in wall.pictures()}) == 20


def test_hostile_words_are_bound_and_not_run(wall):
    name = "x'); DROP TABLE picture; --"
    hang(wall, replace(drawn(1), model=name), nickname=name, sender=name)
    (hung,) = wall.pictures()
    assert hung.nickname == "x' DROP TABLE pictur"
    assert hung.network == ""


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("<script>alert(1)</script>", "scriptalert1script"),
        ("José  da\nSilva", "José da Silva"),
        ("Jose\u0301", "José"),
        ("z\u0351\u0352\u0353a\u202elgo\u200b", "zalgo"),
        ("x" * 100, "x" * 20),
        ("🐈 !?", ""),
    ],
)
def test_a_nickname_is_plain_and_short(typed, kept):
    assert plain_nickname(typed) == kept


def test_what_is_taken_down_is_gone_from_the_file_too(wall):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
    hang(wall, replace(drawn(), pixels=noise))
    trace = wall.pictures()[0].jpeg[-400:-100]
    wall.clear()
    files = list(wall._path.parent.iterdir())
    assert files
    assert not any(trace in file.read_bytes() for file in files)


def test_a_file_that_is_no_wall_is_explained(tmp_path):
    path = tmp_path / "wall.sqlite"
    path.write_bytes(b"not a database, but long enough to be looked at" * 40)
    for action in (Wall(path).open, Wall(path).pictures, Wall(path).is_open):
        with pytest.raises(Problem, match=r"cannot be kept \(file is not a database\)"):
            action()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Problem, match="IDEALCAT_WALL_FILE"):
        Wall(tmp_path / "file" / "wall.sqlite").open()


def test_a_full_disk_is_explained_and_the_wall_is_as_it_was(wall, full_disk):
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    with full_disk(60_000), pytest.raises(Problem, match=r"The class's wall cannot be kept \(d"):
        hang(wall, replace(drawn(), pixels=noise))
    assert wall.pictures() == ()
    assert wall.is_open()


def test_the_wall_lies_in_the_cache_folder_unless_it_is_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv("IDEALCAT_WALL_FILE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert wall_module.file() == tmp_path / "ideal-cat" / "wall.sqlite"
    monkeypatch.setenv("IDEALCAT_WALL_FILE", str(tmp_path / "mine.sqlite"))
    assert wall_module.file() == tmp_path / "mine.sqlite"


def test_writers_do_not_shut_readers_out(wall):
    """Write-ahead logging: the projector reads while somebody sends."""
    with sqlite3.connect(wall._path) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert wall.pictures() == ()
        writer.execute("ROLLBACK")
