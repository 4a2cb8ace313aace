"""Where an upload is while it arrives: in memory only."""

from __future__ import annotations

import asyncio
import tempfile

import pytest
from starlette.requests import Request

from pages.kit import start

SIZE = 3_000_000


def test_a_large_upload_never_touches_the_disk(monkeypatch):
    start.keep_uploads_off_the_disk()

    def no_disk(*_args, **_options):
        pytest.fail("the upload is written into a file")

    monkeypatch.setattr(tempfile, "TemporaryFile", no_disk)  # what a spooled file rolls over into
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n\r\n'
    body = head + bytes(SIZE) + b"\r\n--x--\r\n"

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def uploaded() -> bytes:
        headers = [(b"content-type", b"multipart/form-data; boundary=x")]
        request = Request({"type": "http", "method": "PUT", "headers": headers}, receive)
        async with request.form() as form:
            return await form["file"].read()

    assert asyncio.run(uploaded()) == bytes(SIZE)
