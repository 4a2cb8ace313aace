"""Opening a zip that may come from anyone, in memory, and refusing the tricks that zips can play."""

from __future__ import annotations

import io
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence

from core.problem import N_, Problem

_CENTRAL_HEADER = b"PK\x01\x02"
_ORDINARY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DRIVE = re.compile(r"[A-Za-z]:")
_UTF_8 = 0x800
"""The flag of an entry whose name is in UTF-8."""
_UNICODE_NAME = 0x7075
"""The extra field with the name in UTF-8 (PKWARE's APPNOTE 4.6.9)."""
_EUROPEAN = "áàâãäåæçéèêëíìîïñóòôõöøœßúùûüýÿ"
_LEGACY = {
    # Alphabets of the code pages that packers use where names are not in UTF-8, likelier ones first.
    "cp850": re.compile(f"[{_EUROPEAN}{_EUROPEAN.upper()}ªº]"),  # Windows in Western Europe, Brazil
    "cp1252": re.compile(f"[{_EUROPEAN}{_EUROPEAN.upper()}ªº–’]"),
    "cp932": re.compile("[\u3005\u3040-\u30ff\u4e00-\u9fff]"),  # Shift-JIS
    "gbk": re.compile("[\u4e00-\u9fff]"),
    "cp866": re.compile("[\u0400-\u04ff]"),
    "cp437": re.compile("[^\u2500-\u259f]"),  # all but frames: what remains
}
_BROKEN_CASE = re.compile(r"[^\W\d_A-ZÀ-Þ][A-ZÀ-Þ]")


def open_zip(archive: bytes, most_entries: int) -> zipfile.ZipFile:
    """Open a zip whose entries can be read one by one; none of it is written anywhere.

    Args:
        archive: the bytes of the zip.
        most_entries: how many files and folders it may hold.

    Raises:
        Problem: it is no zip, holds too many entries, is encrypted, has links or names that lead
            out of it, or entries that lie over each other (Fifield, "A better zip bomb", 2019).
    """
    # Counted before they are parsed: parsing millions of them would take minutes.
    count = archive.count(_CENTRAL_HEADER)
    if count > most_entries:
        raise Problem(
            N_("The zip holds {count} files; at most {limit} fit. Use fewer photos."),
            count=count,
            limit=most_entries,
        )
    try:
        opened = zipfile.ZipFile(io.BytesIO(archive))
    except Exception as error:  # each way of being no zip has an error of its own
        raise Problem(N_("This zip cannot be read; it may be damaged. Make it anew.")) from error
    entries = opened.infolist()
    if any(info.flag_bits & 1 for info in entries):
        raise Problem(N_("This zip is encrypted. Make one without a password."))
    if any(info.compress_type not in _ORDINARY for info in entries):
        # The others can take any amount of memory, whatever an entry says of its size.
        raise Problem(
            N_("This zip is packed in an unusual way. Make it anew with your system's zip.")
        )
    if any(stat.S_ISLNK(info.external_attr >> 16) for info in entries):
        raise Problem(
            N_("This zip holds links instead of files. Make one of the files themselves.")
        )
    if any(_leads_out(info.filename) for info in entries):
        raise Problem(
            N_("This zip has names that lead out of it. Make it anew from a folder of your own.")
        )
    if sum(info.compress_size for info in entries) > len(archive):
        raise Problem(N_("In this zip files lie over each other, as in a zip bomb. Make it anew."))
    return opened


def _leads_out(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return parts[0] == "" or ".." in parts or bool(_DRIVE.match(parts[0]))


# Names


def names(entries: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Return the names of a zip's entries as people typed them.

    They are composed (NFC), and "/" stands between folders, as in a name from Windows.
    """
    raw = [_raw_name(info) for info in entries]
    texts = iter(decoded([name for name in raw if isinstance(name, bytes)]))
    typed = (name if isinstance(name, str) else next(texts) for name in raw)
    return [unicodedata.normalize("NFC", name).replace("\\", "/") for name in typed]


def decoded(names: Sequence[bytes]) -> list[str]:
    """Decode names of which nothing says how they are encoded, and compose them (NFC).

    Each is UTF-8 if it can be. The others are in one of the code pages of old, in that in which
    all of them together look most like words.
    """
    texts = {name: text for name in names if (text := _from_utf_8(name)) is not None}
    others = [name for name in names if name not in texts]
    page = min(_LEGACY, key=lambda page: sum(_oddity(name, page) for name in others))
    texts |= {name: name.decode(page, "replace") for name in others}
    return [unicodedata.normalize("NFC", texts[name]) for name in names]


def _from_utf_8(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None


def _oddity(name: bytes, page: str) -> int:
    """Count what makes a name look unlike words if it is in a code page."""
    try:
        text = name.decode(page)
    except UnicodeDecodeError:
        return 10 * len(name)
    found = 0
    for word in re.findall(r"[^\s/\\_.-]+", text):
        special = [character for character in word if not character.isascii()]
        found += 2 * sum(not _LEGACY[page].match(character) for character in special)
        if special and page in ("cp850", "cp1252"):
            plain = sum(character.isascii() and character.isalpha() for character in word)
            found += max(0, len(special) - plain)  # no word has more accents than other letters
            found += len(_BROKEN_CASE.findall(word))
    return found


def _raw_name(info: zipfile.ZipInfo) -> str | bytes:
    """Return the name if the zip says how it is encoded, else its bytes."""
    if info.flag_bits & _UTF_8:
        return info.orig_filename
    # `zipfile` takes the bytes for code page 437, which has a character for each of them.
    name = info.orig_filename.encode("cp437")
    return _unicode_name(info.extra, name) or name


def _unicode_name(extra: bytes, name: bytes) -> str | None:
    """Return the name in an entry's extra field, if it is of the same name."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        content, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_NAME and content[:5] == struct.pack("<BI", 1, zlib.crc32(name)):
            return _from_utf_8(content[5:])
    return None
