"""Photos that many phones send into the classes of one data set; only in memory."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from core.classroom.typed import one_line
from core.data.datasets import Upload
from core.images import photos
from core.problem import N_, Problem

SIDE = 400
"""Longest side of a kept photo in pixels: no network here looks at more than 260."""
MOST_BYTES = 400_000
"""Of a photo on its way. Phones shrink to 640 pixels first, which takes a quarter of that."""
MOST_OF_MEMBER = 60
MOST_PHOTOS = 1500
"""Of a room: about 60 MB."""
MOST_CLASSES = 10
GROUP = "phone "
"""Begins the name of a group of photos that came from one phone."""
_LONGEST_NAME = 40
_QUALITY = 88
_THUMBNAIL = 96
_THUMBNAIL_QUALITY = 75
_ALIKE_BITS = 5


@dataclass(frozen=True)
class Sent:
    """A photo that somebody has sent.

    Attributes:
        id: given by the phone, so that a photo that is sent again is not counted again.
        member: id of who sent it.
        label: index of its class.
        jpeg: the picture, at most `SIDE` pixels long, without metadata.
        thumbnail: its middle, a small square, as a JPEG: a sheet of hundreds is drawn every few
            seconds.
        fingerprint: 64 bits that hardly differ between pictures that look alike.
    """

    id: str
    member: str
    label: int
    jpeg: bytes = field(repr=False)
    thumbnail: bytes = field(repr=False)
    fingerprint: int


class Collection:
    """The photos of a room, by class. Safe from several threads."""

    def __init__(self, classes: Sequence[str]) -> None:
        """Begin without photos.

        Args:
            classes: their names, as the teacher has typed them.

        Raises:
            Problem: they are fewer than two different ones, or too many.
        """
        names = tuple(
            dict.fromkeys(filter(None, (one_line(name, _LONGEST_NAME) for name in classes)))
        )
        if not 2 <= len(names) <= MOST_CLASSES:
            raise Problem(
                N_("Give 2 to {most} classes with different names, not {count}."),
                most=MOST_CLASSES,
                count=len(names),
            )
        self.classes = names
        self._photos: dict[tuple[str, str], Sent] = {}
        self._digests: dict[tuple[str, str], str] = {}
        self._removed: set[tuple[str, str]] = set()
        self._gone: set[str] = set()
        self._lock = threading.Lock()

    def add(self, member: str, photo_id: str, label: int, data: bytes) -> None:
        """Take a photo in; the same id a second time changes nothing.

        Args:
            member: id of who sends it.
            photo_id: the phone's own id of it, unique for this member.
            label: index of its class.
            data: a file, from anyone.

        Raises:
            Problem: it is no picture, there is no room, the same picture is there already, or its
                sender has gone.
        """
        if not 0 <= label < len(self.classes):
            raise Problem(N_("There is no such class any more. The photo was not kept."))
        if len(data) > MOST_BYTES:
            raise Problem(
                N_("This photo is too large to be sent ({kilobytes} kB). Take it again here."),
                kilobytes=len(data) // 1000,
            )
        key = (member, photo_id)
        with self._lock:
            if key in self._photos or key in self._removed:
                return
        digest = hashlib.sha256(data).hexdigest()
        jpeg, thumbnail, fingerprint = _kept(data)
        with self._lock:
            if key in self._photos or key in self._removed:
                return
            if member in self._gone:
                raise Problem(
                    N_("You have left the room: this photo was not kept. Join again with its code.")
                )
            if digest in self._digests.values():
                raise Problem(N_("This very photo is there already. It was not counted twice."))
            if sum(sent.member == member for sent in self._photos.values()) >= MOST_OF_MEMBER:
                raise Problem(
                    N_("You have sent {most} photos, as many as one can. Take one back first."),
                    most=MOST_OF_MEMBER,
                )
            if len(self._photos) >= MOST_PHOTOS:
                raise Problem(N_("The room is full. This photo was not kept."))
            self._photos[key] = Sent(photo_id, member, label, jpeg, thumbnail, fingerprint)
            self._digests[key] = digest

    def remove(self, sent: Iterable[Sent]) -> None:
        """Throw photos out for good: if one of them is sent again, it stays out."""
        with self._lock:
            for one in sent:
                key = (one.member, one.id)
                self._photos.pop(key, None)
                self._digests.pop(key, None)
                self._removed.add(key)

    def forget(self, member: str) -> None:
        """Throw out the photos of a member who has gone, and those that are still on their way."""
        with self._lock:
            self._gone.add(member)
        self.remove(self.of(member))

    def photos(self) -> tuple[Sent, ...]:
        """Return all photos, the first first."""
        with self._lock:
            return tuple(self._photos.values())

    def of(self, member: str) -> tuple[Sent, ...]:
        """Return the photos of one member."""
        return tuple(sent for sent in self.photos() if sent.member == member)

    def counts(self) -> tuple[int, ...]:
        """Return how many photos each class has."""
        labels = [sent.label for sent in self.photos()]
        return tuple(labels.count(label) for label in range(len(self.classes)))

    def files(self) -> dict[str, list[Upload]]:
        """Return the photos as `core.data.datasets.from_files` takes them.

        Each member's photos are a group, which a split into training and validation keeps together:
        what is measured is whether the network knows the things of somebody whose it never saw.
        """
        by_class: dict[str, list[Upload]] = {name: [] for name in self.classes}
        members: dict[str, int] = {}
        for number, sent in enumerate(self.photos(), 1):
            # A number in the place of the member's id: the data set may be taken home.
            group = members.setdefault(sent.member, len(members) + 1)
            name = f"photo-{number}.jpg"
            by_class[self.classes[sent.label]].append((name, sent.jpeg, f"{GROUP}{group}"))
        return by_class

    def phones(self) -> tuple[int, ...]:
        """Return how many members' photos each class has."""
        pairs = {(sent.label, sent.member) for sent in self.photos()}
        labels = [label for label, _ in pairs]
        return tuple(labels.count(label) for label in range(len(self.classes)))

    def alike(self) -> tuple[tuple[Sent, ...], ...]:
        """Return groups of photos that look nearly the same: the first of each, and those like it."""
        sent = self.photos()
        prints = np.array([one.fingerprint for one in sent], dtype=np.uint64)
        is_left = np.ones(len(sent), dtype=bool)
        groups = []
        for place, fingerprint in enumerate(prints):
            if not is_left[place]:
                continue
            is_alike = is_left & (np.bitwise_count(prints ^ fingerprint) <= _ALIKE_BITS)
            is_left &= ~is_alike
            if is_alike.sum() > 1:
                groups.append(tuple(sent[i] for i in np.flatnonzero(is_alike)))
        return tuple(groups)


def _kept(data: bytes) -> tuple[bytes, bytes, int]:
    """Return what is kept of a file: its pixels alone, the same small, and their fingerprint."""
    picture = photos.decode(data, "photo")
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    small = photos.centre_square(picture, _THUMBNAIL)
    return (
        photos.encode_jpeg(np.asarray(picture), _QUALITY),
        photos.encode_jpeg(np.asarray(small), _THUMBNAIL_QUALITY),
        _fingerprint(picture),
    )


def _fingerprint(picture: Image.Image) -> int:
    """Return whether each of 8×8 places is brighter than its neighbour (difference hash)."""
    grey = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = (grey[:, 1:] > grey[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
