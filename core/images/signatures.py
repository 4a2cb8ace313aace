"""What a file is, told by its first bytes: photos that can be read, and what else people bring.

A name proves nothing: phones, messengers and browsers call a WebP .jpg and a JPEG .jfif. So the
content decides, and what cannot be read gets a sentence that says what it is and what to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from PIL import features

from core.problem import N_

HEAD_BYTES = 64
"""So many bytes from a file's start tell what it is."""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        format: what Pillow calls it; empty if it cannot be read here.
        is_photo: whether people think of it as a photo, readable or not.
        refusal: why it cannot be read and what to do, a template with the field `file`.
    """

    format: str = ""
    is_photo: bool = True
    refusal: str = ""


def _unread(refusal: str, *, is_photo: bool = True) -> Kind:
    return Kind("", is_photo, refusal)


_HEIC = _unread(
    N_(
        "{file} is a HEIC photo, as iPhones take them; it cannot be read here. Export it as JPEG, or choose Settings › Camera › Formats › Most Compatible on the iPhone and take it again."
    )
)
_RAW = _unread(
    N_(
        "{file} is a camera's raw file, which cannot be read here. Export it as JPEG with the camera's program, or let the camera save JPEG."
    )
)
_PHOTOSHOP = _unread(
    N_("{file} is a Photoshop file, which cannot be read here. Export it as JPEG or PNG.")
)
_NEW = _unread(
    N_("{file} is a JPEG XL picture, which cannot be read here. Save it as JPEG or PNG.")
)
_AVIF_UNREAD = _unread(
    N_("{file} is an AVIF picture, which this server cannot read. Save it as JPEG or PNG.")
)
_SVG = _unread(
    N_(
        "{file} is an SVG drawing: it is made of lines, not of pixels, and cannot be read here. Export it as PNG."
    )
)
_PDF = _unread(
    N_("{file} is a PDF document, not a photo. Export the page as JPEG or PNG."), is_photo=False
)
_FILM = _unread(
    N_("{file} is a film, not a photo. Stop it at a good moment and save a screenshot of that."),
    is_photo=False,
)
_WEB_PAGE = _unread(
    N_(
        "{file} is a web page, not a photo; perhaps it was saved in a photo's place. Open the photo itself in the browser and save that."
    ),
    is_photo=False,
)
RAW = _RAW
"""TIFFs of cameras, which only their directory tells apart from other TIFFs."""

_JPEG, _PNG, _GIF, _WEBP, _BMP, _TIFF, _AVIF, _JPEG_2000, _PPM = map(
    Kind, ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
)

_SIGNATURES: tuple[tuple[bytes, Kind], ...] = (
    # Each as a regular expression from the first byte on; the first that fits counts.
    (rb"\xff\xd8\xff", _JPEG),
    (rb"\x89PNG\r\n\x1a\n", _PNG),
    (rb"GIF8[79]a", _GIF),
    (rb"RIFF....WEBP", _WEBP),
    (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", _BMP),
    (rb"II\*\x00.{4}CR|II[UR]|IIRS|MMOR|FUJIFILMCCD-RAW|FOVb|\x00MRM", _RAW),
    (rb"II[*+]\x00|MM\x00[*+]", _TIFF),
    (rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51", _JPEG_2000),
    (rb"P[4-6]\s+[#\d]", _PPM),
    (rb"\x00\x00\x00\x0cJXL |\xff\x0a", _NEW),
    (rb"8BPS\x00", _PHOTOSHOP),
    (rb"....ftypcrx ", _RAW),
    (rb"....(ftyp|moov|mdat|wide|skip|pnot)", _FILM),
    (
        rb"RIFF....AVI |\x1a\x45\xdf\xa3|\x00\x00\x01[\xb3\xba]|\x30\x26\xb2\x75\x8e\x66\xcf|FLV\x01",
        _FILM,
    ),
    (rb"%PDF-", _PDF),
    (rb"(\xef\xbb\xbf)?\s*(<\?xml.*|<!--.*|<!DOCTYPE )?<?svg", _SVG),
    (rb"(?i)(\xef\xbb\xbf)?\s*(<!doctype )?<?html", _WEB_PAGE),
)
_COMPILED = tuple((re.compile(pattern, re.DOTALL), kind) for pattern, kind in _SIGNATURES)
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_NAMED_LIKE_A_PHOTO = re.compile(
    r"\.(jpe?g|jpe|jfif|pjp|pjpeg|a?png|gif|webp|bmp|dib|tiff?|avif|hei[cf]|hif|jxl|jp2|j2k|jpx"
    r"|p[pgbn]m|svg|psd|dng|cr[23w]|nef|nrw|arw|raf|orf|rw2|raw|pef|x3f|3fr|srw|kdc|mrw)$",
    re.IGNORECASE,
)
"""Only `is_photo` asks, where the content says nothing."""


def kind(head: bytes) -> Kind | None:
    """Return the kind of a file.

    Args:
        head: its first `HEAD_BYTES` bytes, or more.

    Returns:
        None if it is none of the kinds that are known here.
    """
    if head[4:8] == b"ftyp":
        brands = _brands(head)
        if brands & {b"avif", b"avis"}:
            return _AVIF if features.check("avif") else _AVIF_UNREAD
        if brands & _HEIC_BRANDS:
            return _HEIC
    for pattern, found in _COMPILED:
        if pattern.match(head[:1024]):
            return found
    return None


def _brands(head: bytes) -> frozenset[bytes]:
    """Return what a file of the MP4 family says it can be read as."""
    end = min(int.from_bytes(head[:4]), HEAD_BYTES)
    return frozenset((head[8:12], *(head[at : at + 4] for at in range(16, end, 4))))


def is_photo(name: str, head: bytes) -> bool:
    """Return whether a file should be offered to `photos.decode`.

    Args:
        name: the file's name or path; only what it ends in counts.
        head: at least the first `HEAD_BYTES` bytes, or all where it has fewer.

    Returns:
        True for each picture that can be read, whatever it is called. True also for what people
        think of as a photo although it cannot be read here, so that `decode` says why: HEIC, raw
        files, SVG, and whatever a photo's name promises (an empty .jpg, a web page saved as .jpg).
        False for what no person would call a photo: texts, films, Thumbs.db, and the shadows
        of photos that macOS puts beside them (`._cat.jpg`).
    """
    if head.startswith((b"\0\5\x16\7", b"\0\5\x16\0")):
        return False  # macOS's AppleDouble
    found = kind(head)
    if found is not None and found.is_photo:
        return True
    return _NAMED_LIKE_A_PHOTO.search(name) is not None
