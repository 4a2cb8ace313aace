"""What a picture's numbers mean: 8 bits a value, in sRGB, out of whatever a file holds.

Networks have learned from 8-bit sRGB. A scan of 16 bits, a microscope's 12, a float of a program or
a phone's Display P3 show the same thing only once their numbers are brought to that.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, TiffImagePlugin

_BITS_PER_SAMPLE = 258
_USUAL_BITS = (8, 10, 12, 14, 16)
_SPACES = {"RGB": "RGB ", "CMYK": "CMYK", "L": "GRAY"}
"""What ICC calls the colour space of Pillow's modes."""
_NOT_SEEN = 2
"""So many levels of difference leave a picture as it is: sRGB has been written down in many ways."""


def is_deep(picture: Image.Image) -> bool:
    """Return whether a picture has more than 8 bits a value."""
    return picture.mode in ("I", "F") or picture.mode.startswith("I;")


def value_range(picture: Image.Image) -> tuple[float, float]:
    """Return which values are black and white in a picture of more than 8 bits.

    16 bits reach from 0 to 65,535, and 12 from 0 to 4,095. A TIFF that declares 16 may hold the 12
    of a microscope, so there the fewest usual bits count that hold its brightest value. Floats within [0, 1] mean what they say.
    Everything else reaches from its least value to its greatest.
    """
    values = np.asarray(picture)
    if picture.mode == "F":
        values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if picture.mode == "F":
        return (0, 1) if low >= 0 and high <= 1 else (low, high)
    if low < 0 or high > 65_535:
        return low, high
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return 0, 65_535
    (declared, *_) = picture.tag_v2.get(_BITS_PER_SAMPLE, (16,))
    usual = (declared,) if declared < 16 else _USUAL_BITS
    return 0, next(2**bits - 1 for bits in usual if high < 2**bits)


def eight_bits(picture: Image.Image, low: float, high: float) -> Image.Image:
    """Bring a picture of more than 8 bits to grey of 8; see `value_range`."""
    values = np.asarray(picture, np.float32)
    scaled: NDArray[np.float32] = (values - np.float32(low)) / np.float32(max(high - low, 1e-30))
    levels = np.rint(np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1) * 255)
    return Image.fromarray(levels.astype(np.uint8))


def to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Convert a picture to sRGB by the ICC profile that came with it.

    Args:
        picture: without transparency.
        profile: the profile; one that is empty, broken or made for other modes changes nothing.

    Returns:
        The picture as it is, or in mode RGB.
    """
    if picture.mode == "LAB":
        return _converted(picture, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    space = _SPACES.get(picture.mode)
    # "mpet" is a chain of any number of steps, which no camera writes and which may take minutes.
    if space is None or not profile or b"mpet" in profile:
        return picture
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if given.profile.xcolor_space != space:
            return picture
        if space == "RGB " and _is_srgb(given):
            return picture
        return _converted(picture, given)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture


def _converted(picture: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.buildTransform(profile, srgb, picture.mode, "RGB").apply(picture)


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Return whether a profile is sRGB by any name, judging by a few colours."""
    steps = np.linspace(0, 255, 5).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(5, 25, 3)
    seen = np.asarray(_converted(Image.fromarray(colours), profile), np.int16)
    return int(abs(seen - colours).max()) <= _NOT_SEEN
