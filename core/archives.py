"""Opening a zip that may come from anyone, in memory, and refusing the tricks that zips can play."""

from __future__ import annotations

import io
import re
import stat
import zipfile

from core.problem import N_, Problem

_CENTRAL_HEADER = b"PK\x01\x02"
_ORDINARY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DRIVE = re.compile(r"[A-Za-z]:")


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
