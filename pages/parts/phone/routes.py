"""The addresses that phones ask: a page, and what it says and sends. JSON, no cookies, no disk.

A phone shows by a token in a header who it is, so no other site can speak in its name. No address
gives out what other phones have sent.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from core.classroom.collection import MOST_BYTES
from core.classroom.room import Member, Room, rooms
from core.problem import N_, Problem
from pages.parts.phone import tasks, texts
from pages.parts.shared.language import say, speaking, tag

_FOLDER = Path(__file__).parents[3] / "assets" / "phone"
_MOST_JSON = 4000
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}

Handler = Callable[[Request], Awaitable[Response]]


def routes() -> list[BaseRoute]:
    """Return the phones' addresses, below the one that the app is served at."""
    base = "/" + st.get_option("server.baseUrlPath").strip("/")
    at = f"{base.rstrip('/')}/join"
    room = f"{at}/{{code}}"
    return [
        Route(at, _page),
        Route(f"{at}.css", _file),
        Route(f"{at}.js", _file),
        Route(f"{room}/join", _join, methods=["POST"]),
        Route(f"{room}/state", _state),
        Route(f"{room}/leave", _leave, methods=["POST"]),
        Route(f"{room}/consent", _consent, methods=["POST"]),
        Route(f"{room}/vote", _vote, methods=["POST"]),
        Route(f"{room}/picture/{{question}}/{{number:int}}", _picture),
        Route(f"{room}/photos/{{label:int}}/{{photo}}", _add_photo, methods=["POST"]),
        Route(f"{room}/photos/{{photo}}", _remove_photo, methods=["DELETE"]),
        Route(f"{room}/frame", _frame, methods=["POST"]),
    ]


async def _page(request: Request) -> Response:
    with speaking(request.headers.get("accept-language", "")):
        # Without "<" nothing in the script element can end it, whatever a translation says.
        told = json.dumps(texts.all_texts(), ensure_ascii=True).replace("<", "\\u003c")
        page = _read("join.html").decode()
        page = page.replace("{{language}}", tag()).replace("{{texts}}", told)
    return HTMLResponse(page, headers=_HEADERS)


async def _file(request: Request) -> Response:
    suffix = ".js" if request.url.path.endswith(".js") else ".css"
    return Response(_read(f"join{suffix}"), headers=_HEADERS, media_type=_MEDIA_TYPES[suffix])


@lru_cache
def _read(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


def _answering(answer: Handler) -> Handler:
    """Tell a `Problem` in the phone's language, as what came of a request."""

    @wraps(answer)
    async def answered(request: Request) -> Response:
        with speaking(request.headers.get("accept-language", "")):
            try:
                return await answer(request)
            except Problem as problem:
                return JSONResponse({"problem": say(problem)}, status_code=409, headers=_HEADERS)

    return answered


def _json(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers=_HEADERS)


@_answering
async def _join(request: Request) -> Response:
    asked = await _message(request)
    nickname = asked.get("nickname")
    code = request.path_params["code"]
    room, token, member = rooms().join(code, nickname if isinstance(nickname, str) else "")
    return _json({"token": token, "code": room.code, "nickname": member.nickname})


@_answering
async def _state(request: Request) -> Response:
    room, member = _who(request)
    return _json(tasks.state(room, member))


@_answering
async def _leave(request: Request) -> Response:
    room, _ = _who(request)
    room.leave(_token(request))
    return _json({})


@_answering
async def _consent(request: Request) -> Response:
    room, member = _who(request)
    member.has_consented = True
    return _json(tasks.state(room, member))


@_answering
async def _vote(request: Request) -> Response:
    room, member = _who(request)
    asked = await _message(request)
    tasks.vote(room, member, str(asked.get("question")), asked.get("answer"))
    return _json(tasks.state(room, member))


@_answering
async def _picture(request: Request) -> Response:
    room, _ = _who(request)
    picture = tasks.picture(room, request.path_params["question"], request.path_params["number"])
    return Response(picture, headers=_HEADERS, media_type="image/jpeg")


@_answering
async def _add_photo(request: Request) -> Response:
    room, member = _who(request)
    photo, label = request.path_params["photo"], request.path_params["label"]
    data = await _body(request, MOST_BYTES)
    await run_in_threadpool(tasks.add_photo, room, member, photo, label, data)
    return _json(tasks.state(room, member))


@_answering
async def _remove_photo(request: Request) -> Response:
    room, member = _who(request)
    tasks.remove_photo(room, member, request.path_params["photo"])
    return _json(tasks.state(room, member))


@_answering
async def _frame(request: Request) -> Response:
    room, member = _who(request)
    data = await _body(request, MOST_BYTES)
    return _json(await run_in_threadpool(tasks.look, room, member, data))


def _who(request: Request) -> tuple[Room, Member]:
    return rooms().member(request.path_params["code"], _token(request))


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


async def _message(request: Request) -> dict[str, Any]:
    try:
        message = json.loads(await _body(request, _MOST_JSON))
    except (ValueError, RecursionError):
        message = None
    return message if isinstance(message, dict) else {}


async def _body(request: Request, most: int) -> bytes:
    """Read what was sent, and no more of it than may be.

    Raises:
        Problem: it is larger.
    """
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > most:
            raise Problem(N_("This is too large to be sent. Nothing was kept; take it again here."))
    return bytes(data)
