"""How a picture's file is put together, looked at before it is decoded.

A decoder does what a file says: go over fifty megapixels once for each of a million scans, or keep
a list of seven million strips. No photo has that, so such files are refused.
"""

from __future__ import annotations

import io
import re
import struct

_MOST_SCANS = 100
"""Progressive JPEGs have about ten; libtiff draws the line at a hundred too."""
_MOST_PIECES = 20_000
_MOST_VALUES = 200_000
_MOST_READS = 200_000
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
_SCAN, _END = 0xDA, 0xD9
_BYTES, _TEXT, _UNDEFINED = 1, 2, 7


class Impatient(io.BytesIO):
    """A file in memory that does not let itself be read in millions of little pieces."""

    def __init__(self, data: bytes) -> None:
        """Hold the bytes."""
        super().__init__(data)
        self._reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on.

        Raises:
            ValueError: it was read too often.
        """
        self._reads += 1
        if self._reads > _MOST_READS:
            raise ValueError("a file in millions of pieces")
        return super().read(size)


def check(data: bytes) -> None:
    """Refuse a file that would keep a decoder busy for minutes, or fill the memory.

    Raises:
        ValueError: it would.
    """
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data)
    elif data.startswith((b"II*\0", b"MM\0*")):
        _check_tiff(data)
    elif data.startswith((b"II+\0", b"MM\0+")):
        raise ValueError("a TIFF of the kind that is for more than 4 GB")


def _check_jpeg(data: bytes) -> None:
    """Walk from marker to marker up to the picture's end, counting scans."""
    scans, at = 0, 2
    for _ in range(_MOST_PIECES):
        found = _MARKER.search(data, at)
        if found is None or data[found.end() - 1] == _END:
            return
        at = found.end()
        scans += data[at - 1] == _SCAN
        if scans > _MOST_SCANS:
            raise ValueError("a JPEG of too many scans")
        at += int.from_bytes(data[at : at + 2])
    raise ValueError("a JPEG in too many pieces")


def _check_tiff(data: bytes) -> None:
    """Look at the first directory: how many values its entries announce."""
    order = "<" if data.startswith(b"II") else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, at)
    for i in range(count):
        _tag, kind, values = struct.unpack_from(f"{order}HHI", data, at + 2 + 12 * i)
        if values > _MOST_VALUES and kind not in (_BYTES, _TEXT, _UNDEFINED):
            raise ValueError("a TIFF of too many strips")
