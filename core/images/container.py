"""The container of a picture: what a file says of itself, checked before it is decoded.

A decoder does what a file says: go over fifty megapixels once for each of a million scans, or keep
a list of seven million strips. No photo has that, so such files are refused. And a decoder gives up
on a photo for a slip in what is written beside the pixels: a text, a date, a thumbnail. So it is
given the pixels alone, and of the rest only two things are read: which way is up, and what the
colours mean.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass

_MOST_SCANS = 100
"""Progressive JPEGs have about ten; libtiff draws the line at a hundred too."""
_MOST_PIECES = 20_000
_MOST_VALUES = 200_000
_MOST_READS = 200_000
_MOST_PROFILE_BYTES = 4_000_000
"""Those of printers have up to two million."""
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
_EXIF_OF_AVIF = re.compile(rb"(II\*\0\x08\0\0\0|MM\0\*\0\0\0\x08)..", re.DOTALL)
_SCAN, _END = 0xDA, 0xD9
_BYTES, _TEXT, _SHORT, _LONG, _UNDEFINED = 1, 2, 3, 4, 7
_ORIENTATION, _SUB_DIRECTORIES, _PROFILE, _RAW_VERSION = 274, 330, 34675, 50706
_THUMBNAIL, _MOSAIC = (254, 1), (262, 32803)
_TIFF_PIXELS = frozenset(
    [
        *(254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 280, 281, 284, 292, 293),
        *(317, 320, 322, 323, 324, 325, 332, 338, 339, 347, 512, 513, 514, 519, 520, 521),
        *(529, 530, 531, 532),
    ]
)
"""The tags that a decoder needs."""
_PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
_PNG_START = b"\x89PNG\r\n\x1a\n"


class RawError(ValueError):
    """The picture in a file is only the thumbnail of a camera's raw data."""


class LimitedReads(io.BytesIO):
    """A file in memory that refuses to be read in millions of little pieces."""

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


@dataclass(frozen=True)
class Parts:
    """What matters of a picture's file.

    Attributes:
        pixels: a file of the same format, without what may be left out.
        orientation: how the picture is to be turned, 1 to 8 as in EXIF; 1 for not at all.
        profile: the ICC profile that says what its colours mean; empty if there is none.
    """

    pixels: bytes
    orientation: int = 1
    profile: bytes = b""


def parts(data: bytes) -> Parts:
    """Split a picture's file into pixels, orientation and colour profile.

    Only JPEG, PNG and TIFF are; of other formats the whole file counts as pixels.

    Raises:
        RawError: a camera's raw file.
        ValueError: it would keep a decoder busy for minutes, or fill the memory.
    """
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data.startswith(_PNG_START):
        return _png(data)
    if data.startswith((b"II*\0", b"MM\0*")):
        return _tiff(data)
    if data.startswith((b"II+\0", b"MM\0+")):
        raise ValueError("a TIFF of the kind that is for more than 4 GB")
    if data[4:8] == b"ftyp":
        # In an AVIF, EXIF counts for nothing: which way is up stands elsewhere.
        return Parts(_EXIF_OF_AVIF.sub(rb"\1\0\0", data))
    return Parts(data)


def completed(pixels: bytes) -> bytes:
    """Return a file that was cut off with an end: decoders of WebP and AVIF need one to begin."""
    if pixels.startswith(b"\xff\xd8"):
        return pixels + b"\xff\xd9"
    whole = bytearray(pixels) + bytes(len(pixels))
    if pixels.startswith(b"RIFF") and 8 + int.from_bytes(pixels[4:8], "little") <= len(whole):
        # Its last piece, and thereby all of it, reaches to the new end.
        at = last = 12
        while at + 8 <= len(pixels):
            length = int.from_bytes(pixels[at + 4 : at + 8], "little")
            last, at = at, at + 8 + length + length % 2
        for start in (0, last):
            struct.pack_into("<I", whole, start + 4, (len(whole) - start - 8) // 2 * 2)
    return bytes(whole)


def orientation(exif: bytes) -> int:
    """Read from an EXIF block how a picture is to be turned.

    Only that entry is looked at: cameras and programs write nearly anything into the others.

    Returns:
        1 to 8; 1 if the block does not say, or is broken.
    """
    try:
        return _directory(exif.removeprefix(b"Exif\0\0")).orientation()
    except (struct.error, ValueError):
        return 1


def _jpeg(data: bytes) -> Parts:
    """Walk from marker to marker up to the picture's end, counting scans."""
    kept = [data[:2]]
    exif = b""
    profile: dict[int, bytes] = {}
    scans, at = 0, 2
    for _ in range(_MOST_PIECES):
        found = _MARKER.search(data, at)
        if found is None or data[found.end() - 1] == _END:
            break
        start, at = found.start(), found.end()
        marker = data[at - 1]
        scans += marker == _SCAN
        if scans > _MOST_SCANS:
            raise ValueError("a JPEG of too many scans")
        at += int.from_bytes(data[at : at + 2])
        if scans == 1 and marker == _SCAN:
            kept.append(data[start:])
        if scans:
            continue
        content = data[start + 4 : at]
        if marker == 0xE1 and content.startswith(b"Exif\0\0"):
            exif = exif or content
        elif marker == 0xE2 and content.startswith(b"ICC_PROFILE\0"):
            profile[content[12] if len(content) > 12 else 0] = content[14:]
        if _is_of_pixels(marker, content):
            kept.append(data[start:at])
    else:
        raise ValueError("a JPEG in too many pieces")
    joined = b"".join(profile[i] for i in sorted(profile))
    return Parts(b"".join(kept), orientation(exif), joined[:_MOST_PROFILE_BYTES])


def _is_of_pixels(marker: int, content: bytes) -> bool:
    """Return whether a JPEG's decoder needs a segment: tables it does, most notes not."""
    if marker == 0xE0:
        return content.startswith(b"JFIF\0") and len(content) >= 14
    if marker == 0xEE:  # says whether colours are RGB, YCbCr or CMYK
        return content.startswith(b"Adobe") and len(content) >= 12
    return not (0xE0 <= marker <= 0xEF or marker == 0xFE)


def _png(data: bytes) -> Parts:
    """Keep the chunks with pixels, and give them checksums that are right."""
    kept = [_PNG_START]
    exif = profile = b""
    at = len(_PNG_START)
    for _ in range(_MOST_PIECES):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        content = data[at + 8 : at + 8 + length]
        if len(kind) < 4 or kind == b"IEND":
            break
        if kind in _PNG_PIXELS and (kind != b"tRNS" or len(content) in _clear_lengths(kept)):
            checksum = zlib.crc32(content, zlib.crc32(kind))
            kept += [struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum)]
        elif kind == b"eXIf":
            exif = content
        elif kind == b"iCCP":
            profile = _unpacked(content[content.find(b"\0") + 2 :])
        at += 12 + length
    else:
        raise ValueError("a PNG in too many pieces")
    kept.append(b"\0\0\0\0IEND\xaeB`\x82")
    return Parts(b"".join(kept), orientation(exif), profile)


def _clear_lengths(kept: list[bytes]) -> range:
    """Return how long the note on transparent colours may be, by the kind of colours."""
    header = b"".join(kept[3:4])
    colours = header[9] if len(header) == 13 else -1
    return {0: range(2, 3), 2: range(6, 7), 3: range(1, 257)}.get(colours, range(0))


def _unpacked(profile: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(profile, _MOST_PROFILE_BYTES)
    except zlib.error:
        return b""


@dataclass(frozen=True)
class _Directory:
    """The first directory of a TIFF, which is also what EXIF is written in.

    Attributes:
        data: the file.
        order: of its bytes, as `struct` calls it.
        entries: by tag, where in the file it is described.
    """

    data: bytes
    order: str
    entries: dict[int, int]

    def described(self, tag: int) -> tuple[int, int, int]:
        """Return the type of a tag's values, how many there are, and the first, or their place."""
        at = self.entries[tag]
        kind, count = struct.unpack_from(f"{self.order}HI", self.data, at + 2)
        letter = {_BYTES: "B", _SHORT: "H"}.get(kind, "I")
        (value,) = struct.unpack_from(f"{self.order}{letter}", self.data, at + 8)
        return kind, count, value

    def is_set(self, tag: int, wanted: int) -> bool:
        """Return whether a tag has this value."""
        return tag in self.entries and self.described(tag)[2] == wanted

    def orientation(self) -> int:
        """Return the orientation, 1 if there is none."""
        if _ORIENTATION not in self.entries:
            return 1
        kind, _count, value = self.described(_ORIENTATION)
        return value if kind in (_BYTES, _SHORT, _LONG) and 1 <= value <= 8 else 1


def _directory(data: bytes) -> _Directory:
    """Find the first directory.

    Raises:
        ValueError: this is no TIFF.
        struct.error: it ends before its directory does.
    """
    if not data.startswith((b"II", b"MM")):
        raise ValueError("no TIFF")
    order = "<" if data.startswith(b"II") else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    entries: dict[int, int] = {}
    for at in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        entries.setdefault(struct.unpack_from(f"{order}H", data, at)[0], at)
    return _Directory(data, order, entries)


def _tiff(data: bytes) -> Parts:
    """Strike out all tags but those of the pixels, and look how many values are announced."""
    directory = _directory(data)
    _refuse_raw(directory)
    pixels = bytearray(data)
    for tag, at in directory.entries.items():
        if tag not in _TIFF_PIXELS:
            struct.pack_into(f"{directory.order}H", pixels, at + 2, 0)  # of no known type
            continue
        kind, count, _value = directory.described(tag)
        if count > _MOST_VALUES and kind not in (_BYTES, _TEXT, _UNDEFINED):
            raise ValueError("a TIFF of too many strips")
    profile = b""
    if _PROFILE in directory.entries:
        _kind, count, value = directory.described(_PROFILE)
        profile = data[value : value + min(count, _MOST_PROFILE_BYTES)]
    return Parts(bytes(pixels), directory.orientation(), profile)


def _refuse_raw(directory: _Directory) -> None:
    has_more = _SUB_DIRECTORIES in directory.entries
    if (
        _RAW_VERSION in directory.entries
        or directory.is_set(*_MOSAIC)
        or (has_more and directory.is_set(*_THUMBNAIL))
    ):
        raise RawError("a camera's raw file")
