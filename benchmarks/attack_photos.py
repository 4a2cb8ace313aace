"""The 20 ImageNet photos that foolbox brings along, with their true classes."""

from __future__ import annotations

from pathlib import Path

import foolbox
import torch

from core.images import photos


def foolbox_photos(size: int) -> tuple[torch.Tensor, list[int]]:
    """Give the photos, (20, 3, size, size) in [0, 1], and what they really show."""
    files = sorted((Path(foolbox.__file__).parent / "data").glob("imagenet_*.jpg"))
    pictures = [photos.prepare(photos.decode(f.read_bytes(), f.name), size) for f in files]
    return torch.cat(pictures), [int(f.stem.split("_")[-1]) for f in files]
