"""What a session keeps of its attacks for the report: the ledger has numbers, these are the pictures."""

from __future__ import annotations

from dataclasses import dataclass

from core.attacks.ledger import Row
from core.attacks.report import Report
from core.images import photos
from pages.parts.shared import session

MOST_KEPT = 12


@dataclass(frozen=True)
class Attacked:
    """The pictures of one attempt.

    Attributes:
        row: of the ledger.
        before: the photo, as JPEG.
        after: the changed photo, as PNG: a JPEG might not fool any longer.
    """

    row: Row
    before: bytes
    after: bytes


@session.kept
def attacks() -> list[Attacked]:
    """This session's attempts, the latest last; gone with the session."""
    return []


def keep(kept: list[Attacked], row: Row, found: Report) -> None:
    """Keep an attempt's pictures; called by a job, which cannot ask for its session's list."""
    before, after = photos.encode_jpeg(found.original, 92), photos.encode_png(found.adversarial)
    kept.append(Attacked(row, before, after))
    del kept[:-MOST_KEPT]
