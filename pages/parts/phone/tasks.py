"""A room's task as one phone sees it, and what that phone does in it."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from core.classroom.collection import Collection
from core.classroom.contest import Contest
from core.classroom.poll import Poll
from core.classroom.room import Asking, Member, Room
from core.images import photos
from core.problem import N_, Problem
from core.server.pace import pace
from core.server.scheduler import scheduler
from core.zoo import catalogue
from pages.parts.shared.language import class_name, fine_percent, percent, t
from pages.parts.shared.polls import answer_text

if TYPE_CHECKING:
    from core.zoo.classifier import Classifier

_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_ANSWERS = 3
_LONGEST_SIDE = 1024
"""Of a photo, in pixels; the phones' page makes them 640."""


def state(room: Room, member: Member) -> dict[str, Any]:
    """Return what a phone shows now: the room's task, and of what was sent only its own."""
    told: dict[str, Any] = {"nickname": member.nickname, "task": "wait"}
    match room.task:
        case Collection() as collection:
            told |= _collect(collection, member)
        case Poll() as poll:
            told |= _poll(poll, member)
        case Contest() as contest:
            told |= _contest(contest, member)
        case Asking():
            told |= {"task": "ask"}
    return told


def _collect(collection: Collection, member: Member) -> dict[str, Any]:
    return {
        "task": "collect",
        "consent": member.has_consented,
        "classes": list(collection.classes),
        "mine": [{"id": sent.id, "label": sent.label} for sent in collection.of(member.id)],
    }


def _poll(poll: Poll, member: Member) -> dict[str, Any]:
    question, mine = poll.question, poll.answer_of(member.id)
    told: dict[str, Any] = {
        "task": "poll",
        "question": question.id,
        "text": t(question.text),
        "options": [answer_text(option) for option in question.options],
        "pictures": len(question.pictures),
        "mine": mine,
        "revealed": poll.revealed,
    }
    if poll.revealed:
        told["right"] = question.right
        told["subject"] = class_name(question.subject)
        told["isRight"] = mine is not None and question.is_right(mine)
        told["hasRight"] = question.right is not None or bool(question.names)
    return told


def _contest(contest: Contest, member: Member) -> dict[str, Any]:
    board = contest.board()
    own = next((best for best in board if best.member == member.id), None)
    return {
        "task": "fool",
        "target": class_name(contest.target.name),
        "seconds": round(contest.seconds_left()),
        "best": fine_percent(own.probability) if own else "",
        "place": board.index(own) + 1 if own else 0,
        "teams": len(board),
    }


def vote(room: Room, member: Member, question: str, answer: object) -> None:
    """Take a phone's answer to the question that it was shown.

    Raises:
        Problem: another one is asked now, or the answer cannot be given.
    """
    if not isinstance(room.task, Poll) or room.task.question.id != question:
        raise Problem(N_("This question is over. Nothing was counted."))
    room.task.vote(member.id, answer)
    room.check_here(member)


def picture(room: Room, question: str, number: int) -> bytes:
    """Return a picture of the question that is asked, a JPEG.

    Raises:
        Problem: there is none.
    """
    poll = room.task
    if isinstance(poll, Poll) and poll.question.id == question:
        pictures = poll.question.pictures
        if 0 <= number < len(pictures):
            return pictures[number]
    raise Problem(N_("This question is over. Nothing was counted."))


def add_photo(room: Room, member: Member, photo: str, label: int, data: bytes) -> None:
    """Take a phone's photo into the data set that is being collected.

    Raises:
        Problem: it was not agreed to, nothing is collected, or the photo cannot be taken.
    """
    if not isinstance(room.task, Collection):
        raise Problem(N_("No photos are collected now. This one was not kept."))
    if not member.has_consented:
        raise Problem(N_("Agree first to send photos. This one was not kept."))
    if not _ID.fullmatch(photo):
        raise _not_whole()
    room.task.add(member.id, photo, label, _checked(data))
    room.check_here(member)


def remove_photo(room: Room, member: Member, photo: str) -> None:
    """Take a phone's own photo back, or all of them for "all"; another's cannot be named."""
    collection = room.collection
    if collection is not None:
        own = collection.of(member.id)
        collection.remove(sent for sent in own if photo in ("all", sent.id))


def look(room: Room, member: Member, data: bytes) -> dict[str, Any]:
    """Return what the class's network says of a frame, which counts if a contest is on.

    With it the phone is told how many seconds to wait from frame to frame. One that sends several
    at once is told only that.

    Raises:
        Problem: no frames are wanted, or it is no picture.
    """
    contest = room.task
    if not isinstance(contest, (Contest, Asking)):
        raise Problem(N_("The round is over."))
    told: dict[str, Any] = {"wait": pace().seconds(member.id)}
    if not member.looking.acquire(blocking=False):
        return told
    try:
        picture = _picture(data)
        said, of_target = _ask(network(room, contest), picture, contest)
    finally:
        member.looking.release()
    told["answers"] = [_row(name, percent(share), share) for name, share in said]
    if isinstance(contest, Contest):
        best = contest.offer(member.id, of_target, photos.encode_jpeg(np.asarray(picture)))
        room.check_here(member)
        told["target"] = _row(contest.target.name, fine_percent(of_target), of_target)
        told["best"] = fine_percent(best)
    return told


def _row(name: str, told: str, share: float) -> dict[str, Any]:
    """Return what a phone shows of a class: its name, its share in words, and how long a bar."""
    return {"name": class_name(name), "share": told, "width": 100 * share}


def _ask(
    classifier: Classifier, picture: Image.Image, contest: Contest | Asking
) -> tuple[list[tuple[str, float]], float]:
    """Return a network's best answers with their probabilities, and that of the contest's target."""

    def ask() -> tuple[list[tuple[str, float]], float]:
        from core.zoo.predictions import best_of

        probabilities = classifier.probabilities(photos.prepare(picture, classifier.input_size))[0]
        best = best_of(classifier, probabilities, _ANSWERS)
        target = contest.target.class_id if isinstance(contest, Contest) else 0
        return [(p.class_name, p.probability) for p in best], float(probabilities[target])

    return scheduler().call(pace().timed(ask))


def _picture(data: bytes) -> Image.Image:
    """Return the picture that a phone has sent.

    Raises:
        Problem: it is none, or not whole.
    """
    try:
        return photos.decode(_checked(data), "photo")
    except Problem:
        raise _not_whole() from None


def _checked(data: bytes) -> bytes:
    """Return what a phone has sent, if it can be what the phones' page makes of a photo.

    A file of any other kind or size, such as a small one that becomes a gigabyte when it is read,
    is none.

    Raises:
        Problem: it is something else.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            if max(picture.size) <= _LONGEST_SIDE:
                return data
    except Exception:  # Pillow's readers raise nearly anything on hostile bytes
        pass
    raise _not_whole()


def _not_whole() -> Problem:
    return Problem(N_("This photo did not arrive as it should. Take it again."))


def network(room: Room, task: Contest | Asking) -> Classifier:
    """Return the network that phones ask: the class's own, or else the built-in one.

    A round is finished with the one that it was begun with.
    """
    from core.zoo import loading

    own = task.network if isinstance(task, Contest) else room.network
    return own or scheduler().call(lambda: loading.shared(catalogue.DEFAULT))
