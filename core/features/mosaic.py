"""Feature maps as pictures: all of them in one, one laid over the photo, the lesson's strip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.features.maps import Box, FeatureMaps
from core.steps import Pixels

Scale = Literal["own", "common"]

# Ten anchors of viridis (Smith and van der Walt, CC0): even steps look even, in grey print too.
_VIRIDIS = "440154 482878 3e4a89 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725"  # fmt: skip
# ColorBrewer's RdBu (Apache-2.0), from blue through white to red.
_DIVERGING = "053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f"
_DARK = 0.22
"""How bright what is not lit stays."""
_TINY = 1e-9
_RED, _BLUE = (178, 24, 43), (33, 102, 172)  # of RdBu
_MARK = (213, 94, 0)  # vermilion of the Okabe-Ito palette, as on the pages


def mosaic(
    features: FeatureMaps,
    channels: list[int],
    *,
    scale: Scale = "own",
    beside: FeatureMaps | None = None,
    width: int = 1200,
    gap: int = 3,
) -> Pixels:
    """Lay feature maps out in one picture, from left to right and top to bottom.

    Args:
        features: the maps.
        channels: which, in this order.
        scale: "own" stretches each map over all colours, "common" lets them be compared.
        beside: maps of the same shape that are shown beside these; the same colour then means the
            same in both.
        width: greatest width of the picture in pixels.
        gap: pixels between maps.

    Returns:
        An 8-bit picture, dark for the least and bright yellow for the greatest activation; where
        the layer is signed, white for zero, red above and blue below it.
    """
    maps = features.maps[channels]
    width_of_a_map = maps.shape[2]
    if beside is not None:  # stretched together, so that they have the same colours
        maps = np.concatenate([maps, beside.maps[channels]], axis=2)
    columns, _ = grid(len(maps))
    cell = max(8, (width - gap) // columns - gap)
    colours = _colours(_DIVERGING if features.signed else _VIRIDIS)
    scaled = (_around_zero if features.signed else _stretched)(maps, scale)
    tiles = [
        colours[_enlarged(values, (cell, cell), Image.Resampling.NEAREST)]
        for values in scaled[..., :width_of_a_map]
    ]
    return _in_grid(tiles, gap)


def coloured(features: FeatureMaps, channel: int, *, least: int = 112) -> Pixels:
    """Return one map in colours: a square for each value, white at 0, red above it, blue below.

    Args:
        features: the maps.
        channel: which.
        least: side of the picture in pixels, at least.
    """
    colours = _colours(_DIVERGING)
    scaled = _around_zero(features.maps[[channel]], "own")
    side = -(-least // scaled.shape[-1])
    return colours[(scaled[0] * 255).astype(np.uint8).repeat(side, axis=0).repeat(side, axis=1)]


def grid(count: int) -> tuple[int, int]:
    """Return the columns and rows of a mosaic: between square and three times as wide as high.

    The last row is as full as it can be; among equals, the shape nearest to 2:1 wins.
    """
    candidates = range(math.isqrt(count - 1) + 1, math.ceil(math.sqrt(3 * count)) + 1)
    columns = min(candidates, key=lambda n: (-count % n, abs(n - math.sqrt(2 * count))))
    return columns, math.ceil(count / columns)


def _in_grid(tiles: Sequence[Pixels], gap: int) -> Pixels:
    """Lay tiles (N, h, w, 3) out in a picture; see `grid`."""
    columns, _ = grid(len(tiles))
    return sheet([tiles[i : i + columns] for i in range(0, len(tiles), columns)], gap=gap)


def _stretched(maps: NDArray[np.float32], scale: Scale) -> NDArray[np.float32]:
    """Bring maps (N, h, w) to [0, 1], each by itself or all together; flat ones become 0."""
    axes = (1, 2) if scale == "own" else None
    low = maps.min(axis=axes, keepdims=True)
    span = maps.max(axis=axes, keepdims=True) - low
    stretched: NDArray[np.float32] = (maps - low) / np.where(span > 0, span, 1)
    return stretched


def _around_zero(maps: NDArray[np.float32], scale: Scale) -> NDArray[np.float32]:
    """Bring maps (N, ..., h, w) to [0, 1] with zero at one half."""
    axes = tuple(range(1, maps.ndim)) if scale == "own" else None
    greatest = np.abs(maps).max(axis=axes, keepdims=True)
    scaled = 0.5 + maps / np.where(greatest > 0, 2 * greatest, 1)
    return scaled.astype(np.float32)


def _enlarged(
    values: NDArray[np.float32],
    size: tuple[int, int],
    resampling: Image.Resampling = Image.Resampling.BICUBIC,
) -> Pixels:
    """Turn a map (h, w) in [0, 1] into 8-bit grey of that width and height."""
    return np.asarray(Image.fromarray((values * 255).astype(np.uint8)).resize(size, resampling))


def overlay(features: FeatureMaps, channel: int, seen: Pixels) -> Pixels:
    """Lay one map over the photo: bright where the channel is active, dim where it is not.

    Brightest is its greatest value, as for `maps.receptive_field`; less than nothing is as dim as nothing.

    Args:
        features: the maps.
        channel: which.
        seen: the photo as the network sees it, (H, W, 3).
    """
    values = features.maps[channel]
    active = np.maximum(values, 0) if values.max() > 0 else values
    height, width, _ = seen.shape
    light = _enlarged(_stretched(active[None], "own")[0], (width, height))
    return (seen * (0.3 + 0.7 * light[..., None] / 255)).astype(np.uint8)


def spotlight(features: FeatureMaps, channel: int, seen: Pixels) -> Pixels:
    """Light the quarter of a photo in which a channel is most active; the rest is dark and grey.

    Where more of the map has its greatest value, as with a clipped activation, all of it is lit.

    Args:
        features: the maps.
        channel: which.
        seen: the photo as the network sees it, (H, W, 3).
    """
    values = features.maps[channel]
    least, most = np.quantile(values, (0.75, 0.98))
    if least == most:
        least = values[values < most].max(initial=values.min())
    scaled = np.sqrt(((values - least) / max(most - least, _TINY)).clip(0, 1))
    height, width, _ = seen.shape
    lit = _enlarged(scaled, (width, height))[..., None] / 255
    grey = seen.mean(axis=-1, keepdims=True)
    return (_DARK * grey * (1 - lit) + seen * lit).astype(np.uint8)


def _colours(map: str) -> Pixels:
    """A colour map, given by evenly spaced anchors, as 256 RGB rows."""
    anchors = np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in map.split()])
    places = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(places, np.arange(len(anchors)), anchors[:, i]) for i in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def marked(seen: Pixels, box: Box) -> Pixels:
    """Draw a receptive field on the photo: a box, and the rest a little darker.

    Args:
        seen: the photo as the network sees it, (H, W, 3).
        box: see `maps.receptive_field`.
    """
    height, width, _ = seen.shape
    left, top, right, bottom = (round(edge) for edge in box)
    dimmed = (seen * 0.55).astype(np.uint8)
    dimmed[top:bottom, left:right] = seen[top:bottom, left:right]
    picture = Image.fromarray(dimmed)
    line = max(1, width // 110)
    # Around the field where there is room: a field of three pixels must not vanish below it.
    edges = (
        *(max(0, left - line), max(0, top - line)),
        *(min(width, right + line) - 1, min(height, bottom + line) - 1),
    )
    ImageDraw.Draw(picture).rectangle(edges, outline=_MARK, width=line)
    return np.asarray(picture)


def strip(features: FeatureMaps, *, cell: tuple[int, int] = (3, 3)) -> Pixels:
    """Show a layer as the lesson does: a column for each channel, its map unrolled down it.

    For the last layer of VGG-16 that is 512 columns of 7·7 = 49 values.

    Args:
        features: the maps.
        cell: height and width of a value in pixels.

    Returns:
        An 8-bit picture, (h · w · height, channels · width, 3), on one common scale.
    """
    maps = features.maps
    scaled = (_around_zero if features.signed else _stretched)(maps, "common")
    columns = (scaled.reshape(len(maps), -1).T * 255).astype(np.uint8)
    colours = _colours(_DIVERGING if features.signed else _VIRIDIS)
    return colours[columns.repeat(cell[0], axis=0).repeat(cell[1], axis=1)]


def patches(filters: NDArray[np.float32], *, cell: int = 64, gap: int = 3) -> Pixels:
    """Show first-layer filters as colour patches; grey is no weight.

    Args:
        filters: (N, 3, k, k), what each channel of the first layer multiplies RGB with.
        cell: least side of a patch in pixels.
        gap: pixels between patches.

    Returns:
        An 8-bit picture, laid out as a mosaic is; each patch on a scale of its own.
    """
    enlarge = -(-cell // filters.shape[-1])
    tiles = (_around_zero(filters, "own") * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)
    return _in_grid(list(tiles.repeat(enlarge, axis=1).repeat(enlarge, axis=2)), gap)


def heat(values: NDArray[np.float32], seen: Pixels, reach: float | None = None) -> Pixels:
    """Lay a heat map over the photo, smoothly enlarged: dim where little, lit where much.

    Args:
        values: (h, w), at least 0, in any unit.
        seen: the photo as the network sees it, (H, W, 3).
        reach: what is fully lit, at least the greatest value; None for just that.
    """
    height, width, _ = seen.shape
    scaled = values / ((values.max() if reach is None else reach) or 1)
    light = _enlarged(scaled, (width, height))
    colours = _colours(_VIRIDIS)[light]
    weight = 0.25 + 0.5 * light[..., None] / 255
    grey = seen.mean(axis=2, keepdims=True)
    return ((1 - weight) * (0.5 * seen + 0.5 * grey) + weight * colours).astype(np.uint8)


def contrast(balance: NDArray[np.float32], seen: Pixels) -> Pixels:
    """Lay what speaks for one thing and what for another over the photo, smoothly enlarged.

    Args:
        balance: (h, w) in [-1, 1]; red above zero, blue below, grey at it.
        seen: the photo as the network sees it, (H, W, 3).
    """
    height, width, _ = seen.shape
    tone = _enlarged(0.5 + 0.5 * balance, (width, height)) / 127.5 - 1
    weight = 0.8 * np.abs(tone)[..., None]
    colour = np.where(tone[..., None] > 0, _RED, _BLUE)
    return ((1 - weight) * seen.mean(axis=2, keepdims=True) + weight * colour).astype(np.uint8)


def sheet(rows: Sequence[Sequence[Pixels]], *, gap: int = 6) -> Pixels:
    """Lay pictures of any size out in rows, on white, each in the upper left of its place.

    Args:
        rows: 8-bit pictures, row by row; rows may be of different lengths.
        gap: pixels around them.
    """
    height, width = (max(p.shape[axis] for row in rows for p in row) + gap for axis in (0, 1))
    columns = max(map(len, rows))
    whole = np.full((len(rows) * height + gap, columns * width + gap, 3), 255, np.uint8)
    for number, row in enumerate(rows):
        for column, pixels in enumerate(row):
            top, left = number * height + gap, column * width + gap
            whole[top : top + len(pixels), left : left + pixels.shape[1]] = pixels
    return whole
