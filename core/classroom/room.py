"""A room: the phones of a class, and the one task that they have at a time.

Everything is in memory only and goes when the room closes. A phone is known by a token that only
it has; others meet its nickname at most. Nothing here gives a member's photos to another member.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from core.classroom.collection import Collection
from core.classroom.contest import Contest
from core.classroom.poll import Poll, Result, without_pictures
from core.classroom.typed import plain_nickname
from core.problem import N_, Problem
from core.zoo import catalogue

if TYPE_CHECKING:
    from core.zoo.classifier import Classifier

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Of a room's code: without I and O, which look like digits."""
CODE_LENGTH = 4
MOST_ROOMS = 8
MOST_MEMBERS = 60
LASTS_SECONDS = 2 * 3600.0
"""A room ends by itself after so long."""
AWAY_SECONDS = 8.0
"""A phone that has not asked for so long is away: its screen is off, or its Wi-Fi gone."""
FREE_WRONG_CODES = 60
"""That are typed on this server at once: a class may mistype, each of them twice."""
WRONG_CODE_SECONDS = 1.0
"""After those, one wrong code in so long: to find one of eight rooms takes ten hours on average, and
rooms last two."""
_MOST_RESULTS = 100


@dataclass
class Member:
    """Somebody with a phone.

    Attributes:
        id: known to the server only; not the token.
        nickname: plain, short, different from the others'; a number such as "#3" without one.
        seen: when the phone last asked, on the room's clock.
        has_consented: whether it was agreed to that photos are sent.
        looking: held while the network looks at a frame of this phone's: one at a time.
    """

    id: str
    nickname: str
    seen: float
    has_consented: bool = False
    looking: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)


@dataclass(frozen=True)
class Asking:
    """The task to show the network something and read what it says."""


Task: TypeAlias = Collection | Poll | Contest | Asking
"""What the phones do at the moment; a room without one waits."""


class Room:
    """One class's room. Safe from several threads.

    Attributes:
        code: four letters by which phones find it.
        network: the class's own network, once one was trained; None for the built-in one.
    """

    def __init__(self, code: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Open a room without members.

        Args:
            code: four letters.
            clock: gives seconds that only ever grow.
        """
        self.code = code
        self.network: Classifier | None = None
        self._clock = clock
        self._ends = clock() + LASTS_SECONDS
        self._lock = threading.RLock()
        self._members: dict[str, Member] = {}  # by token
        self._joined = 0
        self._is_locked = False
        self._is_closed = False
        self._task: Task | None = None
        self._collection: Collection | None = None
        self._results: list[Result] = []
        self._forgetting: list[Callable[[], None]] = []

    # Who is there

    def join(self, nickname: str) -> tuple[str, Member]:
        """Let a phone in.

        Args:
            nickname: what its owner wants to be called, of which `plain_nickname` is kept; a
                number is added to one that is taken. May be empty.

        Returns:
            The token by which the phone is known from now on, and the member.

        Raises:
            Problem: the room is locked, full or closed.
        """
        with self._lock:
            self._check_open()
            if self._is_locked:
                raise Problem(N_("This room is locked. Ask your teacher to unlock it."))
            if len(self._members) >= MOST_MEMBERS:
                raise Problem(N_("This room is full: {most} phones are in it."), most=MOST_MEMBERS)
            taken = {member.nickname for member in self._members.values()}
            token = secrets.token_urlsafe(24)
            self._joined += 1
            # Nobody can choose a "#", so a number is nobody else's nickname.
            name = _unique(plain_nickname(nickname) or f"#{self._joined}", taken)
            member = self._members[token] = Member(secrets.token_hex(8), name, self._clock())
            return token, member

    def member(self, token: str) -> Member:
        """Return whose token this is, and note that the phone is there.

        Raises:
            Problem: nobody's, or the room is closed.
        """
        with self._lock:
            self._check_open()
            if token not in self._members:
                raise not_here()
            member = self._members[token]
            member.seen = self._clock()
            return member

    def members(self) -> tuple[Member, ...]:
        """Return who is there, in the order of joining."""
        with self._lock:
            return tuple(self._members.values())

    def is_away(self, member: Member) -> bool:
        """Return whether a phone has not asked for a while."""
        return self._clock() - member.seen > AWAY_SECONDS

    def nickname(self, member_id: str) -> str:
        """Return what to call a member; empty for one who has left."""
        return next((m.nickname for m in self.members() if m.id == member_id), "")

    def leave(self, token: str) -> None:
        """Let a phone out, and forget all that it has sent."""
        with self._lock:
            member = self._members.pop(token, None)
        if member is not None:
            self._forget(member.id)

    def remove(self, member_id: str) -> None:
        """Send a phone out, and forget all that it has sent."""
        with self._lock:
            self._members = {t: m for t, m in self._members.items() if m.id != member_id}
        self._forget(member_id)

    def check_here(self, member: Member) -> None:
        """Check that whose thing has just come in is still there, and forget it otherwise.

        A photo takes a while to be read, and meanwhile its sender may leave.

        Raises:
            Problem: the member has left, or the room is closed.
        """
        if all(other.id != member.id for other in self.members()):
            self._forget(member.id)
            raise not_here()

    def _forget(self, member_id: str) -> None:
        with self._lock:
            collection, task = self._collection, self._task
        if collection is not None:
            collection.forget(member_id)
        if isinstance(task, (Poll, Contest)):
            task.forget(member_id)

    # What the teacher does

    @property
    def is_locked(self) -> bool:
        """Whether nobody new is let in."""
        return self._is_locked

    def lock(self, *, wanted: bool = True) -> None:
        """Let nobody new in, or, if that is not wanted, everybody with the code."""
        self._is_locked = wanted

    def clear(self) -> None:
        """Send everybody out and forget photos, what was made of them, and answers; the code stays."""
        with self._lock:
            self._members.clear()
            self._task = None
            self._collection = None
            self._results.clear()
            self.network = None
            forgetting, self._forgetting = self._forgetting, []
        for forget in forgetting:
            forget()

    def close(self) -> None:
        """End the room for good: nothing of it is kept."""
        with self._lock:
            self._is_closed = True
        self.clear()

    def seconds_left(self) -> float:
        """Return how long the room still lasts; 0 once it is closed."""
        return 0.0 if self._is_closed else max(0.0, self._ends - self._clock())

    @property
    def is_closed(self) -> bool:
        """Whether the room has ended, by hand or by itself."""
        return self.seconds_left() == 0

    # The task

    @property
    def task(self) -> Task | None:
        """What the phones do now."""
        return self._task

    @property
    def collection(self) -> Collection | None:
        """The photos that were collected; they stay while the phones do something else."""
        return self._collection

    def begin(self, task: Task | None) -> None:
        """Give the phones another task, or none; a collection stays until there is another.

        Raises:
            Problem: the room is closed.
        """
        with self._lock:
            self._check_open()
            self._task = task
            if isinstance(task, Collection):
                self._collection = task

    def discard_collection(self) -> None:
        """Delete the photos that were collected; the phones wait if they are at it."""
        with self._lock:
            if self._task is self._collection:
                self._task = None
            self._collection = None

    def give(self, network: Classifier | None) -> None:
        """Let the class ask another network, None for the built-in one.

        A contest ends: its target is a class of the network before.

        Raises:
            Problem: the room is closed.
        """
        with self._lock:
            self._check_open()
            self.network = network.like(name=catalogue.ROOM) if network else None
            if isinstance(self._task, Contest):
                self._task = None

    def when_cleared(self, forget: Callable[[], None]) -> None:
        """Have something forgotten when the room is cleared or ends: at once, if it has ended.

        Args:
            forget: lets go of what was made of the room's photos elsewhere.
        """
        with self._lock:
            if not self._is_closed:
                self._forgetting.append(forget)
                return
        forget()

    def reveal(self) -> Result | None:
        """Reveal the answer of the poll that is asked, and keep what came of it; None without one."""
        with self._lock:
            if not isinstance(self._task, Poll) or self._task.revealed:
                return None
            result = self._task.reveal()
            self._results = [*self._results, without_pictures(result)][-_MOST_RESULTS:]
            return result

    def results(self) -> tuple[Result, ...]:
        """Return what was answered to the questions that are over, the first first."""
        return tuple(self._results)

    def _check_open(self) -> None:
        if self.is_closed:
            raise _no_room(self.code)


class Rooms:
    """The rooms of a server. Safe from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without rooms.

        Args:
            clock: gives seconds that only ever grow.
        """
        self._clock = clock
        self._rooms: dict[str, Room] = {}
        self._lock = threading.Lock()
        self._tried_until = -math.inf  # each wrong code moves it on by `WRONG_CODE_SECONDS`

    def open(self) -> Room:
        """Open a room with a new code.

        Raises:
            Problem: there are too many.
        """
        self.sweep()
        with self._lock:
            if len(self._rooms) >= MOST_ROOMS:
                raise Problem(
                    N_("{count} rooms are open on this server. Close one of them first."),
                    count=MOST_ROOMS,
                )
            code = _code()
            while code in self._rooms:
                code = _code()
            room = self._rooms[code] = Room(code, self._clock)
            return room

    def find(self, code: str) -> Room:
        """Return the room with a code, in large letters or small ones.

        Raises:
            Problem: there is none.
        """
        room = self._rooms.get(code.strip().upper())
        if room is None or room.is_closed:
            raise _no_room(code.strip().upper()[:CODE_LENGTH])
        return room

    def join(self, code: str, nickname: str) -> tuple[Room, str, Member]:
        """Let a phone into the room with a code; see `Room.join`.

        Raises:
            Problem: there is none, too many wrong codes were tried, or the room lets nobody in.
        """
        with self._lock:
            now = self._clock()
            wait = self._tried_until - now - FREE_WRONG_CODES * WRONG_CODE_SECONDS
            if wait >= 0:  # not even looked up, so that guessing on tells nothing
                raise Problem(
                    N_("Too many wrong codes were typed. Try again in {seconds} s."),
                    seconds=math.floor(wait) + 1,
                )
            try:
                room = self.find(code)
            except Problem:
                self._tried_until = max(self._tried_until, now) + WRONG_CODE_SECONDS
                raise
        return room, *room.join(nickname)

    def member(self, code: str, token: str) -> tuple[Room, Member]:
        """Return the room with a code, and whose token this is there; see `Room.member`.

        Raises:
            Problem: nobody's. Whether there is such a room is not told.
        """
        try:
            room = self.find(code)
            return room, room.member(token)
        except Problem:
            raise not_here() from None

    def all(self) -> tuple[Room, ...]:
        """Return the rooms that are open, the first first."""
        self.sweep()
        return tuple(self._rooms.values())

    def close(self, room: Room) -> None:
        """Close a room, and forget it."""
        room.close()
        self.sweep()

    def sweep(self) -> None:
        """Forget rooms that have ended."""
        with self._lock:
            ended = [code for code, room in self._rooms.items() if room.is_closed]
            for code in ended:
                self._rooms.pop(code).close()


@lru_cache(maxsize=1)
def rooms() -> Rooms:
    """Return the rooms of this server."""
    return Rooms()


def _code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))


def _unique(nickname: str, taken: set[str]) -> str:
    if nickname not in taken:
        return nickname
    return next(name for n in range(2, 1000) if (name := f"{nickname} {n}") not in taken)


def not_here() -> Problem:
    """Return the problem of a phone that is in no room: it has left, was sent out, or all is over."""
    return Problem(
        N_(
            "You are not in the room any more: you left, or it was closed. Join again with its code."
        )
    )


def _no_room(code: str) -> Problem:
    return Problem(N_("There is no room {code} (any more). Ask for the code again."), code=code)
