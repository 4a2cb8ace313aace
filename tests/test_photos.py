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
from PIL import Image

from core import photos
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


def difference(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return float(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).mean())


# Hostile and damaged bytes


def test_an_empty_file_is_refused_by_name():
    with pytest.raises(Problem, match=r"cat\.jpg is empty"):
        photos.decode(b"", "cat.jpg")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_cut_off_photo_is_refused_with_a_sentence(format, share, dalmatian):
    whole = encoded(dalmatian, format)
    with pytest.raises(Problem, match=r"cat\.jpg is (damaged or cut off|not a picture)"):
        photos.decode(whole[: int(share * len(whole))], "cat.jpg")


@pytest.mark.parametrize(
    "data",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<!doctype html><html><body>404 Not Found</body></html>",
        b"A cat sat on the mat.",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + bytes(60),
        bytes(1000),
    ],
    ids=["svg", "html", "text", "pdf", "zip", "zeros"],
)
def test_what_only_poses_as_a_photo_is_refused(data):
    with pytest.raises(Problem, match=r"cat\.jpg is not a picture that can be read here"):
        photos.decode(data, "cat.jpg")


def test_a_format_outside_the_list_is_refused():
    # Pillow reads many rare formats whose decoders few people have looked at.
    with pytest.raises(Problem, match="not a picture that can be read here"):
        photos.decode(encoded(four_corners(), "PPM"), "cat.ppm")


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
    with pytest.raises(Problem, match=r"large\.jpg has 30 MB; at most 30 MB fit"):
        photos.decode(b"\xff\xd8" + bytes(photos.MAX_BYTES), "large.jpg")


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


# What people really upload


@pytest.mark.parametrize("name", ["cat.jpg", "cat", "cat.exe", "../../etc/passwd"])
def test_the_content_decides_and_not_the_name(name):
    picture = photos.decode(encoded(four_corners(), "PNG"), name)
    assert difference(picture, four_corners()) == 0


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
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
