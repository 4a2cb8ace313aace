"""From untrusted bytes to RGB and back: decoding, sample photos, 8-bit truth, PNG with a recipe.

Pictures are floats in [0, 1] from decode to encode. What is shown, saved and claimed is the
8-bit picture.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFile, ImageOps, PngImagePlugin

from core.images import colours, container, signatures
from core.limits import LIMITS
from core.problem import N_, Problem
from core.steps import Pixels

if TYPE_CHECKING:
    import torch

EXTENSIONS = (
    *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "avif"),
    *("heic", "heif"),
)
"""What the choosers of files offer; the last two cannot be read, but `decode` says what to do."""
MAX_BYTES = LIMITS.file_mb * 10**6
MAX_PIXELS = LIMITS.megapixels * 10**6
"""A 48-megapixel phone photo passes: JPEG is decoded at a fraction of its size."""
MAX_PIXELS_UNSCALED = MAX_PIXELS // 2
"""The limit for formats that can only be decoded whole."""
LONGEST_SIDE = 1024
"""No network here looks at more; keeping less bounds the memory of thirty students."""


@dataclass(frozen=True)
class SamplePhoto:
    """A photo that comes with a package the app needs anyway.

    Attributes:
        id: its name in links and on the command line.
        title: what it shows, translatable.
        package: the package that carries it.
        file: its path inside that package.
        credit: where it comes from and under which terms.
    """

    id: str
    title: str
    package: str
    file: str
    credit: str


_IMAGENET = "ImageNet, as redistributed by foolbox (MIT) for tests"
_NASA = "NASA, public domain"

SAMPLES = (
    SamplePhoto("cat", N_("Cat"), "skimage", "data/chelsea.png", "Stéfan van der Walt, CC0"),
    SamplePhoto("dalmatian", N_("Dalmatian"), "foolbox", "data/imagenet_16_251.jpg", _IMAGENET),
    SamplePhoto(
        "bull_mastiff", N_("Bull mastiff"), "foolbox", "data/imagenet_00_243.jpg", _IMAGENET
    ),
    SamplePhoto("geese", N_("Geese"), "foolbox", "data/imagenet_15_99.jpg", _IMAGENET),
    SamplePhoto("eagle", N_("Bald eagle"), "foolbox", "data/imagenet_17_22.jpg", _IMAGENET),
    SamplePhoto("leafhopper", N_("Leafhopper"), "foolbox", "data/imagenet_18_317.jpg", _IMAGENET),
    SamplePhoto(
        "strawberries", N_("Strawberries"), "foolbox", "data/imagenet_04_949.jpg", _IMAGENET
    ),
    SamplePhoto("car", N_("Car"), "foolbox", "data/imagenet_07_609.jpg", _IMAGENET),
    SamplePhoto("drum", N_("Drum"), "foolbox", "data/imagenet_10_541.jpg", _IMAGENET),
    SamplePhoto("coffee", N_("Coffee"), "skimage", "data/coffee.png", "Rachel Michetti, CC0"),
    SamplePhoto("astronaut", N_("Astronaut"), "skimage", "data/astronaut.png", _NASA),
    SamplePhoto("rocket", N_("Rocket"), "skimage", "data/rocket.jpg", "SpaceX, CC0"),
)


def decode(data: bytes, name: str) -> Image.Image:
    """Decode a picture that may come from anyone.

    The first frame of an animation is taken, the EXIF orientation applied, colours brought to
    sRGB by the file's ICC profile, values of more than 8 bits scaled by their range, transparency
    laid on white, and the longest side brought down to `LONGEST_SIDE`. Of a file that is damaged
    or cut off, what arrived is read, as browsers do, if that is at least half of the picture.

    Args:
        data: the bytes of the file.
        name: what to call it in an error; never used as a path.

    Returns:
        An RGB picture whose longest side is at most `LONGEST_SIDE` pixels, without metadata.

    Raises:
        Problem: the bytes are no picture of a format that is read here, hold less than half of
            one, or are too large.
    """
    if not data:
        raise Problem(N_("{file} is empty. Choose another photo."), file=name)
    kind = signatures.kind(data)
    if kind and kind.refusal:
        raise Problem(kind.refusal, file=name)
    if len(data) > MAX_BYTES:
        raise too_many_bytes(name, len(data))
    if kind is None:
        raise Problem(
            N_(
                "{file} is not a picture that can be read here. Use JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF."
            ),
            file=name,
        )
    try:
        parts = container.parts(data)
        # Pillow's warnings about odd files would end up in the server's log.
        with warnings.catch_warnings(action="ignore"):
            try:
                return _whole(parts, kind.format, name)
            except (Problem, Image.DecompressionBombError):
                raise
            except Exception:  # whatever stopped the decoder
                return _what_arrived(parts, kind.format, name)
    except Problem:
        raise
    except container.RawError:
        raise Problem(signatures.RAW.refusal, file=name) from None
    except Image.DecompressionBombError:
        raise _too_many_pixels(name, kind.format) from None
    except Exception as error:  # Pillow's decoders raise nearly anything on hostile bytes
        raise Problem(
            N_("{file} is damaged or cut off and could not be read. Choose another photo."),
            file=name,
        ) from error


def _most_pixels(format: str) -> int:
    if format == "JPEG":
        return MAX_PIXELS
    # OpenJPEG takes 20 bytes for a pixel, and a second for three million of them.
    return MAX_PIXELS // 5 if format == "JPEG2000" else MAX_PIXELS_UNSCALED


def too_many_bytes(name: str, size: int) -> Problem:
    """Return the problem of a photo beyond `MAX_BYTES`."""
    return Problem(
        N_("{file} has {megabytes} MB; at most {limit} MB fit. Choose a smaller photo."),
        file=name,
        megabytes=math.ceil(size / 1e6),
        limit=MAX_BYTES // 10**6,
    )


def _too_many_pixels(name: str, format: str) -> Problem:
    return Problem(
        N_("{file} has too many pixels: at most {limit} million fit. Make it smaller first."),
        file=name,
        limit=_most_pixels(format) // 10**6,
    )


def _whole(parts: container.Parts, format: str, name: str) -> Image.Image:
    with _open(parts.pixels, format, name) as opened:
        opened.load()
        return _to_rgb(opened, parts)


def _what_arrived(parts: container.Parts, format: str, name: str) -> Image.Image:
    """Read a picture that is damaged or cut off, as browsers do; what is missing stays flat.

    Pillow's switch for this holds for the whole process, and does not tell that it was needed.

    Raises:
        Problem: less than half of its rows arrived.
    """
    with _open(container.completed(parts.pixels), format, name) as opened:
        try:
            opened.load()
        except Exception:
            opened.tile = []  # nothing more to decode: what has been so far is the picture
            opened.load()
        # libjpeg leaves grey where nothing arrived, the other decoders what they began with.
        least, most = (127, 128) if format == "JPEG" else (0, 0)
        rows = np.asarray(opened).reshape(opened.height, -1)
        arrived = np.count_nonzero(((rows < least) | (rows > most)).any(axis=1))
        if 2 * arrived < opened.height:
            raise Problem(
                N_(
                    "{file} is damaged or cut off: only {percent} % of the picture arrived. Copy or download it again."
                ),
                file=name,
                percent=100 * arrived // opened.height,
            )
        return _to_rgb(opened, parts)


def _open(pixels: bytes, format: str, name: str) -> ImageFile.ImageFile:
    opened = Image.open(container.LimitedReads(pixels), formats=(format,))
    if opened.width * opened.height > _most_pixels(format):
        raise _too_many_pixels(name, format)
    opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
    return opened


def _to_rgb(opened: ImageFile.ImageFile, parts: container.Parts) -> Image.Image:
    # Shrink first, so that all that follows touches a megapixel rather than fifty.
    picture = _shrunk(opened)
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        picture = Image.alpha_composite(white, rgba).convert("RGB")
    picture = colours.to_srgb(picture, parts.profile or opened.info.get("icc_profile") or b"")
    turn = _TURNS.get(max(parts.orientation, container.orientation(opened.info.get("exif") or b"")))
    if turn is not None:
        picture = picture.transpose(turn)
    # A fresh picture carries no metadata: it may tell where a photo was taken.
    return Image.fromarray(np.asarray(picture.convert("RGB")))


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By EXIF orientation."""


def _shrunk(opened: Image.Image) -> Image.Image:
    """Bring the longest side down to `LONGEST_SIDE`, and what has more than 8 bits to 8."""
    picture = opened
    if picture.mode in ("P", "PA", "1", "LAB") or colours.is_deep(picture):
        picture = _mixable(picture)
    if max(picture.size) > LONGEST_SIDE:
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return picture


def _mixable(picture: Image.Image) -> Image.Image:
    """Turn a picture whose pixels Pillow cannot mix into one of which it can."""
    low, high = colours.value_range(picture) if colours.is_deep(picture) else (0, 0)
    factor = max(picture.size) // (2 * LONGEST_SIDE)
    if factor > 1:
        # Leaving pixels out first still leaves more than twice the size wanted.
        size = (max(1, picture.width // factor), max(1, picture.height // factor))
        picture = picture.resize(size, Image.Resampling.NEAREST)
    if colours.is_deep(picture):
        return colours.eight_bits(picture, low, high)
    if picture.mode == "LAB":
        return colours.to_srgb(picture, b"")
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def sample(sample_id: str) -> SamplePhoto:
    """Look up a sample photo by its id.

    Raises:
        Problem: there is none of that name.
    """
    for photo in SAMPLES:
        if photo.id == sample_id:
            return photo
    raise Problem(
        N_("There is no sample photo called {name}. There are: {names}."),
        name=sample_id,
        names=", ".join(photo.id for photo in SAMPLES),
    )


@lru_cache(maxsize=len(SAMPLES))
def read_sample(sample_id: str) -> Image.Image:
    """Read a sample photo from the package that carries it, as RGB.

    The package is only located, not imported: foolbox and scikit-image would take seconds.

    Raises:
        Problem: there is no such sample, or its package is not installed.
    """
    photo = sample(sample_id)
    spec = importlib.util.find_spec(photo.package)
    if spec is None or not spec.submodule_search_locations:
        raise Problem(
            N_("The sample photo {name} comes with the package {package}, which is not installed."),
            name=photo.id,
            package=photo.package,
        )
    path = Path(next(iter(spec.submodule_search_locations))) / photo.file
    return decode(path.read_bytes(), photo.id)


def centre_square(photo: Image.Image, size: int) -> Image.Image:
    """Cut the middle square out of a photo and bring it to `size` pixels.

    A picture of exactly that size is returned as it is, so that a result saved at the network's
    own size is seen again, pixel for pixel, when it is loaded back.

    Args:
        photo: any RGB picture.
        size: the side of the square in pixels.
    """
    if photo.size == (size, size):
        return photo
    # Photos an odd few pixels wide survive too: `fit` never rounds a side to zero.
    return ImageOps.fit(photo, (size, size), Image.Resampling.BICUBIC)


def to_tensor(photo: Image.Image) -> torch.Tensor:
    """Turn an RGB picture into a float tensor (1, 3, H, W) in [0, 1]."""
    import torch

    values = np.array(photo.convert("RGB"), np.float32) / np.float32(255)  # see `to_pixels`
    return torch.from_numpy(values).permute(2, 0, 1)[None]


def prepare(photo: Image.Image, size: int) -> torch.Tensor:
    """Return a photo as a network of input size `size` sees it.

    Returns:
        A float tensor (1, 3, size, size) in [0, 1]; see `centre_square`.
    """
    return to_tensor(centre_square(photo, size))


def to_pixels(picture: torch.Tensor) -> Pixels:
    """Round a float picture to 8 bits.

    Args:
        picture: (1, 3, H, W) or (3, H, W) in [0, 1]; values outside are clamped.

    Returns:
        (H, W, 3) unsigned bytes.
    """
    if picture.ndim == 4:
        picture = picture[0]
    # In NumPy, because pages call this too: PyTorch would give each of their threads helpers of
    # its own, and with more threads than cores OpenMP lets those that compute sleep between layers.
    levels = picture.detach().cpu().numpy().transpose(1, 2, 0) * np.float32(255)
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def from_pixels(pixels: Pixels) -> torch.Tensor:
    """Turn an 8-bit picture (H, W, 3) into a float tensor (1, 3, H, W) in [0, 1]."""
    return to_tensor(Image.fromarray(pixels))


def quantised(pictures: torch.Tensor, levels: int = 256) -> torch.Tensor:
    """Return pictures rounded to so many levels; to 256, as they are once saved and read again.

    A file holds one of 256 levels for each value. A change of less than half of 1/255 vanishes in
    it, so an attack or a measurement counts only if it holds for these pictures. The same as
    `from_pixels(to_pixels(...))`, for several pictures at once and where they are.

    Args:
        pictures: (..., H, W) in [0, 1]; values outside are clamped.
        levels: how many values there are, evenly spread from 0 to 1.
    """
    most = levels - 1
    return pictures.mul(most).round().clamp(0, most).div(most)


RECIPE_KEY = "idealcat"
MAX_RECIPE_CHARACTERS = 200_000


def encode_png(pixels: Pixels, recipe: Mapping[str, Any] | None = None) -> bytes:
    """Encode an 8-bit picture (H, W, 3) as PNG.

    Args:
        pixels: the picture.
        recipe: how it was made (JSON-able); written into the PNG's text under `RECIPE_KEY`.
    """
    info = PngImagePlugin.PngInfo()
    if recipe is not None:
        info.add_itxt(RECIPE_KEY, json.dumps(recipe, ensure_ascii=False))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def read_recipe(data: bytes, name: str) -> object:
    """Read the recipe that `encode_png` has written into a PNG; the file may come from anyone.

    Args:
        data: the bytes of the file.
        name: what to call it in an error.

    Returns:
        The parsed JSON, of any shape: whoever uses it has to check it.

    Raises:
        Problem: it is no PNG, or carries no recipe that can be read.
    """
    decode(data, name)  # refuses what is no whole picture, or too large
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            opened.load()  # text may also stand behind the pixels
            text = getattr(opened, "text", {}).get(RECIPE_KEY)
        if text is None or len(text) > MAX_RECIPE_CHARACTERS:
            raise ValueError("no recipe, or an absurdly long one")
        return json.loads(text)
    except Exception as error:  # damaged chunks, other formats, endless nesting
        raise Problem(
            N_(
                "{file} carries no recipe that can be read. Nothing was changed; use a PNG that was downloaded here."
            ),
            file=name,
        ) from error


def encode_jpeg(pixels: Pixels, quality: int = 85) -> bytes:
    """Encode an 8-bit picture (H, W, 3) as JPEG of the given quality (1 to 95)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def stretched(pixels: Pixels) -> Pixels:
    """Stretch a picture's contrast for the eye: its 1st to 99th percentile fill the range.

    Args:
        pixels: 8-bit (H, W, 3).

    Returns:
        The same shape.
    """
    low, high = np.percentile(pixels, (1, 99))
    shares = (pixels - low) / max(1.0, high - low)
    return (shares * 255).clip(0, 255).astype(np.uint8)


def data_uri(data: bytes, kind: str = "jpeg") -> str:
    """Return the address that carries an encoded picture: no file on the server, no request.

    Args:
        data: the picture.
        kind: how it is encoded, as in its media type: "jpeg", "png", "webp" or "svg+xml".
    """
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def encode_film(frames: Sequence[Pixels], seconds: float) -> bytes:
    """Encode 8-bit pictures (H, W, 3) as a WebP that shows them once, and stays at the last.

    Args:
        frames: at least one, all of one size.
        seconds: how long it takes from the first to the end.
    """
    first, *others = (Image.fromarray(pixels) for pixels in frames)
    buffer = io.BytesIO()
    first.save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=round(1000 * seconds / len(frames)),
        loop=1,
        quality=80,
        method=1,  # the quickest; the better ones take longer than they save
    )
    return buffer.getvalue()
