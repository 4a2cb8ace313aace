"""What strangers may send: a corpus of hostile, damaged and merely odd inputs, made on the spot.

Each goes through the door that the pages use. It has to be refused with a `Problem`, or, where it
is only odd, to be read. `benchmarks/hostile_corpus.py` prints what each costs.
"""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import safetensors.torch
import torch
from PIL import Image

from core.data import datasets
from core.export import bundle
from core.images import photos
from core.problem import Problem
from core.synthesis import recipe
from core.synthesis.loop import Settings
from core.zoo import catalogue, loading
from pages.parts.fine_tuning import webcam

Door = Literal["photo", "photos", "network", "recipe", "camera"]
NAME = "../../<img src=x onerror=alert(1)>.jpg"
"""What all of them are called."""


@dataclass(frozen=True)
class Case:
    """An input.

    Attributes:
        name: what is wrong with it.
        door: where it comes in.
        make: gives its bytes; what stands in a message from the browser, for the camera.
        is_odd: whether it is to be read all the same.
    """

    name: str
    door: Door
    make: Callable[[], bytes]
    is_odd: bool = False


def enter(case: Case, content: bytes) -> object:
    """Send an input through its door.

    Raises:
        Problem: it is refused.
    """
    return _DOORS[case.door](content)


def _photo(content: bytes) -> object:
    return photos.prepare(photos.decode(content, NAME), 224)


def _photos(content: bytes) -> object:
    """Read a zip of photos and look at them, as `survey` does; unreadable ones are left out."""
    read = []
    for photo in datasets.from_zip(content).photos:
        try:
            read.append(photos.prepare(photos.decode(photo.data, photo.name), 224).shape)
        except Problem:
            continue
    return read


def _network(content: bytes) -> object:
    return bundle.read(content, NAME)


def _recipe(content: bytes) -> object:
    found = recipe.read(photos.read_recipe(content, NAME))
    found.check(loading.shared(catalogue.entry(found.model).name))
    return found, photos.sample(found.settings.photo) if found.settings.photo else None


def _camera(content: bytes) -> object:
    return webcam.read_photo(content.decode("latin-1"))


_DOORS: Mapping[Door, Callable[[bytes], object]] = {
    "photo": _photo,
    "photos": _photos,
    "network": _network,
    "recipe": _recipe,
    "camera": _camera,
}


# Pictures

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><html><script>alert(1)</script></html>"
_LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9)
)


def encoded(picture: Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def scene() -> Image.Image:
    """A real photo."""
    return photos.read_sample("dalmatian")


def _cut(format: str, share: float) -> bytes:
    whole = encoded(scene(), format)
    return whole[: int(share * len(whole))]


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(
    width: int,
    height: int,
    *,
    depth: int = 8,
    colour: int = 2,
    rows: bytes = b"",
    more: bytes = b"",
) -> bytes:
    """A PNG that says of itself what it likes."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    content = _chunk(b"IDAT", zlib.compress(rows, 1))
    return b"\x89PNG\r\n\x1a\n" + header + more + content + _chunk(b"IEND", b"")


def _deep_png() -> bytes:
    ramp = (np.arange(64, dtype=">u2") * 1024).repeat(3)
    return png(64, 8, depth=16, rows=(b"\0" + ramp.tobytes()) * 8)


def _wide_deep_png() -> bytes:
    return png(5000, 5000, depth=16, colour=0, rows=bytes(1 + 10_000) * 5000)


def _wide_palette() -> bytes:
    picture = Image.new("P", (5000, 5000), 1)
    picture.putpalette([0, 0, 0, 200, 30, 30])
    return encoded(picture, "PNG", transparency=0, compress_level=1)


def _small_palette() -> bytes:
    picture = Image.new("P", (64, 64), 1)
    picture.putpalette([0, 0, 0, 200, 30, 30])
    return encoded(picture, "PNG", transparency=bytes([0, 128]))


def _wide(mode: str, format: str, size: tuple[int, int] = (5000, 5000), **options: Any) -> bytes:
    return encoded(Image.new(mode, size), format, **options)


def _many_scans() -> bytes:
    """A progressive JPEG that goes over its 49 megapixels twenty thousand times."""
    whole = _wide("L", "JPEG", (7000, 7000), progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * 20_000 + whole[-2:]


def _many_comments() -> bytes:
    whole = encoded(scene())
    return whole[:2] + b"\xff\xfe\0\2" * 7_000_000 + whole[2:]


def _many_chunks() -> bytes:
    return png(8, 8, rows=bytes(25 * 8), more=_chunk(b"teXt", b"") * 2_000_000)


def _many_blocks() -> bytes:
    """A GIF with a comment of ten million pieces before its picture."""
    whole = encoded(scene().resize((16, 16)), "GIF")
    (packed,) = whole[10:11]
    start = 13 + (3 * 2 ** ((packed & 7) + 1) if packed & 0x80 else 0)
    return whole[:start] + b"!\xfe" + b"\1x" * 10_000_000 + b"\0" + whole[start:]


def _many_strips() -> bytes:
    """A TIFF one pixel wide, in seven million strips."""
    count = 7_000_000
    tags = [
        (256, 4, 1, 1),
        (257, 4, 1, count),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, count, 200),
        (278, 4, 1, 1),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    start = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    return start.ljust(200, b"\0") + b"\x08\0\0\0" * count


def _long_exif() -> bytes:
    """A PNG whose orientation has seven million values."""
    entry = struct.pack("<HHII", 0x0112, 4, 7_000_000, 26)
    exif = b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    exif += np.arange(7_000_000, dtype="<u4").tobytes()
    return png(8, 8, rows=bytes(25 * 8), more=_chunk(b"eXIf", exif))


def _text_bomb() -> bytes:
    text = b"idealcat\0\0" + zlib.compress(bytes(100_000_000), 6)
    return png(8, 8, rows=bytes(25 * 8), more=_chunk(b"zTXt", text))


def _profile_bomb() -> bytes:
    profile = b"icc\0\0" + zlib.compress(bytes(100_000_000), 6)
    return png(8, 8, rows=bytes(25 * 8), more=_chunk(b"iCCP", profile))


def _turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(scene(), exif=exif)


def _jpeg_of(width: int, height: int) -> bytes:
    """A small JPEG that says it is of another size."""
    whole = bytearray(encoded(scene()))
    at = whole.index(b"\xff\xc0")
    whole[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(whole)


def _gif_of(width: int, height: int) -> bytes:
    whole = bytearray(encoded(scene(), "GIF"))
    whole[6:10] = struct.pack("<HH", width, height)
    return bytes(whole)


def _bmp_of(width: int, height: int) -> bytes:
    whole = bytearray(encoded(scene(), "BMP"))
    whole[18:26] = struct.pack("<ii", width, height)
    return bytes(whole)


def _webp_of(width: int, height: int) -> bytes:
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas
    inner = b"WEBP" + extended + encoded(scene(), "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def _tiff_in_a_ring() -> bytes:
    """A TIFF whose directory is followed by itself."""
    whole = bytearray(encoded(scene().resize((32, 32)), "TIFF"))
    (at,) = struct.unpack_from("<I", whole, 4)
    (entries,) = struct.unpack_from("<H", whole, at)
    struct.pack_into("<I", whole, at + 2 + 12 * entries, at)
    return bytes(whole)


def _animation(format: str) -> bytes:
    frames = [Image.new("RGB", (64, 64), (i % 256, 0, 0)) for i in range(600)]
    return encoded(frames[0], format, save_all=True, append_images=frames[1:])


def _with_a_zip() -> bytes:
    return encoded(scene()) + zipped({"evil.exe": b"MZ"})


def _photo_cases() -> list[Case]:
    refused: dict[str, Callable[[], bytes]] = {
        "0 bytes": lambda: b"",
        "one byte": lambda: b"\xff",
        "JPEG cut after a tenth": partial(_cut, "JPEG", 0.1),
        "PNG cut after a third": partial(_cut, "PNG", 0.3),
        "WebP cut after a third": partial(_cut, "WEBP", 0.3),
        "GIF cut after a third": partial(_cut, "GIF", 0.3),
        "AVIF cut after a third": partial(_cut, "AVIF", 0.3),
        "SVG posing as JPEG": lambda: SVG,
        "HTML posing as JPEG": lambda: HTML,
        "HTML behind a JPEG's first bytes": lambda: b"\xff\xd8\xff\xe0" + HTML,
        "a billion laughs": lambda: _LAUGHS + b"]><l>&j;</l>",
        "PDF posing as JPEG": lambda: b"%PDF-1.7\n" + bytes(200),
        "zip posing as JPEG": lambda: zipped({"a": b"b"}),
        "program posing as JPEG": lambda: b"MZ" + bytes(500),
        "PostScript, which Pillow would run": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run",
        "a rare format": lambda: encoded(scene(), "SGI"),
        "numbers written out, which Pillow reads for a minute": lambda: (
            b"P3\n5000 2000\n255\n" + b"1 " * 14_000_000
        ),
        "JPEG 2000 of 24 megapixels": partial(_wide, "RGB", "JPEG2000", (4900, 4900)),
        "31 MB": lambda: b"\xff\xd8" + bytes(31_000_000),
        "PNG bomb of 36 megapixels": lambda: png(6000, 6000, rows=bytes(6000 * 18_001)),
        "PNG of 2³¹ pixels a side": lambda: png(2**31 - 1, 2**31 - 1),
        "PNG of no size": lambda: png(0, 0),
        "PNG with too few rows": lambda: png(900, 900, rows=bytes(900)),
        "JPEG of 65,500 pixels a side": partial(_jpeg_of, 65_500, 65_500),
        "GIF of 65,535 pixels a side": partial(_gif_of, 65_535, 65_535),
        "BMP of 2³¹ pixels a side": partial(_bmp_of, 2**31 - 1, 2**31 - 1),
        "WebP of 2²⁴ pixels a side": partial(_webp_of, 2**24, 2**24),
        "JPEG of 20,000 scans": _many_scans,
        "JPEG with 7,000,000 comments": _many_comments,
        "PNG of 2,000,000 chunks": _many_chunks,
        "GIF with a comment in 10,000,000 pieces": _many_blocks,
        "TIFF of 7,000,000 strips": _many_strips,
    }
    odd: dict[str, Callable[[], bytes]] = {
        "PNG called JPEG": lambda: encoded(scene(), "PNG"),
        "16-bit grey": lambda: encoded(
            Image.fromarray(np.full((64, 64), 40_000, np.uint16)), "PNG"
        ),
        "16-bit colour": _deep_png,
        "16-bit grey, 25 megapixels": _wide_deep_png,
        "32-bit grey": lambda: encoded(
            Image.fromarray(np.full((64, 64), 70_000, np.int32)), "TIFF"
        ),
        "32-bit grey of 29 MB": partial(_wide, "I", "TIFF", (5000, 1450)),
        "floats": lambda: encoded(Image.fromarray(np.full((64, 64), 0.5, np.float32)), "TIFF"),
        "CMYK": lambda: encoded(scene().convert("CMYK")),
        "CMYK, 50 megapixels, in scans": partial(
            _wide, "CMYK", "JPEG", (7050, 7050), progressive=True
        ),
        "48 megapixels in scans": partial(_wide, "RGB", "JPEG", (8000, 6000), progressive=True),
        "palette with transparency": _small_palette,
        "palette with transparency, 25 megapixels": _wide_palette,
        "transparent, 25 megapixels": partial(_wide, "RGBA", "PNG", compress_level=1),
        "GIF of 25 megapixels": partial(_wide, "P", "GIF"),
        "WebP of 25 megapixels": partial(_wide, "RGBA", "WEBP", lossless=True, method=0),
        "one bit, 25 megapixels": partial(_wide, "1", "PNG"),
        "65,000×1": lambda: encoded(Image.new("RGB", (65_000, 1), "red"), "PNG"),
        "1×65,000": lambda: encoded(Image.new("RGB", (1, 65_000), "red"), "PNG"),
        "1×1": lambda: encoded(Image.new("RGB", (1, 1), "red"), "PNG"),
        "GIF of 600 frames": partial(_animation, "GIF"),
        "WebP of 600 frames": partial(_animation, "WEBP"),
        "TIFF that never ends": _tiff_in_a_ring,
        "PNG with a text bomb": _text_bomb,
        "PNG with a profile bomb": _profile_bomb,
        "JPEG with four megabytes of profile": lambda: encoded(
            scene(), icc_profile=bytes(4_000_000)
        ),
        "JPEG cut after nine tenths": partial(_cut, "JPEG", 0.9),
        "PNG cut after nine tenths": partial(_cut, "PNG", 0.9),
        "WebP cut after nine tenths": partial(_cut, "WEBP", 0.9),
        "CMYK in scans, cut off": lambda: _wide("CMYK", "JPEG", (3000, 3000), progressive=True)[
            :-100
        ],
        "AVIF of 25 megapixels": partial(_wide, "RGB", "AVIF", speed=10),
        "JPEG and zip at once": _with_a_zip,
        "GIF and script at once": lambda: encoded(scene(), "GIF") + b"/*" + HTML + b"*/",
        "JPEG with HTML inside": lambda: encoded(scene(), comment=HTML),
        "PNG with 7,000,000 orientations": _long_exif,
        "broken EXIF": lambda: encoded(scene(), exif=b"Exif\0\0" + b"\xff" * 60),
    }
    odd |= {f"EXIF rotation {i}": partial(_turned, i) for i in range(2, 9)}
    return [Case(name, "photo", make) for name, make in refused.items()] + [
        Case(name, "photo", make, is_odd=True) for name, make in odd.items()
    ]


# Zips


def zipped(
    files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED, mode: int | None = None
) -> bytes:
    """A zip of these files, by their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            info.external_attr = (mode or (stat.S_IFREG | 0o644)) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def pets() -> dict[str, bytes]:
    """A small data set as it should be."""
    small = encoded(scene().resize((80, 80)))
    return {"cat/1.jpg": small, "cat/2.jpg": small, "dog/1.jpg": small, "dog/2.jpg": small}


def declared(archive: bytes, offset: int, value: bytes) -> bytes:
    """Change a field in all central headers of a zip, as a forger would."""
    changed = bytearray(archive)
    at = changed.find(b"PK\x01\x02")
    while at >= 0:
        changed[at + offset : at + offset + len(value)] = value
        at = changed.find(b"PK\x01\x02", at + 4)
    return bytes(changed)


def _nested() -> bytes:
    inner = zipped({"zeros.jpg": bytes(20_000_000)})
    for _ in range(3):
        inner = zipped({f"{i}.zip": inner for i in range(10)})
    return zipped({"cat/1.zip": inner, "dog/1.zip": inner})


def _overlapping() -> bytes:
    """Two hundred names for one piece of compressed zeros (Fifield 2019, without the quoting)."""
    kernel = zipped({"cat/0.jpg": bytes(1_900_000)})
    start = kernel.index(b"PK\x01\x02")
    end = kernel.index(b"PK\x05\x06")
    header = kernel[start:end]
    headers = b"".join(
        header.replace(b"cat/0.jpg", b"cat/%c.jpg" % (48 + i % 70)) for i in range(200)
    )
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 200, 200, len(headers), start, 0)
    return kernel[:start] + headers + tail


def _entries(count: int) -> bytes:
    """A zip of so many empty files."""
    one = zipped({"cat/0.jpg": b""}, zipfile.ZIP_STORED)
    start = one.index(b"PK\x01\x02")
    header = one[start : one.index(b"PK\x05\x06")]
    shown = min(count, 65_535)
    size = len(header) * count
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, shown, shown, size, start, 0)
    return one[:start] + header * count + tail


def _bomb(size: int, count: int) -> bytes:
    return zipped({f"{'cat' if i % 2 else 'dog'}/{i}.jpg": bytes(size) for i in range(count)})


def _zip_cases() -> list[Case]:
    small = pets()["cat/1.jpg"]
    refused: dict[str, Callable[[], bytes]] = {
        "0 bytes": lambda: b"",
        "JPEG posing as zip": lambda: small,
        "cut in the middle": lambda: (whole := zipped(pets()))[: len(whole) // 2],
        "traversal": lambda: zipped({**pets(), "../../etc/cat/1.jpg": small}),
        "traversal as Windows writes it": lambda: zipped({**pets(), "..\\..\\cat\\1.jpg": small}),
        "absolute path": lambda: zipped({**pets(), "/etc/cat/1.jpg": small}),
        "path with a drive": lambda: zipped({**pets(), "C:/cat/1.jpg": small}),
        "links": lambda: zipped(dict.fromkeys(pets(), b"/etc/passwd"), mode=stat.S_IFLNK | 0o777),
        "encrypted": lambda: declared(zipped(pets()), 8, struct.pack("<H", 1)),
        "nested bomb": _nested,
        "overlapping bomb": _overlapping,
        "bomb in one file": lambda: _bomb(100_000_000, 2),
        "bomb in fifty files": lambda: _bomb(10_000_000, 50),
        "bomb that says it is small": lambda: declared(
            _bomb(25_000_000, 4), 24, struct.pack("<I", 100)
        ),
        "declares gigabytes": lambda: declared(zipped(pets()), 24, struct.pack("<I", 2**31)),
        "100,000 entries": partial(_entries, 100_000),
        "2,000,000 entries": partial(_entries, 2_000_000),
        "no folders": lambda: zipped({"1.jpg": small, "2.jpg": small}),
        "one class": lambda: zipped({"cat/1.jpg": small, "cat/2.jpg": small}),
        "no photos": lambda: zipped({"cat/1.exe": b"MZ", "dog/1.php": b"<?php"}),
        "101 classes": lambda: zipped({f"class {i}/1.jpg": small for i in range(101)}),
        "a class of spaces only": lambda: zipped({"   /1.jpg": small, "dog/1.jpg": small}),
        "another way of packing": lambda: zipped(pets(), zipfile.ZIP_LZMA),
        "damaged contents": lambda: zipped(pets(), zipfile.ZIP_STORED).replace(
            small[20:60], b"?" * 40
        ),
    }
    odd: dict[str, Callable[[], bytes]] = {
        "HTML for names": lambda: zipped(
            {f"<img src=x onerror=alert({i})>/<b>{i}.jpg": small for i in range(2)}
        ),
        "emoji and other scripts for names": lambda: zipped({"🐈/1.jpg": small, "犬/1.jpg": small}),
        "SVG and HTML among photos": lambda: zipped(
            {**pets(), "cat/3.jpg": SVG, "dog/3.jpg": HTML}
        ),
        "zip bomb among photos": lambda: zipped({**pets(), "cat/inner.zip": _nested()}),
        "twice the same name": _twice,
    }
    return [Case(name, "photos", make) for name, make in refused.items()] + [
        Case(name, "photos", make, is_odd=True) for name, make in odd.items()
    ]


def _twice() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in [*pets().items(), ("dog/3.jpg", pets()["dog/1.jpg"])]:
            archive.writestr(name, content)
    return buffer.getvalue().replace(b"dog/3.jpg", b"dog/2.jpg")


# Networks


class _Evil:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch it-was-run",)


def card(**changes: object) -> bytes:
    """The card of a network of two classes."""
    plain = {"network": "efficientnet_lite0", "labels": ["cat", "dog"], "val_accuracy": 0.5}
    return json.dumps({**plain, **changes}).encode()


def head(**changes: torch.Tensor) -> bytes:
    """The weights of its last layer."""
    return safetensors.torch.save(
        {"weight": torch.zeros(2, 1280), "bias": torch.zeros(2), **changes}
    )


def network(**changes: bytes) -> bytes:
    """A network as it should be, with other contents for some of its files."""
    files = {"classifier": card(), "head": head(), **changes}
    names = {
        "classifier": "classifier.json",
        "head": "head.safetensors",
        "body": "body.safetensors",
    }
    return zipped({names.get(key, key): content for key, content in files.items()})


def _checkpoint() -> bytes:
    buffer = io.BytesIO()
    torch.save({"weight": torch.zeros(2, 1280), "evil": _Evil()}, buffer)
    return buffer.getvalue()


def _array_of_objects() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([_Evil()], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def _header(length: int, text: bytes) -> bytes:
    return struct.pack("<Q", length) + text


def _beyond() -> bytes:
    """Weights that lie behind the end of their file."""
    described = {"dtype": "F32", "shape": [2, 1280], "data_offsets": [2**40, 2**40 + 10_240]}
    text = json.dumps({"weight": described}).encode()
    return _header(len(text), text)


def _network_cases() -> list[Case]:
    onnx = b"\x08\x09\x12\x07pytorch" + bytes(range(256)) * 20
    refused: dict[str, Callable[[], bytes]] = {
        "0 bytes": lambda: b"",
        "pickle posing as network": lambda: pickle.dumps(_Evil()),
        "torch checkpoint posing as network": _checkpoint,
        "pickle posing as head": lambda: network(head=pickle.dumps(_Evil())),
        "torch checkpoint posing as head": lambda: network(head=_checkpoint()),
        "numpy objects posing as head": lambda: network(head=_array_of_objects()),
        "pickle posing as card": lambda: network(classifier=pickle.dumps(_Evil())),
        "pickle posing as body": lambda: network(
            classifier=card(tuned=True), body=pickle.dumps(_Evil())
        ),
        "bare ONNX": lambda: onnx,
        "safetensors cut in the middle": lambda: network(head=head()[:5000]),
        "safetensors with a header of 2⁶³ bytes": lambda: network(head=_header(2**63, b"{}")),
        "safetensors with a nested header": lambda: network(
            head=_header(100_000, b'{"a":' + b"[" * 99_995)
        ),
        "safetensors with weights beyond the end": lambda: network(head=_beyond()),
        "weights of another shape": lambda: network(head=head(weight=torch.zeros(2, 7))),
        "weights of another type": lambda: network(
            head=head(bias=torch.zeros(2, dtype=torch.int64))
        ),
        "weights that are no numbers": lambda: network(
            head=head(bias=torch.tensor([1.0, torch.nan]))
        ),
        "1000 classes for 2": lambda: network(classifier=card(labels=["x"] * 1000)),
        "labels that are no texts": lambda: network(classifier=card(labels=[{}, []])),
        "half a character for a label": lambda: network(classifier=card(labels=["\ud83d", "dog"])),
        "network with a path for a name": lambda: network(
            classifier=card(network="../../etc/passwd")
        ),
        "half a character for a network": lambda: network(classifier=card(network="\ud83d")),
        "card nested 100,000 deep": lambda: network(classifier=b"[" * 100_000),
        "card of 50 MB": lambda: network(classifier=b" " * 50_000_000 + card()),
        "accuracy beyond all numbers": lambda: network(classifier=card(val_accuracy=1e308 * 10)),
        "format that is no number": lambda: network(classifier=card(format="1")),
        "no head": lambda: zipped({"classifier.json": card()}),
        "links": lambda: zipped(
            {"classifier.json": b"/etc/passwd", "head.safetensors": b"/dev/zero"},
            mode=stat.S_IFLNK | 0o777,
        ),
        "traversal": lambda: network(**{"../up.txt": b"up"}),
        "encrypted": lambda: declared(network(), 8, struct.pack("<H", 1)),
        "100,000 entries": partial(_entries, 100_000),
        "bomb for a head": lambda: network(head=bytes(400_000_000)),
    }
    odd: dict[str, Callable[[], bytes]] = {
        "damaged ONNX beside good weights": lambda: network(**{"network.onnx": onnx}),
        "HTML for labels": lambda: network(
            classifier=card(labels=["<script>alert(1)</script>", "b"])
        ),
        "pickle beside good weights": lambda: network(**{"more.pkl": pickle.dumps(_Evil())}),
    }
    return [Case(name, "network", make) for name, make in refused.items()] + [
        Case(name, "network", make, is_odd=True) for name, make in odd.items()
    ]


# Recipes


def _with_recipe(text: str) -> bytes:
    content = b"idealcat\0\0\0\0\0" + text.encode("utf-8", "surrogatepass")
    return png(8, 8, rows=bytes(25 * 8), more=_chunk(b"iTXt", content))


def described(settings: Mapping[str, Any] | None = None, **changes: object) -> bytes:
    """A picture that carries a recipe."""
    plain = {
        "kind": "ideal",
        "model": "efficientnet_lite0",
        "objective": {"name": "ClassLogit", "class_id": 284},
        "settings": {**asdict(Settings()), **(settings or {})},
    }
    return _with_recipe(json.dumps({**plain, **changes}))


def _recipe_cases() -> list[Case]:
    settings: dict[str, Mapping[str, Any]] = {
        "10⁹ steps": {"steps": 10**9},
        "no steps": {"steps": 0},
        "half a step": {"steps": 0.5},
        "a picture of 10⁶ pixels a side": {"size": 10**6},
        "a learning rate that is no number": {"learning_rate": float("nan")},
        "an endless learning rate": {"learning_rate": float("inf")},
        "a seed of 400 digits": {"seed": 10**400},
        "a negative seed": {"seed": -1},
        "a million changed settings": {"turns": [{}] * 20_000},
        "a view that is scaled by 0": {
            "view": {"scale": [0, 0], "rotation": 0, "shift": True},
        },
        "a view turned by 10⁹": {"view": {"scale": [1, 1], "rotation": 1e9, "shift": True}},
        "an unknown canvas": {"canvas": "__import__('os')"},
        "a photo with a path for a name": {"photo": "../../etc/passwd"},
        "more settings than there are": {"__class__": "os"},
    }
    refused: dict[str, Callable[[], bytes]] = {
        name: partial(described, changes) for name, changes in settings.items()
    }
    refused |= {
        "a class that is not there": lambda: described(
            objective={"name": "ClassLogit", "class_id": 10**12}
        ),
        "an objective of another kind": lambda: described(objective={"name": "eval"}),
        "a layer with a path for a name": lambda: described(
            objective={"name": "ChannelActivation", "layer": "../x", "channel": 3}
        ),
        "a network with a path for a name": lambda: described(model="../../etc/passwd"),
        "a list in place of a recipe": lambda: _with_recipe("[]"),
        "nested 100,000 deep": lambda: _with_recipe("[" * 100_000),
        "a number of 100,000 digits": lambda: _with_recipe("9" * 100_000),
        "half a character": lambda: described(model="\ud83d"),
        "a megabyte of recipe": lambda: described(model="x" * 1_000_000),
        "no recipe": lambda: png(8, 8, rows=bytes(25 * 8)),
        "a recipe in a JPEG": lambda: encoded(scene(), comment=b'idealcat {"kind": "ideal"}'),
    }
    odd = {"a recipe as it should be": described}
    return [Case(name, "recipe", make) for name, make in refused.items()] + [
        Case(name, "recipe", make, is_odd=True) for name, make in odd.items()
    ]


# The camera


def _camera_cases() -> list[Case]:
    refused: dict[str, Callable[[], bytes]] = {
        "no base64": lambda: b"data:image/jpeg;base64,????",
        "SVG": lambda: base64.b64encode(SVG),
        "PNG": lambda: base64.b64encode(encoded(scene(), "PNG")),
        "a photo of another size": lambda: base64.b64encode(encoded(scene().resize((31, 31)))),
        "10 MB": lambda: base64.b64encode(b"\xff\xd8" + bytes(10_000_000)),
    }
    return [Case(name, "camera", make) for name, make in refused.items()]


CASES = (
    *_photo_cases(),
    *_zip_cases(),
    *_network_cases(),
    *_recipe_cases(),
    *_camera_cases(),
)
