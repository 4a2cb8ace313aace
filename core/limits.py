"""How much anybody may use of this server: every limit in one place.

Whoever runs a server sets them as environment variables; docs/settings.md has them in one table.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.environment import Whole
from core.problem import N_, Problem


def _limit(name: str, default: int) -> int:
    variable = Whole(name, default)
    value: int = field(default_factory=variable.read, metadata={"variable": variable})
    return value


@dataclass(frozen=True)
class Limits:
    """What is refused beyond; sizes in millions of bytes.

    Attributes:
        file_mb: of one photo, or of a picture with a recipe.
        megapixels: of a JPEG, which is decoded at a fraction of its size; half as many of the
            other formats, which can only be decoded whole, and a fifth of JPEG 2000.
        zip_mb: of a zip of photos, or of a network.
        unpacked_mb: of all photos of a data set.
        zip_files: files in a zip.
        photos: in a data set.
        classes: in a data set, and of a network that is brought along.
        drawing_steps: of gradient descent on a picture.
        drawing_size: side of a drawn picture in pixels.
        attack_steps: of an attack.
        session_mb: photos and zips that one visitor may have on the server at a time.
        total_mb: the same of all visitors together.
        session_jobs: runs of one visitor at a time.
        memory_mb: of this program. Beyond it nothing new is begun.
    """

    file_mb: int = _limit("IDEALCAT_MAX_FILE_MB", 30)
    megapixels: int = _limit("IDEALCAT_MAX_MEGAPIXELS", 50)
    zip_mb: int = _limit("IDEALCAT_MAX_ZIP_MB", 200)
    unpacked_mb: int = _limit("IDEALCAT_MAX_UNPACKED_MB", 400)
    zip_files: int = _limit("IDEALCAT_MAX_ZIP_FILES", 20_000)
    photos: int = _limit("IDEALCAT_MAX_PHOTOS", 5000)
    classes: int = _limit("IDEALCAT_MAX_CLASSES", 100)
    drawing_steps: int = _limit("IDEALCAT_MAX_DRAWING_STEPS", 5000)
    drawing_size: int = _limit("IDEALCAT_MAX_DRAWING_SIZE", 512)
    attack_steps: int = _limit("IDEALCAT_MAX_ATTACK_STEPS", 1000)
    session_mb: int = _limit("IDEALCAT_MAX_SESSION_MB", 400)
    total_mb: int = _limit("IDEALCAT_MAX_TOTAL_MB", 1200)
    session_jobs: int = _limit("IDEALCAT_MAX_SESSION_JOBS", 8)
    memory_mb: int = _limit("IDEALCAT_MAX_MEMORY_MB", 6000)


LIMITS = Limits()
"""Those of this process."""


def check_room(of_session: int, of_all: int, limits: Limits = LIMITS) -> None:
    """Refuse a file for which there is no room.

    Args:
        of_session: bytes of all files of its visitor, this one included.
        of_all: the same of all visitors together.
        limits: how much room there is.

    Raises:
        Problem: one of them is too much.
    """
    if of_session > limits.session_mb * 10**6:
        raise Problem(
            N_(
                "With this file, yours would have more than {limit} MB. It was not kept, the others were; remove some of them first."
            ),
            limit=limits.session_mb,
        )
    if of_all > limits.total_mb * 10**6:
        raise Problem(
            N_(
                "The files of all visitors fill the {limit} MB of this server. This one was not kept; try again when others have left."
            ),
            limit=limits.total_mb,
        )
