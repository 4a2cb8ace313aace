"""The app with a room that is open from the start: what `benchmarks.classroom_phones` asks.

A teacher's PIN and clicks have no part in what is measured. `/benchmark/room` tells the room's code
and what it holds, `/benchmark/close` closes it.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.classroom.collection import Collection
from core.classroom.room import Room, rooms
from pages.parts.phone.routes import routes


def _opened() -> Room:
    room = rooms().open()
    room.begin(Collection(["cup", "pen"]))
    return room


async def _tell(request: Request) -> Response:
    photos = ROOM.collection.photos() if ROOM.collection else ()
    return JSONResponse(
        {
            "code": ROOM.code,
            "members": len(ROOM.members()),
            "photos": len(photos),
            "different": len({photo.jpeg for photo in photos}),
            "of_members": sorted(Counter(photo.member for photo in photos).values()),
            "counts": ROOM.collection.counts() if ROOM.collection else (),
        }
    )


async def _close(request: Request) -> Response:
    rooms().close(ROOM)
    return JSONResponse({})


if __name__ != "__main__":  # imported once, by `streamlit run`; see `app.py`
    ROOM = _opened()
    own = [Route("/benchmark/room", _tell), Route("/benchmark/close", _close, methods=["POST"])]
    app = st.App(Path(__file__).parents[1] / "app.py", routes=[*routes(), *own])
