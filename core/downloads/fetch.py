"""Fetching a file over HTTP, a piece at a time, whole or not at all; resuming where it can."""

from __future__ import annotations

import hashlib
import os
import ssl
import urllib.error
import urllib.request
from http.client import HTTPResponse
from pathlib import Path

import certifi

from core.problem import N_, Text
from core.steps import Step, Steps

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 20
_OUTSIDE_ITS_DATES = (9, 10)
"""OpenSSL's codes for a certificate that does not hold yet, or no more."""


class NotTrustedError(OSError):
    """The certificate of a server is not one that this computer trusts.

    Attributes:
        reason: what that is likely to be, and what to do.
    """

    def __init__(self, cause: ssl.SSLCertVerificationError) -> None:
        super().__init__(str(cause))
        self.reason: Text = (
            N_("the server's certificate does not hold today; is the date of this computer right?")
            if cause.verify_code in _OUTSIDE_ITS_DATES
            else N_(
                "this computer does not trust the server's certificate, likely because a school's proxy or a virus scanner opens connections and signs anew: ask for its certificate, a .pem file, and name that file in the environment variable SSL_CERT_FILE"
            )
        )


def fetch(
    address: str, partial: Path, *, expected_bytes: int, digest: str = "", resume: bool = False
) -> Steps[Path]:
    """Download an address into a file, which the caller renames once this has ended.

    A partial file is only continued if the server has said, when it began, which version it was
    (ETag or Last-Modified) and says now that it still is; otherwise it begins anew.

    Args:
        address: what to fetch.
        partial: the file to write.
        expected_bytes: its size, for the progress where the server does not tell.
        digest: how its SHA-256 must begin, in hexadecimal digits; empty for any.
        resume: whether to go on with what `partial` holds already.

    Yields:
        Steps counted in megabytes; the last megabyte is only reported by the caller.

    Raises:
        NotTrustedError: the server's certificate is not trusted.
        OSError, ValueError, http.client.HTTPException: it failed, was cut off, or is another file.
    """
    version_file = partial.with_name(partial.name + ".version")
    done = partial.stat().st_size if resume and partial.is_file() and version_file.is_file() else 0
    request = urllib.request.Request(address)
    if done:
        request.add_header("Range", f"bytes={done}-")
        request.add_header("If-Range", version_file.read_text("utf-8"))
    with _open(request) as response:
        continued = response.status == 206 and f"bytes {done}-" in response.headers.get(
            "Content-Range", ""
        )
        done = done if continued else 0
        length = response.headers.get("Content-Length")
        size = done + int(length) if length else expected_bytes
        if resume and not continued:
            _note_version(response, version_file)
        with partial.open("ab" if continued else "wb") as file:
            # read1 gives what has arrived, so a slow line holds no compute thread for long.
            while chunk := response.read1(_CHUNK) if length else response.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                yield Step(
                    min(megabytes(done), megabytes(size) - 1),
                    megabytes(size),
                    phase=N_("downloading"),
                )
    if done < size and length:
        raise OSError("the file is cut off")  # what came is kept, to be continued
    version_file.unlink(missing_ok=True)  # whole or wrong, there is nothing to continue
    if (length and done > size) or (digest and not sha256(partial).startswith(digest)):
        raise OSError("the file is not the expected one")


def mirrored(address: str, file: str, variable: str) -> str:
    """Return where to fetch a file: from the folder that an environment variable names, if it does.

    Args:
        address: where its makers serve it.
        file: its name on a mirror.
        variable: names the address of the mirror's folder.
    """
    mirror = os.environ.get(variable)
    return f"{mirror.rstrip('/')}/{file}" if mirror else address


def megabytes(size: int) -> int:
    """Return bytes as whole megabytes, at least one."""
    return max(1, round(size / 1e6))


def _open(request: urllib.request.Request) -> HTTPResponse:
    try:
        return _asked(request)
    except urllib.error.HTTPError as error:
        error.close()  # it is the answer, too, and holds the connection
        if error.code != 416:  # the partial file is longer than the server's: begin anew
            raise
        request.remove_header("Range")
        request.remove_header("If-range")
        return _asked(request)


def _asked(request: urllib.request.Request) -> HTTPResponse:
    try:
        opened: HTTPResponse = urllib.request.urlopen(
            request, timeout=_TIMEOUT_SECONDS, context=_trusting()
        )
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise NotTrustedError(error.reason) from error
        raise
    return opened


def _trusting() -> ssl.SSLContext:
    """Trust what this computer does, SSL_CERT_FILE included, and Mozilla's list.

    Python from python.org on a Mac comes without any list of its own.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _note_version(response: HTTPResponse, version_file: Path) -> None:
    etag = response.headers.get("ETag", "")
    version = etag if etag.startswith('"') else response.headers.get("Last-Modified")
    if version:
        version_file.write_text(version, "utf-8")
    else:
        version_file.unlink(missing_ok=True)


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
