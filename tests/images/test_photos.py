"""Untrusted bytes, 8-bit truth and the recipe in a PNG."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from core.export import predict
from core.images import photos, signatures
from core.problem import Problem

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 200, 40), (30, 40, 220), (230, 220, 30)


def encoded(picture: Image.Image, format: str = "JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def four_corners() -> Image.Image:
    """A wide picture whose corners differ, so that each turn and flip of it is another picture."""
    picture = Image.new("RGB", (96, 64), RED)
    picture.paste(GREEN, (48, 0, 96, 32))
    picture.paste(BLUE, (0, 32, 48, 64))
    picture.paste(YELLOW, (48, 32, 96, 64))
    return picture


def declared_png(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def with_tags(tiff: bytes, more: list[tuple[int, int, int, int]]) -> bytes:
    """A little-endian TIFF with further tags: number, type, count, value."""
    (at,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, at)
    entries = {}
    for i in range(count):
        entry = tiff[at + 2 + 12 * i : at + 14 + 12 * i]
        entries[struct.unpack_from("<H", entry)[0]] = entry
    for tag in more:
        entries[tag[0]] = struct.pack("<HHII", *tag)
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries))
    return tiff[:4] + struct.pack("<I", len(tiff)) + tiff[8:] + directory + bytes(4)


def difference(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return float(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).mean())


# Hostile and damaged bytes


def test_an_empty_file_is_refused_by_name():
    with pytest.raises(Problem, match=r"cat\.jpg is empty"):
        photos.decode(b"", "cat.jpg")


@pytest.mark.parametrize("share", [0.002, 0.1, 0.3])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_photo_of_which_hardly_anything_arrived_is_refused(format, share, small):
    whole = encoded(small, format)
    with pytest.raises(Problem, match=r"cat\.jpg is (damaged or cut off|not a picture)"):
        photos.decode(whole[: int(share * len(whole))], "cat.jpg")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "an SVG"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"<!doctype html><html><body>404 Not Found</body></html>", "a web page, not a photo"),
        (b"\xef\xbb\xbf\n<HTML>", "a web page, not a photo"),
        (b"A cat sat on the mat.", "not a picture that can be read here"),
        (b"%PDF-1.7\n", "a PDF document, not a photo"),
        (b"PK\x03\x04" + bytes(60), "not a picture that can be read here"),
        (bytes(1000), "not a picture that can be read here"),
        (b"8BPS\0\1" + bytes(60), "a Photoshop file"),
        (b"\xff\x0a" + bytes(60), "a JPEG XL picture"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(60), "a film, not a photo"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(60), "a film, not a photo"),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(60), "a film, not a photo"),
        (b"\x1a\x45\xdf\xa3" + bytes(60), "a film, not a photo"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(60), "a HEIC photo.*Most Compatible"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heixmiaf" + bytes(60), "a HEIC photo"),
        (b"\0\0\0\x18ftyphevc\0\0\0\0hevcmsf1" + bytes(60), "a HEIC photo"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(60), "a camera's raw file"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(60), "a camera's raw file"),
        (b"IIRO\x08\0\0\0" + bytes(60), "a camera's raw file"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(60), "a camera's raw file"),
    ],
)
def test_what_cannot_be_read_is_called_by_its_name(data, says):
    with pytest.raises(Problem, match=rf"^cat\.jpg is {says}"):
        photos.decode(data, "cat.jpg")


@pytest.mark.parametrize("tag", [(50706, 1, 4, 0x0104), (262, 3, 1, 32803)])
def test_a_raw_file_that_is_written_like_a_tiff_is_not_taken_for_its_thumbnail(tag):
    thumbnail = with_tags(encoded(four_corners(), "TIFF"), [tag])
    with pytest.raises(Problem, match=r"cat\.dng is a camera's raw file"):
        photos.decode(thumbnail, "cat.dng")


def test_a_format_outside_the_list_is_refused():
    # Pillow reads many rare formats whose decoders few people have looked at.
    with pytest.raises(Problem, match="not a picture that can be read here"):
        photos.decode(encoded(four_corners(), "SGI"), "cat.sgi")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [6_000, 12_000, 60_000])
def test_a_png_that_declares_a_giant_picture_is_refused_before_it_is_unpacked(side):
    bomb = declared_png(side, side)
    assert len(bomb) < 1000
    with pytest.raises(Problem, match=r"bomb\.png has too many pixels"):
        photos.decode(bomb, "bomb.png")


def test_a_refused_giant_leaves_no_warning_in_the_servers_log():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(Problem, match="too many pixels"):
            photos.decode(declared_png(12_000, 12_000), "bomb.png")
    assert not caught


def test_too_many_bytes_are_refused():
    with pytest.raises(Problem, match=r"large\.jpg has 31 MB; at most 30 MB fit"):
        photos.decode(b"\xff\xd8\xff" + bytes(photos.MAX_BYTES), "large.jpg")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("format", "limit"), [("JPEG", 50), ("TIFF", 25), ("JPEG2000", 10)])
def test_the_limit_that_is_told_is_the_one_that_holds(format, limit):
    side = int((1.1 * limit * 1e6) ** 0.5)
    with pytest.raises(Problem, match=f"at most {limit} million fit"):
        photos.decode(encoded(Image.new("L", (side, side)), format), "large")


def test_a_giant_jpeg_is_told_the_limit_of_jpegs():
    giant = bytearray(encoded(four_corners()))
    at = giant.index(b"\xff\xc0")
    giant[at + 5 : at + 9] = struct.pack(">HH", 65_500, 65_500)
    with pytest.raises(Problem, match="at most 50 million fit"):
        photos.decode(bytes(giant), "giant.jpg")


@pytest.mark.parametrize("seed", range(30))
def test_flipped_bytes_give_a_picture_or_a_sentence_and_nothing_else(seed, dalmatian):
    data = bytearray(encoded(dalmatian.resize((64, 64)), ["JPEG", "PNG", "GIF"][seed % 3]))
    chance = np.random.default_rng(seed)
    for place in chance.integers(0, len(data), size=20):
        data[place] = chance.integers(0, 256)
    try:
        picture = photos.decode(bytes(data), "cat.jpg")
    except Problem:
        return
    assert picture.mode == "RGB"
    assert max(picture.size) <= photos.LONGEST_SIDE


@pytest.fixture(scope="module")
def small() -> Image.Image:
    """A real photo that is encoded at once."""
    return photos.read_sample("dalmatian").resize((240, 180))


# What people really upload


@pytest.mark.parametrize(
    "name", ["cat.jpg", "cat", "cat.jfif", "cat.JPE", "cat.heic", "cat.exe", "../../etc/passwd"]
)
def test_the_content_decides_and_not_the_name(name):
    picture = photos.decode(encoded(four_corners(), "PNG"), name)
    assert difference(picture, four_corners()) == 0


@pytest.mark.parametrize(
    "format", ["JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM"]
)
def test_every_promised_format_is_read(format):
    picture = photos.decode(encoded(four_corners(), format), "cat")
    assert picture.mode == "RGB"
    assert difference(picture, four_corners()) < 6


def test_a_48_megapixel_phone_photo_passes():
    picture = photos.decode(encoded(Image.new("L", (8000, 6000), 90)), "phone.jpg")
    assert picture.size == (1024, 768)
    assert picture.getpixel((500, 500)) == (90, 90, 90)


def test_a_large_photo_comes_down_to_the_longest_side_and_keeps_its_shape():
    picture = photos.decode(encoded(four_corners().resize((3000, 2000)), "PNG"), "cat.png")
    assert picture.size == (1024, 683)
    assert difference(picture.resize((96, 64)), four_corners()) < 6


@pytest.mark.parametrize("size", [(65_000, 1), (1, 65_000)])
def test_a_picture_one_pixel_thin_survives_up_to_the_network(size):
    picture = photos.decode(encoded(Image.new("RGB", size, RED), "PNG"), "thin.png")
    assert max(picture.size) <= photos.LONGEST_SIDE
    prepared = photos.prepare(picture, 224)
    assert prepared.shape == (1, 3, 224, 224)
    assert torch.allclose(prepared[0, :, 100, 100] * 255, torch.tensor(RED).float())


def test_sixteen_bit_grey_keeps_its_brightness():
    values = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    picture = photos.decode(encoded(Image.fromarray(values), "PNG"), "scan.png")
    assert np.array_equal(np.asarray(picture)[..., 0].ravel(), np.arange(256))


def test_a_cmyk_jpeg_keeps_its_colours():
    picture = photos.decode(encoded(four_corners().convert("CMYK")), "print.jpg")
    assert difference(picture, four_corners()) < 6


def test_a_transparent_palette_is_laid_on_white():
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([10, 20, 30, *RED])
    palette.paste(1, (4, 0, 8, 8))
    picture = photos.decode(encoded(palette, "PNG", transparency=0), "logo.png")
    assert picture.getpixel((0, 0)) == (255, 255, 255)
    assert picture.getpixel((6, 6)) == RED


@pytest.mark.parametrize("size", [(8, 8), (2000, 1000)])
def test_half_transparent_pixels_mix_with_white(size):
    picture = photos.decode(encoded(Image.new("RGBA", size, (0, 0, 0, 128)), "PNG"), "glass.png")
    assert picture.getpixel((3, 3)) == pytest.approx((127, 127, 127), abs=1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P"])
def test_pictures_without_three_channels_become_rgb(mode):
    white = Image.new("RGB", (8, 8), "white").convert(mode)
    picture = photos.decode(encoded(white, "PNG"), "white.png")
    assert (picture.mode, picture.getpixel((4, 4))) == ("RGB", (255, 255, 255))


_STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize(("orientation", "turned"), _STORED_AS.items())
def test_a_photo_is_upright_however_the_camera_was_held(orientation, turned):
    upright = four_corners()
    stored = upright if turned is None else upright.transpose(turned)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = photos.decode(encoded(stored, quality=95, exif=exif), "phone.jpg")
    assert difference(picture, upright) < 6


def test_a_sixteen_bit_scan_is_turned_upright_too():
    values = np.zeros((20, 30), np.uint16)
    values[:, :10] = 65_535
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = photos.decode(encoded(Image.fromarray(values), "PNG", exif=exif), "scan.png")
    assert picture.size == (20, 30)
    assert picture.getpixel((10, 3)) == (255, 255, 255)
    assert picture.getpixel((10, 25)) == (0, 0, 0)


def test_a_film_behind_a_photo_is_not_taken_for_scans():
    film = np.random.default_rng(0).integers(0, 256, 20_000_000, dtype=np.uint8).tobytes()
    moving = encoded(four_corners()) + film
    assert moving.count(b"\xff\xda") > 200
    assert difference(photos.decode(moving, "moving.jpg"), four_corners()) < 6


def test_the_first_frame_of_an_animation_is_taken():
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, GREEN, BLUE)]
    animation = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert photos.decode(animation, "cat.gif").getpixel((5, 5)) == RED


def test_metadata_is_dropped():
    exif = Image.Exif()
    exif[0x010E] = "Grandmother's house"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 30.0)
    picture = photos.decode(encoded(four_corners(), exif=exif, comment=b"secret"), "cat.jpg")
    assert not picture.info
    assert not dict(picture.getexif())
    assert b"Grandmother" not in encoded(picture)


def test_a_photo_with_broken_exif_is_still_a_photo():
    data = encoded(four_corners(), exif=b"Exif\x00\x00" + b"\xff" * 40)
    assert difference(photos.decode(data, "cat.jpg"), four_corners()) < 6


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("seed", range(12))
def test_no_metadata_cost_a_photo_or_its_orientation(format, seed):
    stored = four_corners().transpose(Image.Transpose.ROTATE_90)
    tags = [(274, 3, 1, 6), *odd_tags(np.random.default_rng(seed))]
    if format == "TIFF":
        data = with_tags(encoded(stored, "TIFF"), tags)
    else:
        exif = with_tags(b"II*\0\x08\0\0\0\0\0" + bytes(4), tags)
        data = encoded(stored, format, quality=95, exif=b"Exif\0\0" + exif)
    picture = photos.decode(data, "phone")
    assert picture.size == (96, 64)
    assert difference(picture, four_corners()) < 8
    assert difference(predict.read(data), picture) < 1


def odd_tags(chance: np.random.Generator) -> list[tuple[int, int, int, int]]:
    """Tags that cameras write, XResolution first, with types, counts and values as they come."""
    known = [270, 271, 282, 283, 296, 305, 306, 700, 33432, 33723, 34665, 34853, 37510, 40965]
    return [
        (
            tag,
            int(chance.choice([0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 99])),
            int(chance.choice([0, 1, 2, 100, 70_000, 2**31])),
            int(chance.integers(2**32)),
        )
        for tag in known
    ]


def test_a_resolution_written_as_text_leaves_the_photo_upright():
    exif = with_tags(b"II*\0\x08\0\0\0\0\0" + bytes(4), [(274, 3, 1, 6), (282, 2, 3, 0x003237)])
    stored = four_corners().transpose(Image.Transpose.ROTATE_90)
    data = encoded(stored, exif=b"Exif\0\0" + exif)
    assert photos.decode(data, "phone.jpg").size == predict.read(data).size == (96, 64)


# Damaged files of which something arrived


@pytest.mark.parametrize("missing", [1, 2, 12])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_photo_without_its_last_bytes_is_read(format, missing, small):
    options = {"quality": 95} if format in ("JPEG", "WEBP") else {}
    data = encoded(small.convert("P") if format == "GIF" else small, format, **options)
    if format == "TIFF":  # Pillow writes the directory first
        assert struct.unpack_from("<I", data, 4)[0] < 200
    whole, cut = photos.decode(data, "whole"), photos.decode(data[:-missing], "cut")
    assert difference(whole, cut) < 3
    if missing < 12 or format != "WEBP":
        assert difference(predict.read(data[:-missing]), cut) < 1


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_what_arrived_of_a_photo_is_read(format, progressive, small):
    options = {"progressive": True} if progressive and format == "JPEG" else {}
    data = encoded(small, format, **options)
    cut = photos.decode(data[: int(0.9 * len(data))], "cut")
    upper = (0, small.height // 3, small.width, small.height // 2)
    assert difference(cut.crop(upper), small.crop(upper)) < 8
    assert difference(predict.read(data[: int(0.9 * len(data))]), cut) < 2


def test_a_cut_off_photo_says_how_much_of_it_arrived(small):
    data = encoded(small, "BMP")
    with pytest.raises(Problem, match=r"damaged or cut off: only (19|20) % of the picture arrived"):
        photos.decode(data[: len(data) // 5], "cat.bmp")


def chunk(kind: bytes, content: bytes, *, is_right: bool = True) -> bytes:
    checksum = zlib.crc32(kind + content) ^ (not is_right)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


_LONG = zlib.compress(b"x" * 5_000_000)


@pytest.mark.parametrize(
    "note",
    [
        chunk(b"tEXt", b"a\0b", is_right=False),
        chunk(b"pHYs", bytes(9), is_right=False),
        chunk(b"eXIf", b"II*\0", is_right=False),
        chunk(b"zTXt", b"a\0\0" + _LONG),
        chunk(b"iTXt", b"a\0\1\0\0\0" + _LONG),
        chunk(b"tEXt", b"a\0" + b"x" * 2_000_000),
        chunk(b"iTXt", b"a\0\0\0\0\0\xff\xfe"),
        chunk(b"iCCP", b"a\0\0" + _LONG),
        chunk(b"iCCP", b"nonsense"),
        chunk(b"iCCP", b""),
        chunk(b"pHYs", b"1"),
        chunk(b"gAMA", b""),
        chunk(b"cHRM", b"12"),
        chunk(b"sRGB", b""),
    ],
    ids=lambda note: note[4:8].decode(),
)
def test_no_note_in_a_png_costs_it(note):
    data = encoded(four_corners(), "PNG")
    for place in (33, len(data) - 12):  # before the pixels, and behind them
        noted = data[:place] + note + data[place:]
        assert difference(photos.decode(noted, "cat.png"), four_corners()) == 0
        assert difference(predict.read(noted), four_corners()) == 0


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_what_follows_a_photo_is_not_looked_at(format):
    data = encoded(four_corners(), format)
    assert difference(photos.decode(data + b"GET / " * 500, "a"), photos.decode(data, "a")) == 0


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_broken_profile_changes_nothing(format):
    plain = photos.decode(encoded(four_corners(), format), "a")
    for profile in (b"nonsense" * 40, bytes(300), display_p3()[:200], display_p3()[:-20]):
        data = encoded(four_corners(), format, icc_profile=profile)
        assert difference(photos.decode(data, "a"), plain) < 12  # half a profile may count


# One meaning of a file's numbers


RAMP = np.linspace(0, 1, 256).reshape(16, 16)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_sixteen_bits_are_scaled_by_their_range(format):
    assert grey_of(np.rint(RAMP * 65_535).astype(np.uint16), format) == levels(RAMP)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_fewer_bits_that_a_tiff_keeps_in_sixteen_are_found_out(bits):
    assert grey_of(np.rint(RAMP * (2**bits - 1)).astype(np.uint16)) == levels(RAMP)


def test_a_dark_png_of_sixteen_bits_stays_dark():
    assert max(grey_of(np.rint(RAMP * 4095).astype(np.uint16), "PNG")) == 16


@pytest.mark.parametrize("brightest", [4095, 1000])
def test_the_bits_that_a_tiff_declares_count(brightest):
    values = np.rint(RAMP * brightest).astype(int).ravel()
    packed = int("".join(f"{value:012b}" for value in values), 2).to_bytes(384)
    tags = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 12), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 14), (277, 3, 1, 1), (278, 4, 1, 16), (279, 4, 1, 384)]
    data = with_tags(b"II*\0\x08\0\0\0\0\0" + bytes(4) + packed, tags)
    assert grey_of(data) == levels(RAMP * brightest / 4095)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0.2, 0.6), (0, 255), (-3, 1000), (1e5, 2e5), (-1, 1)]
)
def test_floats_within_0_and_1_are_left_and_others_scaled_by_their_range(low, high):
    values = (low + RAMP * (high - low)).astype(np.float32)
    expected = values if low >= 0 and high <= 1 else RAMP
    assert grey_of(values) == levels(expected)


def test_a_float_that_is_no_number_is_black_and_an_endless_one_white():
    values = (RAMP * 50).astype(np.float32)
    values[3, 3], values[4, 4], values[5, 5] = np.nan, np.inf, -np.inf
    expected = RAMP.copy()
    expected[3, 3], expected[4, 4], expected[5, 5] = 0, 1, 0
    assert grey_of(values) == levels(expected)
    assert set(grey_of(np.full((4, 4), np.nan, np.float32))) == {0}


@pytest.mark.parametrize(("low", "high"), [(0, 4095), (0, 65_535), (-1000, 3000), (0, 2**31 - 1)])
def test_whole_numbers_of_32_bits_are_scaled_by_their_range(low, high):
    values = np.rint(low + RAMP * (high - low)).astype(np.int32)
    assert grey_of(values) == levels(RAMP)


def grey_of(values: np.ndarray | bytes, format: str = "TIFF") -> list[int]:
    """What a picture of such numbers, or such a file, is read as: in the app, and at home."""
    data = values if isinstance(values, bytes) else encoded(Image.fromarray(values), format)
    read = photos.decode(data, "scan")
    assert difference(predict.read(data), read) <= 1
    return np.asarray(read)[..., 0].ravel().tolist()


def levels(shares: np.ndarray) -> object:
    return pytest.approx((255 * shares).ravel().tolist(), abs=1.01)


@pytest.mark.parametrize(
    ("mode", "format"),
    [
        *(("1", "PNG"), ("1", "TIFF"), ("L", "PNG"), ("LA", "PNG"), ("LA", "TIFF")),
        *(("P", "PNG"), ("P", "BMP"), ("PA", "TIFF"), ("RGBA", "PNG"), ("RGBA", "WEBP")),
        *(("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "TIFF"), ("LAB", "TIFF")),
    ],
)
def test_every_mode_means_at_home_what_it_means_here(mode, format, small):
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        stored = ImageCms.profileToProfile(small, srgb, lab, outputMode="LAB")
    else:
        stored = small.convert("P").convert("PA") if mode == "PA" else small.convert(mode)
    data = encoded(stored, format)
    read = photos.decode(data, "cat")
    grey = Image.fromarray(np.asarray(read.convert("L").resize((8, 8), Image.Resampling.BOX)))
    expected = small.convert("L").resize((8, 8), Image.Resampling.BOX)
    assert difference(grey, expected) < 6
    assert np.abs(np.asarray(predict.read(data), int) - np.asarray(read)).max() <= 2


# Colours


_P3 = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
_ADOBE_RGB = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
_SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
"""The primaries' X, Y and Z under D50, as ICC wants them, by columns."""


def profile_of(primaries: np.ndarray, gamma: float) -> bytes:
    """An ICC profile of three primaries and a gamma (ICC.1:2004-10, 8.3)."""

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65_536))

    def colour(values: np.ndarray) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(number, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    contents = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(79),
        b"wtpt": colour(np.array([0.9642, 1.0, 0.8249])),
        **{name: colour(primaries[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, body = struct.pack(">I", len(contents)), b""
    start = 128 + 4 + 12 * len(contents)
    for name, content in contents.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head = (head + bytes(12) + b"acsp").ljust(68, b"\0") + b"\0\0\xf6\xd6\0\1\0\0\0\0\xd3\x2d"
    return head.ljust(128, b"\0") + table + body


def display_p3() -> bytes:
    return profile_of(_P3, 2.2)


def in_srgb(pixels: np.ndarray, primaries: np.ndarray, gamma: float) -> np.ndarray:
    """The same by the textbook: linear light, the matrices, sRGB's curve."""
    light = (pixels / 255) ** gamma @ (np.linalg.inv(_SRGB) @ primaries).T
    light = light.clip(0, 1)
    return 255 * np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize(("primaries", "gamma"), [(_P3, 2.2), (_ADOBE_RGB, 2.2)])
def test_wide_colours_are_converted_to_srgb(primaries, gamma, format):
    steps = np.arange(0, 256, 51, np.uint8)
    pixels = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(12, 18, 3)
    pixels = pixels.repeat(16, axis=0).repeat(16, axis=1)  # no compression blurs their middles
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
    profile = profile_of(primaries, gamma)
    data = encoded(Image.fromarray(pixels), format, icc_profile=profile, **options.get(format, {}))
    read = np.asarray(photos.decode(data, "wide"), int)
    expected = in_srgb(pixels, primaries, gamma)
    assert np.abs(expected - pixels).max() > 20  # or nothing would be shown
    assert np.abs(read - expected)[8::16, 8::16].max() <= 6
    assert np.abs(np.asarray(predict.read(data), int) - read).max() <= 2


def test_a_photo_in_srgb_is_left_as_it_is(small):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert difference(photos.decode(encoded(small, "PNG", icc_profile=profile), "a"), small) == 0


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_profile_for_other_colours_than_the_photos_changes_nothing(mode, small):
    stored = small.convert(mode)
    plain = photos.decode(encoded(stored, "TIFF"), "a")
    assert (
        difference(photos.decode(encoded(stored, "TIFF", icc_profile=display_p3()), "a"), plain)
        == 0
    )


# Is it a photo?


@pytest.mark.parametrize(
    "format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM"]
)
@pytest.mark.parametrize("name", ["cat.jpg", "cat", "cat.txt", "a/b.c/cat"])
def test_whatever_can_be_read_is_a_photo_by_any_name(name, format):
    assert signatures.is_photo(name, encoded(four_corners(), format)[:64])


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("cat.JPE", b"", True),
        ("cat.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", True),
        ("cat", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", True),
        ("cat.jpg", b"<!doctype html>", True),
        ("cat.dng", b"II*\0", True),
        ("cat.svg", b"<svg", True),
        ("._cat.jpg", b"\0\5\x16\7\0\2\0\0" + bytes(56), False),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(56), False),
        (".DS_Store", b"\0\0\0\1Bud1" + bytes(56), False),
        ("desktop.ini", b"[.ShellClassInfo]", False),
        ("labels.csv", b"file,class", False),
        ("read me.txt", b"BMW, Porsche, and other cars of these years", False),
        ("cat.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", False),
        ("cat.mov", b"\0\0\0\x14ftypqt  ", False),
        ("cat.html", b"<!doctype html>", False),
        ("paper.pdf", b"%PDF-1.5", False),
        ("annotation.xml", b'<?xml version="1.0"?><annotation>', False),
        ("network.onnx", b"\x08\x09\x12\7pytorch", False),
        ("jpg", b"text", False),
    ],
)
def test_what_people_call_a_photo_is_offered_and_nothing_else(name, head, expected):
    assert signatures.is_photo(name, head) == expected


# Samples


@pytest.mark.parametrize("sample", photos.SAMPLES, ids=lambda sample: sample.id)
def test_every_sample_is_there_and_has_a_credit(sample):
    picture = photos.read_sample(sample.id)
    assert picture.mode == "RGB"
    assert min(picture.size) >= 224
    assert sample.credit


def test_an_unknown_sample_names_those_that_exist():
    with pytest.raises(Problem, match=r"no sample photo called unicorn.*dalmatian"):
        photos.read_sample("unicorn")


# 8-bit truth


def test_a_picture_of_the_networks_own_size_passes_pixel_for_pixel():
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(photos.centre_square(Image.fromarray(noise), 224)), noise)


def test_the_middle_square_is_cut_out():
    wide = Image.new("RGB", (300, 100), BLUE)
    wide.paste(YELLOW, (100, 0, 200, 100))
    square = photos.centre_square(wide, 50)
    assert square.size == (50, 50)
    assert difference(square.crop((2, 2, 48, 48)), Image.new("RGB", (46, 46), YELLOW)) == 0


def test_pixels_survive_the_way_to_floats_and_back():
    every_value = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(photos.to_pixels(photos.from_pixels(every_value)), every_value)


def test_floats_are_rounded_to_the_nearest_byte_and_clamped():
    values = torch.tensor([-0.2, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 1.7]).expand(1, 3, 1, 6)
    assert photos.to_pixels(values)[0, :, 0].tolist() == [0, 0, 0, 1, 255, 255]


def test_a_quantised_picture_is_the_one_that_is_read_again():
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(3, 3, 40, 40, generator=generator) * 1.2 - 0.1
    quantised = photos.quantised(pictures)
    for picture, expected in zip(quantised, pictures, strict=True):
        saved = photos.encode_png(photos.to_pixels(expected))
        assert torch.equal(picture[None], photos.to_tensor(photos.decode(saved, "x.png")))
    assert torch.equal(photos.quantised(quantised), quantised)
    assert photos.quantised(torch.tensor([0.0, 0.3, 0.6, 1.0]), levels=3).tolist() == [
        0,
        0.5,
        0.5,
        1,
    ]


def test_an_address_carries_its_picture():
    assert photos.data_uri(b"abc", "webp") == "data:image/webp;base64,YWJj"


def test_rounding_leaves_the_floats_alone():
    picture = torch.full((1, 3, 2, 2), 0.3333)
    photos.to_pixels(picture)
    assert torch.equal(picture, torch.full((1, 3, 2, 2), 0.3333))


def test_a_tensor_has_channels_first_and_reaches_from_0_to_1():
    tensor = photos.to_tensor(Image.new("RGB", (5, 4), (255, 0, 51)))
    assert tensor.shape == (1, 3, 4, 5)
    assert tensor[0, :, 0, 0].tolist() == pytest.approx([1.0, 0.0, 0.2])


def test_the_recipe_is_readable_from_the_png_with_pillow():
    recipe = {"kind": "ideal", "class": "Löwe – 獅子", "steps": 3, "tv": 0.5}
    noise = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(photos.encode_png(noise, recipe))) as opened:
        assert json.loads(opened.text[photos.RECIPE_KEY]) == recipe
        assert np.array_equal(np.asarray(opened), noise)


def test_a_png_without_a_recipe_says_nothing_more():
    with Image.open(io.BytesIO(photos.encode_png(np.zeros((4, 4, 3), np.uint8)))) as opened:
        assert not opened.text


def test_a_jpeg_is_close_to_its_pixels_and_smaller_than_a_png(dalmatian):
    pixels = np.asarray(dalmatian)
    jpeg = photos.encode_jpeg(pixels)
    assert len(jpeg) < len(photos.encode_png(pixels)) / 2
    assert difference(Image.open(io.BytesIO(jpeg)), dalmatian) < 6


def test_a_film_shows_each_frame_once_and_stays_at_the_last():
    frames = [np.full((24, 32, 3), level, np.uint8) for level in (20, 120, 220)]
    film = Image.open(io.BytesIO(photos.encode_film(frames, seconds=0.9)))
    assert (film.n_frames, film.info["loop"]) == (3, 1)
    for place, pixels in enumerate(frames):
        film.seek(place)
        shown = np.asarray(film.convert("RGB"), int)
        assert film.info["duration"] == 300
        assert abs(shown - pixels).max() <= 3
