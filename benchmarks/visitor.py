"""A visitor without a browser: speaks Streamlit's own protocol over a WebSocket.

Thirty browsers would need more of the machine than the app does. What a browser sends and gets is
protobuf (`streamlit.proto`): a `BackMsg` asks for a run of the page with the values of widgets, and
`ForwardMsg`s carry the elements of the page as they come to be.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

_COUNT = re.compile(r"(\d+) of (\d+) ")


class Visitor:
    """One session of a running server.

    Attributes:
        session_id: by which a lost connection is taken up again.
        page: which script is shown, by Streamlit's hash.
        widgets: the id of each widget of the page, by its key.
        progress: the text of the latest progress line.
        done: the share of the run that is watched, in [0, 1].
        errors: what the page has complained of.
        frames: how many pictures have come.
        runs: how many runs of the page have begun.
        watching: for how many of them the progress line has come: all that is above it is there.
        finished: how many have ended.
        received: bytes.
    """

    def __init__(self, url: str) -> None:
        """Come to a server; `open` shows a page of it."""
        self._address = url.replace("http", "ws", 1) + "/_stcore/stream"
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()
        self._disabled: dict[str, bool] = {}
        self._values: dict[str, dict[str, Any]] = {}
        self.session_id = self.page = self.page_name = self.progress = ""
        self.widgets: dict[str, str] = {}
        self.done = 0.0
        self.errors: list[str] = []
        self.frames = self.runs = self.watching = self.finished = self.received = 0

    async def connect(self) -> None:
        """Open the connection, for the session that there was before if there was one."""
        protocols = ["streamlit", "-", self.session_id] if self.session_id else ["streamlit"]
        self._socket = await connect(
            self._address,
            subprotocols=[Subprotocol(name) for name in protocols],
            max_size=None,
            compression=None,
        )
        self._reader = asyncio.create_task(self._read(self._socket))

    async def open(self, page_name: str) -> None:
        """Go to a page by its address."""
        self.page, self.page_name = "", page_name
        self.widgets, self._values = {}, {}
        await self._rerun()

    async def set(self, key: str, **value: Any) -> None:
        """Give a widget a value that it keeps, as `set("ideal_steps", double_value=32)`."""
        self._values[self.widgets[key]] = value
        await self._rerun()

    async def press(self, key: str) -> None:
        """Press a button."""
        await self._rerun(id=self.widgets[key], trigger_value=True)

    def is_enabled(self, key: str) -> bool:
        """Whether a widget is there and can be used."""
        return key in self.widgets and not self._disabled.get(key)

    async def until(self, true: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until something holds that a message may bring about.

        Raises:
            TimeoutError: it does not.
            ConnectionError: the connection is gone.
        """
        async with asyncio.timeout(seconds), self._news:
            while not true():
                if self._reader is None or self._reader.done():
                    raise ConnectionError("the server has hung up")
                await self._news.wait()

    async def answer(self, key: str, **value: Any) -> float:
        """Give a widget a value, and tell the seconds until the page stands anew."""
        run, began = self.runs, time.monotonic()
        await self.set(key, **value)
        await self.until(lambda: self.runs > run and max(self.watching, self.finished) > run)
        return time.monotonic() - began

    async def leave(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            await self._socket.close()
        await self._forget()

    async def vanish(self) -> None:
        """Lose the connection without a word, as with the Wi-Fi, or a browser that is killed."""
        if self._socket is not None:
            self._socket.transport.abort()
        await self._forget()

    async def _forget(self) -> None:
        if self._reader is not None:
            with suppress(Exception):
                await self._reader
        self._socket = self._reader = None

    async def _rerun(self, **widget: Any) -> None:
        message = BackMsg()
        state = message.rerun_script
        state.page_script_hash, state.page_name = self.page, self.page_name
        state.context_info.locale = "en-US"
        for widget_id, value in self._values.items():
            state.widget_states.widgets.add(id=widget_id, **value)
        if widget:
            state.widget_states.widgets.add(**widget)
        assert self._socket is not None
        await self._socket.send(message.SerializeToString())

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for data in socket:
                message = ForwardMsg.FromString(data)
                self.received += len(data)
                async with self._news:
                    self._take(message)
                    self._news.notify_all()
        finally:
            async with self._news:
                self._news.notify_all()

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.runs += 1
            self.page = message.new_session.page_script_hash
            self.session_id = message.new_session.initialize.session_id
        elif kind == "navigation":  # tells which page it is that the address has led to
            self.page = message.navigation.page_script_hash
        elif kind == "script_finished":
            self.finished = self.runs
        elif kind == "session_event" and message.session_event.HasField(
            "script_compilation_exception"
        ):
            self.errors.append(str(message.session_event))
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._take_element(message.delta.new_element)

    def _take_element(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        content = getattr(element, kind)
        if kind == "progress":
            self.progress, self.watching = content.text, self.runs
            if count := _COUNT.search(content.text):
                self.done = int(count[1]) / int(count[2])
        elif kind == "imgs":
            self.frames += 1
        elif kind == "exception" or (kind == "alert" and content.format == content.ERROR):
            self.errors.append(str(content))
        elif (
            key := getattr(content, "id", "").partition("-")[2].partition("-")[2]
        ) and key != "None":
            self.widgets[key] = content.id
            self._disabled[key] = getattr(content, "disabled", False)
