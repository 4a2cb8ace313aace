"""Pictures made beforehand for a room to vote on, with what networks said of them.

`assets/make_vote_pictures.py` makes them. What a picture shows is hidden until the reveal, and then
no network has to be asked: its answers are in a table beside the pictures.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from core.classroom.poll import Question
from core.images import photos
from core.problem import N_
from core.zoo.labels import imagenet
from core.zoo.predictions import Opinion

FOLDER = Path(__file__).parents[2] / "assets" / "vote"
TABLE = "table.json"
SERIES = {
    "lesson": N_("As in the lesson"),
    "with_tv": N_("Bare pixels with TV"),
    "best": N_("At its best"),
}
"""Presets of `core.synthesis.presets` that drew the pictures, with their titles."""
CHANGED = N_("Photos, changed or not")
OWN = N_("Our own pictures")
OWN_NETWORK = N_("Our own network")
WHAT_IS_IT = N_("What is this a picture of?")
WHICH_IS_CHANGED = N_("Which of the two has been changed so that a network errs?")
FIRST, SECOND = N_("Picture A"), N_("Picture B")

ALSO_CALLED = {
    1: ("fish", "gold fish", "peixe", "peixe dourado"),
    130: ("bird", "pássaro", "ave"),
    284: ("cat", "gato", "siamês"),
    323: ("butterfly", "borboleta", "monarca"),
    340: ("zebra",),
    388: ("bear", "urso panda", "urso"),
    417: ("hot-air balloon", "air balloon", "balão de ar quente"),
    779: ("bus", "ônibus", "autobus"),
    953: ("pineapple", "abacaxi", "ananás"),
    985: ("flower", "flor", "marguerite"),
}
"""The ten classes that are drawn. What else counts as right where people type: the plain word,
too, which the eye finds first; all of a class's own names count in any case."""

WELL_KNOWN = (
    *(1, 2, 9, 84, 88, 105, 107, 113, 130, 145, 251, 277, 284, 291, 292, 296, 301, 309, 323, 327),
    *(340, 386, 388, 404, 417, 430, 483, 508, 555, 579, 620, 671, 779, 805, 817, 820, 849, 859),
    *(879, 933, 947, 949, 950, 951, 953, 954, 963, 980, 985),
)
"""Classes that a 15-year-old knows, for the options that are wrong."""
_NEAREST = 5
_WRONG = 3
_QUALITY = 90


@dataclass(frozen=True)
class Drawn:
    """A drawn picture.

    Attributes:
        name: of its file, without the ending.
        series: key of `SERIES`.
        class_id: what it is meant to show.
        seed: of the run.
        opinions: what networks say of the very file.
    """

    name: str
    series: str
    class_id: int
    seed: int
    opinions: tuple[Opinion, ...]

    @property
    def id(self) -> str:
        """Of the question about it."""
        return self.name


@dataclass(frozen=True)
class Pair:
    """A sample photo and the same photo attacked; two JPEG files of the same quality.

    Attributes:
        photo: id of the sample photo.
        target: index of the class that the attacked network is to see.
        epsilon: how far the attack might change a pixel, in 1/255.
        before, after: what networks say of the file of the photo, and of the attacked one; both
            asked for the class that the attacked network saw in the photo.
    """

    photo: str
    target: int
    epsilon: int
    before: tuple[Opinion, ...]
    after: tuple[Opinion, ...]

    @property
    def id(self) -> str:
        """Of the question about it."""
        return f"pair-{self.photo}"

    @property
    def names(self) -> tuple[str, str]:
        """The names of the two files, the photo's first."""
        return f"photo-{self.photo}", f"attacked-{self.photo}"


def read(name: str) -> bytes:
    """Return one of the pictures, a JPEG.

    Args:
        name: of the file, without the ending, as the table has it.
    """
    return (FOLDER / f"{name}.jpg").read_bytes()


@lru_cache(maxsize=1)
def drawn() -> tuple[Drawn, ...]:
    """Return the drawn pictures of the table."""
    return tuple(
        Drawn(
            row["name"],
            row["series"],
            row["class_id"],
            row["seed"],
            _opinions(row["opinions"], row["class_id"]),
        )
        for row in _table()["drawn"]
    )


@lru_cache(maxsize=1)
def pairs() -> tuple[Pair, ...]:
    """Return the pairs of photos of the table."""
    return tuple(
        Pair(
            row["photo"],
            row["target"],
            row["epsilon"],
            _opinions(row["before"], row["class_id"]),
            _opinions(row["after"], row["class_id"]),
        )
        for row in _table()["pairs"]
    )


def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads((FOLDER / TABLE).read_text("utf-8"))
    return table


def _opinions(rows: Sequence[Sequence[Any]], wanted: int) -> tuple[Opinion, ...]:
    """Read a table's rows: network, index of its class, the probabilities of that and the wanted."""
    labels = imagenet()
    return tuple(
        Opinion(network, class_id, labels[class_id], share, of_wanted, labels[wanted])
        for network, class_id, share, of_wanted in rows
    )


def in_turn(room: str) -> tuple[Drawn, ...]:
    """Return the drawn pictures in a room's order: one of each series, then again.

    Args:
        room: the room's code, which the order comes from.
    """
    dice = random.Random(room)
    by_series = [[one for one in drawn() if one.series == series] for series in SERIES]
    for series in by_series:
        dice.shuffle(series)
    return tuple(chain.from_iterable(zip(*by_series, strict=True)))


def options(class_id: int, seed: str) -> tuple[str, ...]:
    """Return the names of a class and of three others, shuffled.

    ImageNet numbers its classes by kind: animals by their families, then things, then food. So
    the three are drawn from the five well-known classes whose numbers are the nearest.

    Args:
        class_id: what is right.
        seed: equal seeds are equal options.
    """
    dice = random.Random(f"{seed} {class_id}")
    others = sorted((abs(one - class_id), one) for one in WELL_KNOWN if one != class_id)[:_NEAREST]
    chosen = [class_id, *(one for _, one in dice.sample(others, _WRONG))]
    dice.shuffle(chosen)
    return tuple(imagenet()[one] for one in chosen)


def options_among(labels: Sequence[str], subject: str, seed: str) -> tuple[str, ...]:
    """Return the names of a class and of at most three others of its network, shuffled.

    Args:
        labels: all that the network knows.
        subject: the name of the class that is right, one of them.
        seed: equal seeds are equal options.
    """
    dice = random.Random(f"{seed} {subject}")
    others = [label for label in labels if label != subject]
    chosen = [subject, *dice.sample(others, min(_WRONG, len(others)))]
    dice.shuffle(chosen)
    return tuple(chosen)


def id_of(picture: bytes) -> str:
    """Return what tells the question about a picture from all others."""
    return hashlib.sha256(picture).hexdigest()[:16]


def about(
    subject: str,
    jpeg: bytes,
    opinions: tuple[Opinion, ...],
    *,
    series: str,
    options: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
    id: str,
) -> Question:
    """Ask what a drawn picture shows.

    Args:
        subject: the name of the class that it shows.
        jpeg: the picture as it is shown.
        opinions: what networks say of it.
        series: what it belongs to.
        options: what can be chosen, the subject among it; none to let people type.
        names: all that is right where people type.
        id: of the question.
    """
    return Question(
        WHAT_IS_IT,
        options=options,
        right=options.index(subject) if options else None,
        names=names,
        pictures=(jpeg,),
        series=series,
        subject=subject,
        opinions=opinions,
        id=id,
    )


def about_drawn(one: Drawn, room: str, names: tuple[str, ...] | None = None) -> Question:
    """Ask what one of the prepared pictures shows; its contrast is stretched for the eye.

    Args:
        one: the picture.
        room: the room's code, which the options come from.
        names: its class's names, to let people type; None to let them choose among four.
    """
    pixels = np.asarray(photos.decode(read(one.name), one.name))
    return about(
        imagenet()[one.class_id],
        photos.encode_jpeg(photos.stretched(pixels), _QUALITY),
        one.opinions,
        series=SERIES[one.series],
        options=() if names else options(one.class_id, f"{room} {one.id}"),
        names=(*names, *ALSO_CALLED.get(one.class_id, ())) if names else (),
        id=one.id,
    )


def about_pair(pair: Pair, room: str) -> Question:
    """Ask which of two photos has been changed; which is the left one is drawn by lot."""
    files = list(pair.names)
    random.Random(f"{room} {pair.photo}").shuffle(files)
    return Question(
        WHICH_IS_CHANGED,
        options=(FIRST, SECOND),
        right=files.index(pair.names[1]),
        pictures=tuple(map(read, files)),
        series=CHANGED,
        opinions=pair.after,
        id=pair.id,
    )
