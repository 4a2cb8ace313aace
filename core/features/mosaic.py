"""Feature maps as pictures: all of them in one, one laid over the photo, the lesson's strip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.features.maps import FeatureMaps, Spot
from core.steps import Pixels

Scale = Literal["own", "common"]

# Ten anchors of viridis (Smith and van der Walt, CC0): even steps look even, in grey print too.
_VIRIDIS = "440154 482878 3e4a89 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725"  # fmt: skip
# ColorBrewer's RdBu (Apache-2.0), from blue through white to red.
_DIVERGING = "053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f"
_DARK = 0.22
"""How bright what is not lit stays."""
_TINY = 1e-9
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
    columns, rows = grid(len(maps))
    cell = max(8, (width - gap) // columns - gap)
    picture = np.full((rows * (cell + gap) + gap, columns * (cell + gap) + gap, 3), 255, np.uint8)
    colours = _colours(_DIVERGING if features.signed else _VIRIDIS)
    shares_of = _around_zero if features.signed else _stretched
    for position, shares in enumerate(shares_of(maps, scale)[..., :width_of_a_map]):
        row, column = divmod(position, columns)
        top, left = row * (cell + gap) + gap, column * (cell + gap) + gap
        tile = Image.fromarray((shares * 255).astype(np.uint8))
        enlarged = np.asarray(tile.resize((cell, cell), Image.Resampling.NEAREST))
        picture[top : top + cell, left : left + cell] = colours[enlarged]
    return picture


def grid(count: int) -> tuple[int, int]:
    """Give columns and rows of a mosaic: between square and three times as wide as high.

    The last row is as full as it can be; among equals, the shape nearest to 2:1 wins.
    """
    candidates = range(math.isqrt(count - 1) + 1, math.ceil(math.sqrt(3 * count)) + 1)
    columns = min(candidates, key=lambda n: (-count % n, abs(n - math.sqrt(2 * count))))
    return columns, math.ceil(count / columns)


def _stretched(maps: NDArray[np.float32], scale: Scale) -> NDArray[np.float32]:
    """Bring maps (N, h, w) to [0, 1], each by itself or all together; flat ones become 0."""
    axes = (1, 2) if scale == "own" else None
    low = maps.min(axis=axes, keepdims=True)
    span = maps.max(axis=axes, keepdims=True) - low
    stretched: NDArray[np.float32] = (maps - low) / np.where(span > 0, span, 1)
    return stretched


def _around_zero(maps: NDArray[np.float32], scale: Scale) -> NDArray[np.float32]:
    """Bring maps (N, h, w) to [0, 1] with zero at one half."""
    axes = (1, 2) if scale == "own" else None
    reach = np.abs(maps).max(axis=axes, keepdims=True)
    shares: NDArray[np.float32] = (0.5 + maps / np.where(reach > 0, 2 * reach, 1)).astype(
        np.float32
    )
    return shares


def overlay(features: FeatureMaps, channel: int, seen: Pixels) -> Pixels:
    """Lay one map over the photo: bright where the channel is active, dim where it is not.

    Brightest is its greatest value, as for `maps.spot`; less than nothing is as dim as nothing.

    Args:
        features: the maps.
        channel: which.
        seen: the photo as the network sees it, (H, W, 3).
    """
    values = features.maps[channel]
    active = np.maximum(values, 0) if values.max() > 0 else values
    shares = _stretched(active[None], "own")[0]
    height, width, _ = seen.shape
    light = Image.fromarray((shares * 255).astype(np.uint8))
    light = light.resize((width, height), Image.Resampling.BICUBIC)
    return (seen * (0.3 + 0.7 * np.asarray(light)[..., None] / 255)).astype(np.uint8)


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
    shares = np.sqrt(((values - least) / max(most - least, _TINY)).clip(0, 1))
    height, width, _ = seen.shape
    light = Image.fromarray((shares * 255).astype(np.uint8))
    light = light.resize((width, height), Image.Resampling.BICUBIC)
    lit = np.asarray(light)[..., None] / 255
    grey = seen.mean(axis=-1, keepdims=True)
    return (_DARK * grey * (1 - lit) + seen * lit).astype(np.uint8)


def _colours(map: str) -> Pixels:
    """A colour map, given by evenly spaced anchors, as 256 RGB rows."""
    anchors = np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in map.split()])
    places = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(places, np.arange(len(anchors)), anchors[:, i]) for i in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def marked(seen: Pixels, spot: Spot) -> Pixels:
    """Draw a spot's receptive field on the photo: a box, and the rest a little darker.

    Args:
        seen: the photo as the network sees it, (H, W, 3).
        spot: of one of its maps; see `maps.spot`.
    """
    height, width, _ = seen.shape
    left, top, right, bottom = (round(edge) for edge in spot.box)
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
    shares = (_around_zero if features.signed else _stretched)(maps, "common")
    columns = (shares.reshape(len(maps), -1).T * 255).astype(np.uint8)
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
    count, _, side, _ = filters.shape
    reach = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    shares = 0.5 + filters / np.where(reach > 0, 2 * reach, 1)
    enlarge = -(-cell // side)
    tiles = (shares * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)
    tiles = tiles.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    cell = side * enlarge
    columns, rows = grid(count)
    picture = np.full((rows * (cell + gap) + gap, columns * (cell + gap) + gap, 3), 255, np.uint8)
    for position, tile in enumerate(tiles):
        row, column = divmod(position, columns)
        top, left = row * (cell + gap) + gap, column * (cell + gap) + gap
        picture[top : top + cell, left : left + cell] = tile
    return picture


def heat(shares: NDArray[np.float32], seen: Pixels, reach: float | None = None) -> Pixels:
    """Lay a heat map over the photo, smoothly enlarged: dim where little, lit where much.

    Args:
        shares: (h, w), at least 0, in any unit.
        seen: the photo as the network sees it, (H, W, 3).
        reach: what is fully lit, at least the greatest of the shares; None for just that.
    """
    height, width, _ = seen.shape
    stretched = shares / ((shares.max() if reach is None else reach) or 1)
    light = Image.fromarray((stretched * 255).astype(np.uint8))
    light = light.resize((width, height), Image.Resampling.BICUBIC)
    colours = _colours(_VIRIDIS)[np.asarray(light)]
    weight = 0.25 + 0.5 * np.asarray(light)[..., None] / 255
    grey = seen.mean(axis=2, keepdims=True)
    return ((1 - weight) * (0.5 * seen + 0.5 * grey) + weight * colours).astype(np.uint8)


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
