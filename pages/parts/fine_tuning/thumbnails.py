"""Photos as small pictures: many in one, or one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import ceil

import numpy as np

from core.data.datasets import Photo
from core.images import photos
from core.steps import Pixels
from pages.parts.shared import session
from pages.parts.shared.live import data_uri

TILE = 96
LARGE = 360
SHEET_COLUMNS = 6
_SPRITES_KEPT = 110
"""A sheet for each of 100 classes, and a few maps."""
_PHOTOS_KEPT = 300


def sheet(samples: Sequence[Photo], tile: int = TILE, columns: int = SHEET_COLUMNS) -> Pixels:
    """Lay photos out as one picture, (rows * tile, columns * tile, 3); empty places are white."""
    rows = max(1, ceil(len(samples) / columns))
    pixels = np.full((rows * tile, columns * tile, 3), 255, dtype=np.uint8)
    for place, photo in enumerate(samples):
        top, left = tile * (place // columns), tile * (place % columns)
        pixels[top : top + tile, left : left + tile] = _thumbnail(photo, tile)
    return pixels


def _thumbnail(photo: Photo, size: int) -> Pixels:
    return np.asarray(photos.centre_square(photos.decode(photo.data, photo.name), size))


def fingerprint(shown: Sequence[Photo]) -> str:
    """Return what tells these photos from all others, by their bytes."""
    digest = hashlib.sha256()
    for photo in shown:
        digest.update(hashlib.sha256(photo.data).digest())
    return digest.hexdigest()


def sprite(fingerprint: str, shown: Sequence[Photo], tile: int, columns: int) -> str:
    """Return a sheet of photos as an address that carries it; `fingerprint` is theirs."""
    return _sprites().get(
        (fingerprint, tile, columns), lambda: data_uri(sheet(shown, tile, columns), quality=75)
    )


def photo_uri(data: bytes, name: str, size: int) -> str:
    """Return a photo's centre as an address that carries it, so many pixels wide and high."""
    return _photo_uris().get(
        (hashlib.sha256(data).hexdigest(), size),
        lambda: data_uri(_thumbnail(Photo(name, 0, data), size)),
    )


@session.kept
def _sprites() -> session.Latest[str]:
    """The latest sheets."""
    return session.Latest(_SPRITES_KEPT)


@session.kept
def _photo_uris() -> session.Latest[str]:
    """The latest small photos."""
    return session.Latest(_PHOTOS_KEPT)
