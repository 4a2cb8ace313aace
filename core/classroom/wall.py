"""The class's wall: a few pictures that everybody may look at, in one SQLite file.

It survives a restart, and it is bounded: pictures, bytes and pictures per session. What is hung
up must be a result of this program; see `exhibit`. Each call opens the file anew, which takes a
millisecond and lets any thread, and any process, come at any time.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from core.attacks.report import Report
from core.classroom import exhibit
from core.classroom.exhibit import Exhibit, Kind
from core.classroom.typed import plain_nickname
from core.environment import WALL_FILE
from core.images import photos
from core.problem import N_, Problem
from core.synthesis.loop import Synthesis

MOST_PICTURES = 60
MOST_BYTES = 12_000_000
MOST_PER_SENDER = 4
_QUALITY = 90
_PATIENCE_SECONDS = 5.0
_CHANGING = threading.Lock()
"""Held while a new file changes to WAL, for which SQLite does not wait until others are done."""
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS picture (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        sender TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        nickname TEXT NOT NULL,
        kind TEXT NOT NULL,
        network TEXT NOT NULL,
        classes TEXT NOT NULL,
        channel TEXT NOT NULL,
        photo TEXT NOT NULL,
        jpeg BLOB NOT NULL,
        UNIQUE (sender, fingerprint)
    )""",
    "CREATE TABLE IF NOT EXISTS state (only INTEGER PRIMARY KEY CHECK (only = 1), open INTEGER)",
    "INSERT OR IGNORE INTO state VALUES (1, 0)",
)


@dataclass(frozen=True)
class Hung:
    """A picture on the wall.

    Attributes:
        id: never used again for another one.
        nickname: what its sender wants to be called; plain, short, perhaps empty.
        kind, network, classes, channel, photo: see `exhibit.Exhibit`.
        jpeg: the picture.
    """

    id: int
    nickname: str
    kind: Kind
    network: str
    classes: tuple[int, ...]
    channel: str
    photo: str
    jpeg: bytes


def file() -> Path:
    """Return where the wall is kept: where `IDEALCAT_WALL_FILE` says, else in the cache folder."""
    if named := WALL_FILE.read():
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "ideal-cat" / "wall.sqlite"


class Wall:
    """The wall in a file. Nothing is written before it is opened for the first time.

    Every method raises a `Problem` where the file cannot be read or written, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        """Name the file; it need not be there."""
        self._path = path

    def is_open(self) -> bool:
        """Return whether pictures may be sent."""
        with self._connected() as database:
            return database is not None and _is_open(database)

    def open(self, *, wanted: bool = True) -> None:
        """Let pictures be sent, or, if that is not wanted, no more."""
        with self._written() as database:
            database.execute("UPDATE state SET open = ?", (wanted,))

    def hang(self, work: Synthesis | Report, *, network: str, nickname: str, sender: str) -> None:
        """Hang a result up; doing so twice changes nothing.

        Args:
            work: what was drawn, or what an attack has come to.
            network: name of the network that drew it or was attacked.
            nickname: what the sender wants to be called, of which `plain_nickname` is kept.
            sender: id of the sender's session, of which only a digest is kept.

        Raises:
            Problem: it began with somebody's own photo, the wall is closed or full, or this sender
                has hung up enough.
        """
        shown = exhibit.of(work, network)
        jpeg = photos.encode_jpeg(shown.pixels, _QUALITY)
        key = _key(work, sender)
        with self._written() as database:
            if not _is_open(database):
                raise Problem(N_("The wall is closed. Your teacher can open it."))
            if not _has(database, key):
                _check_room(database, key[0], len(jpeg))
                _insert(database, key, plain_nickname(nickname), shown, jpeg)

    def hangs(self, work: Synthesis | Report, *, sender: str) -> bool:
        """Return whether this sender has hung up this very picture."""
        with self._connected() as database:
            return database is not None and _has(database, _key(work, sender))

    def take_back(self, work: Synthesis | Report, *, sender: str) -> None:
        """Take down a picture that this sender has hung up."""
        with self._written() as database:
            query = "DELETE FROM picture WHERE sender = ? AND fingerprint = ?"
            database.execute(query, _key(work, sender))

    def pictures(self) -> tuple[Hung, ...]:
        """Return what hangs there, the latest first."""
        columns = "id, nickname, kind, network, classes, channel, photo, jpeg"
        with self._connected() as database:
            if database is None:
                return ()
            rows = database.execute(f"SELECT {columns} FROM picture ORDER BY id DESC").fetchall()
        return tuple(replace(Hung(*row), classes=_numbers(row[4])) for row in rows)

    def remove(self, picture: int) -> None:
        """Take one picture down."""
        with self._written() as database:
            database.execute("DELETE FROM picture WHERE id = ?", (picture,))

    def clear(self) -> None:
        """Take all pictures down."""
        with self._written() as database:
            database.execute("DELETE FROM picture")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection | None]:
        """Open the file for reading; None if nobody has opened the wall yet."""
        with _as_problem():
            if not self._path.exists():
                yield None
                return
            with closing(self._connect()) as database:
                ready = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'")
                yield database if ready.fetchone() else None

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        """Open the file, make it if need be, and let all that is done count or nothing."""
        with _as_problem():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)  # what a class hangs up is not for a machine's other users
            with closing(self._connect()) as database:
                with _CHANGING:
                    database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA secure_delete = ON")  # what is taken down is gone
                # Taken before anything is counted, so that two senders cannot share the last place.
                database.execute("BEGIN IMMEDIATE")
                try:
                    for statement in _SCHEMA:
                        database.execute(statement)
                    yield database
                    database.execute("COMMIT")
                finally:
                    if database.in_transaction:
                        database.execute("ROLLBACK")

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_PATIENCE_SECONDS, isolation_level=None)


@contextmanager
def _as_problem() -> Iterator[None]:
    """Raise errors of SQLite and the file system as a `Problem`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise Problem(
            N_(
                "The class's wall cannot be kept ({reason}). Nothing else is touched. Whoever runs "
                "this server can free space, or name another file with IDEALCAT_WALL_FILE."
            ),
            reason=error.strerror if isinstance(error, OSError) else error,
        ) from error


def _is_open(database: sqlite3.Connection) -> bool:
    return bool(database.execute("SELECT open FROM state").fetchone()[0])


def _key(work: Synthesis | Report, sender: str) -> tuple[str, str]:
    """Return what tells a sender's pictures apart, without telling who they are."""
    pixels = work.pixels if isinstance(work, Synthesis) else work.adversarial
    return _digest(sender.encode()), _digest(pixels.tobytes())


def _has(database: sqlite3.Connection, key: tuple[str, str]) -> bool:
    query = "SELECT 1 FROM picture WHERE sender = ? AND fingerprint = ?"
    return database.execute(query, key).fetchone() is not None


def _check_room(database: sqlite3.Connection, who: str, more: int) -> None:
    query = "SELECT count(*), coalesce(sum(length(jpeg)), 0), coalesce(sum(sender = ?), 0)"
    count, size, own = database.execute(f"{query} FROM picture", (who,)).fetchone()
    if own >= MOST_PER_SENDER:
        raise Problem(
            N_("{count} of your pictures hang there already. Take one back first."), count=own
        )
    if count >= MOST_PICTURES or size + more > MOST_BYTES:
        raise Problem(
            N_("The wall is full, with {count} pictures. Your teacher can make room."), count=count
        )


def _insert(
    database: sqlite3.Connection, key: tuple[str, str], nickname: str, shown: Exhibit, jpeg: bytes
) -> None:
    classes = " ".join(map(str, shown.classes))
    database.execute(
        "INSERT INTO picture (sender, fingerprint, nickname, kind, network, classes, channel,"
        " photo, jpeg) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(*key, nickname, shown.kind, shown.network),
            *(classes, shown.channel, shown.photo, jpeg),
        ),
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
