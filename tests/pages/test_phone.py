"""What phones ask over HTTP: each is told its own and nothing of the others, whatever it sends."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.classroom import room as of_room
from core.classroom.collection import MOST_BYTES, Collection
from core.classroom.contest import Contest, Target
from core.classroom.poll import Poll, Question
from core.classroom.room import Asking, Room, rooms
from core.images import photos
from core.problem import N_
from core.zoo.labels import ImageNetName
from pages.parts.phone.routes import routes
from tests.helpers.serving import ROOT

PORTUGUESE = {"Accept-Language": "pt-BR,pt;q=0.9,en;q=0.8"}


def jpeg(seed: int = 0, side: int = 64) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return photos.encode_jpeg(np.asarray(Image.fromarray(pixels).resize((side, side))))


class Phone:
    """A phone, which joins at once."""

    def __init__(self, room: Room, nickname: str = "Ana", language: str = "en-GB") -> None:
        self._client = TestClient(Starlette(routes=routes()))
        self.headers = {"Accept-Language": language}
        self.code = room.code
        self.token = self.post("join", json={"nickname": nickname})["token"]
        self.headers["Authorization"] = f"Bearer {self.token}"

    def ask(self, method: str, path: str, **sent):
        return self._client.request(
            method, f"/join/{self.code}/{path}", headers=self.headers, **sent
        )

    def post(self, path: str, **sent) -> dict:
        return self.ask("POST", path, **sent).json()

    def state(self) -> dict:
        return self.ask("GET", "state").json()

    def photo(self, name: str, data: bytes, label: int = 0) -> dict:
        return self.post(f"photos/{label}/{name}", content=data)


@pytest.fixture
def room():
    rooms.cache_clear()
    yield rooms().open()
    rooms.cache_clear()


@pytest.fixture
def client(room) -> TestClient:
    return TestClient(Starlette(routes=routes()))


def test_a_phone_joins_sends_a_photo_takes_it_back_and_leaves(room):
    phone = Phone(room, "  Ana <b>")
    assert phone.state() == {"nickname": "Ana b", "task": "wait"}
    room.begin(collection := Collection(["cup", "<i>pen"]))
    told = phone.state()
    assert (told["task"], told["consent"], told["classes"]) == ("collect", False, ["cup", "<i>pen"])
    assert "Agree first" in phone.photo("one", jpeg())["problem"]
    assert collection.photos() == ()
    assert phone.post("consent")["consent"]
    assert phone.photo("one", jpeg(), 1)["mine"] == [{"id": "one", "label": 1}]
    assert phone.photo("one", jpeg(), 1)["mine"] == [{"id": "one", "label": 1}]  # sent again
    assert collection.counts() == (0, 1)
    assert "already" in phone.photo("two", jpeg())["problem"]
    assert phone.ask("DELETE", "photos/one").json()["mine"] == []
    assert collection.photos() == ()
    phone.photo("three", jpeg(3))
    phone.photo("four", jpeg(4))
    assert phone.ask("DELETE", "photos/all").json()["mine"] == []
    phone.photo("five", jpeg(5))
    assert phone.post("leave") == {}
    assert collection.photos() == ()
    assert "Join again" in phone.state()["problem"]


def test_only_the_own_token_opens_and_only_the_own_room(room):
    phone = Phone(room)
    other = rooms().open()
    elsewhere = Phone(other)
    ways = ["GET state", "POST leave", "POST consent", "POST vote", "GET picture/x/0"]
    ways += ["POST photos/0/a", "DELETE photos/all", "POST frame"]
    own, told = phone.headers["Authorization"], set()
    for wrong in ("", "Bearer ", f"Bearer {elsewhere.token}", own[:-1], own.lower(), "Bearer é"):
        phone.headers["Authorization"] = wrong.encode("latin-1")
        for way in ways:
            answer = phone.ask(*way.split())
            assert answer.status_code == 409
            told.add(answer.json()["problem"])
    phone.headers["Authorization"] = own
    for phone.code in (other.code, "ZZZZZ", "%00", "é", "<b>"):
        told |= {phone.ask(*way.split()).json()["problem"] for way in ways}
    assert len(told) == 1  # nor is it told whether there is such a room
    assert len(room.members()) == len(other.members()) == 1


def test_a_member_cannot_name_anothers_photo_nor_get_it(room):
    ana, bia = Phone(room), Phone(room, "Bia")
    room.begin(collection := Collection(["cup", "pen"]))
    for phone in (ana, bia):
        phone.post("consent")
    ana.photo("mine", jpeg())
    assert bia.ask("DELETE", "photos/mine").json()["mine"] == []
    assert bia.ask("DELETE", "photos/all").json()["mine"] == []
    assert len(collection.photos()) == 1
    assert bia.photo("mine", jpeg(1))["mine"] == [{"id": "mine", "label": 0}]  # her own, so called
    assert len(collection.photos()) == 2
    assert "Ana" not in bia.ask("GET", "state").text


def test_no_address_gives_out_what_phones_have_sent(room):
    ana, bia = Phone(room), Phone(room, "Bia")
    room.begin(collection := Collection(["cup", "pen"]))
    ana.post("consent")
    ana.photo("mine", jpeg())
    (sent,) = collection.photos()
    member = room.members()[0]
    for path in ("photos", "photos/mine", "photos/0/mine", f"photos/{member.id}", "picture/mine/0"):
        for phone in (ana, bia):
            answer = phone.ask("GET", path)
            assert answer.status_code >= 400
            assert sent.jpeg not in answer.content
    room.begin(contest := Contest(Target(1, "teapot")))
    contest.offer(member.id, 0.5, sent.jpeg)
    told = bia.state()
    assert (told["best"], told["place"], told["teams"]) == ("", 0, 1)
    assert "Ana" not in json.dumps(told)


def test_a_question_is_answered_and_a_question_that_is_over_is_not(room):
    phone = Phone(room)
    question = Question(N_("What do you see?"), ("cup", "pen"), right=1, pictures=(jpeg(),))
    room.begin(poll := Poll(question))
    told = phone.state()
    assert (told["options"], told["pictures"], told["mine"]) == (["cup", "pen"], 1, None)
    assert "right" not in told  # before it is revealed
    picture = phone.ask("GET", f"picture/{question.id}/0")
    assert (picture.content, picture.headers["content-type"]) == (jpeg(), "image/jpeg")
    for number in ("1", "99", "-1", "x"):
        assert phone.ask("GET", f"picture/{question.id}/{number}").status_code >= 400
    assert phone.post("vote", json={"question": question.id, "answer": 0})["mine"] == 0
    assert phone.post("vote", json={"question": question.id, "answer": 1})["mine"] == 1
    for answer in (2, -1, True, "pen", None, [0], {"a": 0}, 0.5, 10**300):
        told = phone.post("vote", json={"question": question.id, "answer": answer})
        assert "cannot be given" in told["problem"]
    assert poll.result().counts == {1: 1}
    room.reveal()
    assert (
        "out already" in phone.post("vote", json={"question": question.id, "answer": 0})["problem"]
    )
    told = phone.state()
    assert (told["right"], told["isRight"]) == (1, True)
    room.begin(Poll(Question(N_("What do you see?"))))
    assert "over" in phone.post("vote", json={"question": question.id, "answer": 0})["problem"]
    assert "over" in phone.ask("GET", f"picture/{question.id}/0").json()["problem"]
    assert phone.state()["mine"] is None


NONSENSE = {
    "nothing": b"",
    "half of it": b"{",
    "a list": b"[]",
    "null": b"null",
    "a number": b"7",
    "a text": b'"x"',
    "no UTF-8": b"\xff\xfe",
    "deep": b"[" * 3000,
    "a long number": b"9" * 3999,
    "a nickname that is none": b'{"nickname": {"a": [1]}}',
    "half of a letter": b'{"nickname": "\\ud800\\udfff\\ud800"}',
    "two at once": b"{}{}",
    "no number": b'{"question": NaN}',
    "no end": b'{"answer": 1e999}',
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_an_answer_that_says_so_and_never_an_error(room, body):
    phone = Phone(room)
    phone.code = room.code
    assert phone.ask("POST", "join", content=body).status_code == 200
    room.begin(Poll(Question(N_("What do you see?"), ("cup", "pen"))))
    assert phone.ask("POST", "vote", content=body).status_code == 409
    room.begin(Collection(["cup", "pen"]))
    phone.post("consent")
    assert "did not arrive" in phone.photo("one", body)["problem"]
    room.begin(Asking())
    assert "did not arrive" in phone.post("frame", content=body)["problem"]


def test_what_no_phones_page_makes_is_not_decoded(room):
    phone = Phone(room)
    room.begin(collection := Collection(["cup", "pen"]))
    phone.post("consent")
    flat = np.zeros((2000, 2000, 3), np.uint8)
    png = photos.encode_png(flat[:64, :64])
    for data in (png, photos.encode_jpeg(flat, 20), jpeg()[:300], b"\xff\xd8\xff\xe0"):
        assert "problem" in phone.photo("one", data)
    for name in ("a b", "é", "x" * 65, "a.b", "%2e%2e"):
        assert "did not arrive" in phone.photo(name, jpeg())["problem"]
    assert "no such class" in phone.photo("one", jpeg(), 7)["problem"]
    assert collection.photos() == ()


@pytest.mark.parametrize(("path", "most"), [("photos/0/one", MOST_BYTES), ("vote", 4000)])
def test_of_a_body_that_is_too_large_no_more_is_read_than_may_be(room, path, most):
    phone = Phone(room)
    room.begin(Collection(["cup", "pen"]))
    phone.post("consent")
    read, told = 0, []

    async def receive() -> dict:
        nonlocal read
        read += 1000
        return {"type": "http.request", "body": bytes(1000), "more_body": True}  # for ever

    async def send(message: dict) -> None:
        told.append(message)

    address = f"/join/{room.code}/{path}"
    headers = [(b"authorization", f"Bearer {phone.token}".encode())]
    scope = {"type": "http", "method": "POST", "path": address, "raw_path": address.encode()}
    scope |= {"headers": headers, "query_string": b"", "http_version": "1.1", "root_path": ""}
    # In a thread of its own: in this one, the browser of other tests may have its loop running.
    with ThreadPoolExecutor() as threads:
        threads.submit(asyncio.run, Starlette(routes=routes())(scope, receive, send)).result()
    assert most < read <= most + 1000
    assert told[0]["status"] == 409
    assert "too large" in json.loads(told[1]["body"])["problem"]


def test_answers_are_in_the_phones_language_and_names_are_as_typed(room, client):
    ana, bia = Phone(room, language="pt-BR"), Phone(room, language="en")
    room.begin(Contest(Target(849, ImageNetName("teapot"))))
    assert [phone.state()["target"] for phone in (ana, bia)] == ["bule de chá", "teapot"]
    room.clear()
    assert [phone.state()["problem"].split()[0] for phone in (ana, bia)] == ["Você", "You"]
    told = client.post("/join/A-*B/join", headers=PORTUGUESE).json()["problem"]
    assert "A-*B" in told  # letters that mean something in Markdown mean nothing here
    for language, tag in (("pt-BR,en;q=0.5", "pt-BR"), ("de,pt", "en"), ("", "en"), ("é<", "en")):
        headers = {"Accept-Language": language.encode("latin-1")}
        assert f'<html lang="{tag}">' in client.get("/join", headers=headers).text


def test_the_page_runs_nothing_but_its_own_and_nothing_is_kept_by_the_browser(room, client):
    page = client.get("/join")
    texts = page.text.split('id="texts">')[1].split("</script>")[0]
    assert "<" not in texts
    assert json.loads(texts)["join"] == "Join"
    assert page.text.count("<script") == 2
    answers = [page, client.get("/join.js"), client.get("/join.css")]
    answers += [client.get(f"/join/{room.code}/state"), Phone(room).ask("GET", "state")]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "set-cookie" not in answer.headers
    assert [answer.headers["content-type"].split(";")[0] for answer in answers] == [
        *("text/html", "text/javascript", "text/css"),
        *("application/json", "application/json"),
    ]
    assert "innerHTML" not in answers[1].text


def test_a_photo_that_is_read_while_the_room_closes_is_not_kept(room, monkeypatch):
    phone = Phone(room)
    room.begin(collection := Collection(["cup", "pen"]))
    phone.post("consent")
    decode = photos.decode

    def closing(data: bytes, name: str):
        rooms().close(room)
        return decode(data, name)

    monkeypatch.setattr(photos, "decode", closing)
    assert "Join again" in phone.photo("one", jpeg())["problem"]
    assert room.collection is None
    assert "Join again" in phone.photo("one", jpeg())["problem"]
    assert len(collection.photos()) <= 1  # of what nobody can reach any more


def test_a_photo_that_is_read_while_its_sender_is_sent_out_is_not_kept(room, monkeypatch):
    phone = Phone(room)
    room.begin(collection := Collection(["cup", "pen"]))
    phone.post("consent")
    decode = photos.decode

    def removing(data: bytes, name: str):
        room.remove(room.members()[0].id)
        return decode(data, name)

    monkeypatch.setattr(photos, "decode", removing)
    assert "Join again" in phone.photo("one", jpeg())["problem"]
    assert collection.photos() == ()


def test_a_frame_is_answered_and_counts_only_in_a_round(room, tiny):
    room.network = tiny
    phone = Phone(room)
    assert "over" in phone.post("frame", content=jpeg())["problem"]
    room.begin(Asking())
    told = phone.post("frame", content=jpeg())
    assert len(told["answers"]) == 3
    assert told["wait"] > 0
    assert "best" not in told
    room.begin(contest := Contest(Target(1, tiny.labels[1])))
    told = phone.post("frame", content=jpeg())
    assert told["target"]["name"] == "class 1"
    assert told["best"] == told["target"]["share"]
    (best,) = contest.board()
    assert best.member == room.members()[0].id
    contest.stop()
    better = jpeg(5)
    phone.post("frame", content=better)
    assert contest.board() == (best,)
    assert phone.state()["seconds"] == 0


def test_of_a_phone_that_sends_many_frames_at_once_one_is_looked_at(room, tiny):
    room.network = tiny
    phone = Phone(room)
    room.begin(Asking())
    (member,) = room.members()
    with member.looking:
        assert set(phone.post("frame", content=jpeg())) == {"wait"}
    assert "answers" in phone.post("frame", content=jpeg())


def test_guessing_codes_is_braked_and_who_is_inside_notices_nothing(room, client, monkeypatch):
    monkeypatch.setattr(of_room, "WRONG_CODE_SECONDS", 3600.0)
    phone = Phone(room)
    assert "no room" in client.post("/join/AAAAA/join").json()["problem"]
    for _ in range(of_room.FREE_WRONG_CODES):
        assert "problem" in client.post("/join/AAAAA/join").json()
    assert "Try again in" in client.post(f"/join/{room.code}/join").json()["problem"]
    assert phone.state()["task"] == "wait"


def test_thirty_phones_at_once_lose_nothing_and_count_nothing_twice(room):
    room.begin(collection := Collection(["cup", "pen"]))
    phones = [Phone(room) for _ in range(30)]

    def send(number: int, phone: Phone) -> None:
        phone.post("consent")
        for photo in range(3):
            for _ in range(2):  # the answer was lost
                phone.photo(f"p{photo}", jpeg(10 * number + photo), photo % 2)

    threads = [threading.Thread(target=send, args=(i, phone)) for i, phone in enumerate(phones)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert collection.counts() == (60, 30)
    assert all(len(phone.state()["mine"]) == 3 for phone in phones)


def test_the_server_is_there_before_pytorch_is():
    """It takes seconds to be imported, and the start page and the phones' page need none of it."""
    told = "import sys, app; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
