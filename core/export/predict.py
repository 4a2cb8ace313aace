"""Say what the network in this folder sees in photos: python predict.py PHOTO...

It takes the network.onnx and labels.txt next to it, and: pip install onnxruntime pillow numpy
"""

import io
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin

TURNS = {  # by EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
OF_PIXELS = {  # the tags of a TIFF without which it cannot be decoded
    *(*range(254, 267), 273, *range(277, 282), 284, 292, 293, *range(317, 326)),
    *(332, 338, 339, 347, *range(512, 533), 34675),
}


def main() -> int:
    """Print each photo's classes, the most probable first; return 2 if one cannot be read."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
    folder = Path(__file__).parent
    labels = (folder / "labels.txt").read_text("utf-8").splitlines()
    network = onnxruntime.InferenceSession(str(folder / "network.onnx"))
    size = network.get_inputs()[0].shape[-1]
    status = 0
    for argument in map(Path, sys.argv[1:]):
        # Where no shell did it, *.jpg is looked up here.
        found = [] if argument.exists() else sorted(argument.parent.glob(argument.name))
        for path in found or [argument]:
            try:
                photo = read(path.read_bytes())
            except Exception as error:
                print(f"{path} cannot be read: {error}", file=sys.stderr)
                status = 2
                continue
            if photo.size != (size, size):  # the middle square, as in training
                photo = ImageOps.fit(photo, (size, size), Image.Resampling.BICUBIC)
            picture = np.asarray(photo, dtype=np.float32).transpose(2, 0, 1)[None] / 255
            logits = network.run(None, {"pictures": picture})[0][0]
            probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
            print(path)
            for i in (-probabilities).argsort():
                print(f"{probabilities[i]:10.4%}  {labels[i]}")
    return status


def read(data: bytes) -> Image.Image:
    """Decode a photo: upright, 8 bits of sRGB, on white, at most 1024 pixels wide and high."""
    content, turn, profile = bytearray(data), 1, b""
    if data.startswith(b"\xff\xd8"):
        before, mark, exif = data.partition(b"Exif\0\0")
        turn = strike_out(bytearray(exif))
        content = bytearray(before + b"unread" * bool(mark) + exif + b"\xff\xd9")
    elif data.startswith(b"\x89PNG"):
        content, profile = only_pixels(data)
    elif data.startswith((b"II*\0", b"MM\0*")):  # a TIFF is put together like an EXIF
        turn = strike_out(content)
    if not data.startswith(b"\xff\xd8"):
        content += bytes(len(data))  # many decoders do not begin without the last bytes
    opened = Image.open(io.BytesIO(content))
    opened.draft("RGB", (1024, 1024))  # a large JPEG need not be decoded whole
    try:
        opened.load()
    except Exception:
        opened.tile = []  # of a photo that was cut off, see what arrived
    if turn == 1:
        turn = strike_out(bytearray(opened.info.get("exif", b"").removeprefix(b"Exif\0\0")))
    photo = eight_bits(opened)
    photo.thumbnail((1024, 1024), Image.Resampling.LANCZOS)
    if photo.has_transparency_data:
        photo = photo.convert("RGBA")
        photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo).convert("RGB")
    with suppress(Exception):  # no ICC profile, or a broken one
        profile = profile or opened.info["icc_profile"]
        photo = to_srgb(photo, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    return (photo.transpose(TURNS[turn]) if turn in TURNS else photo).convert("RGB")


def only_pixels(png: bytes) -> tuple[bytearray, bytes]:
    """Leave out what a PNG says beside its pixels, and make its checksums right.

    Returns:
        The PNG, and its ICC profile.
    """
    kept, profile, at = bytearray(png[:8]), b"", 8
    while at + 8 <= len(png):
        length, kind = int.from_bytes(png[at : at + 4], "big"), png[at + 4 : at + 8]
        content = png[at + 8 : at + 8 + length]
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND"):
            kept += len(content).to_bytes(4, "big") + kind + content
            kept += zlib.crc32(kind + content).to_bytes(4, "big")
        if kind == b"iCCP":
            with suppress(zlib.error):
                profile = zlib.decompress(content.partition(b"\0")[2][1:])
        at += 12 + length
    return kept, profile


def strike_out(exif: bytearray) -> int:
    """Strike out what an EXIF or TIFF says of anything but pixels; return how it is to be turned.

    Cameras and programs write nearly anything there, and Pillow gives up on what is odd.
    """

    def number(at: int, size: int) -> int:
        return int.from_bytes(exif[at : at + size], "big" if exif[:2] == b"MM" else "little")

    turn, start = 1, number(4, 4)
    for at in range(start + 2, min(start + 2 + 12 * number(start, 2), len(exif) - 11), 12):
        tag, kind = number(at, 2), number(at + 2, 2)
        if tag == 274:
            turn = number(at + 8, {1: 1, 3: 2, 4: 4}.get(kind, 0))
        if tag not in OF_PIXELS:
            exif[at + 2 : at + 4] = b"\0\0"  # a type that there is not
    return turn


def to_srgb(photo: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Convert colours, as of a phone's Display P3, to those that networks have learned from."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.buildTransform(profile, srgb, photo.mode, "RGB").apply(photo)


def eight_bits(opened: Image.Image) -> Image.Image:
    """Scale grey of more than 8 bits by its range, and make palettes and LAB plain colours."""
    if opened.mode == "LAB":
        return to_srgb(opened, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if opened.mode in ("1", "P", "PA"):
        return opened.convert("RGBA" if opened.has_transparency_data else "RGB")
    if opened.mode not in ("I", "F") and not opened.mode.startswith("I;"):
        return opened.copy()
    values = np.asarray(opened, np.float32)
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if known.size else (0, 1)
    if opened.mode == "F" and low >= 0 and high <= 1:
        low, high = 0, 1
    elif opened.mode != "F" and low >= 0 and high < 65_536:
        bits = [16]
        if isinstance(opened, TiffImagePlugin.TiffImageFile):
            declared = opened.tag_v2.get(258, (16,))[0]
            # A microscope's 12 bits are often kept in 16.
            bits = [declared] if declared < 16 else [8, 10, 12, 14, 16]
        low, high = 0, next(2**n - 1 for n in bits if high < 2**n)
    share = np.nan_to_num((values - low) / max(high - low, 1e-30), nan=0, posinf=1, neginf=0)
    return Image.fromarray(np.rint(share.clip(0, 1) * 255).astype(np.uint8))


if __name__ == "__main__":
    sys.exit(main())
