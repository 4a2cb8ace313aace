"""Files that people bring: zips, and photos as they seldom are."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable, Mapping

from PIL import Image


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of these files, by their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def encoded(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    """Return a picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


ODD_PICTURES: dict[str, Callable[[], bytes]] = {
    "1×1": lambda: encoded(Image.new("RGB", (1, 1), "red")),
    "12 megapixels": lambda: encoded(Image.new("RGB", (4000, 3000), "red"), "JPEG"),
    "grey": lambda: encoded(Image.new("L", (30, 20), 100)),
    "transparent": lambda: encoded(Image.new("RGBA", (20, 20), (255, 0, 0, 60))),
    "animated": lambda: encoded(
        Image.new("RGB", (20, 20), "red"),
        "GIF",
        save_all=True,
        append_images=[Image.new("RGB", (20, 20), "blue")],
    ),
}


def noise(seed: int, size: int = 100_000) -> bytes:
    """Return bytes that no packing makes smaller, and no decoder understands."""
    return random.Random(seed).randbytes(size)


ANTS_AND_BEES = {
    f"hymenoptera_data/{part}/{name}/{i}.jpg": noise(number)
    for number, (part, name, i) in enumerate(
        (part, name, i) for part in ("train", "val") for name in ("ants", "bees") for i in range(8)
    )
}
"""A data set of the layout of the true one, of nothing but noise."""
