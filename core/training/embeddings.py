"""What the frozen part of a network makes of photos, computed once.

Where only the head is trained, that is an embedding per photo, which is kept for later trainings
too. Where the last blocks are trained, it is the maps before them, for each photo and view; where
there are too many photos for that, they are computed anew for each batch.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing.pool import ThreadPool
from typing import Any

import torch
import torch.nn.functional as F

from core import cores, effort
from core.data.datasets import Photo
from core.data.photo_files import Skipped
from core.images import photos
from core.problem import N_, Problem
from core.steps import Step
from core.zoo.classifier import Classifier

_BATCH = 4
"""Small batches stay in the processor's cache: a third faster than 32."""
_CACHE_BYTES = 160_000_000
_MOST_BYTES_OF_MAPS = 300_000_000
_ZOOM = 0.85
Frozen = Callable[[torch.Tensor], torch.Tensor]
"""From pictures (n, 3, S, S) in [0, 1] to what the frozen part of a network makes of them."""


@dataclass(frozen=True)
class Embedded:
    """The embeddings of some photos.

    Attributes:
        features: (n, D) float32.
        labels: (n,) integers.
        photos: the n photos.
        skipped: files that could not be read, with the reasons.
    """

    features: torch.Tensor
    labels: torch.Tensor
    photos: tuple[Photo, ...]
    skipped: tuple[Skipped, ...]

    @property
    def labelled(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (n, D) with labels (n,)."""
        return self.features, self.labels

    def of(self, wanted: Sequence[Photo]) -> Embedded:
        """Return the part that belongs to these photos."""
        ids = set(map(id, wanted))
        places = [place for place, photo in enumerate(self.photos) if id(photo) in ids]
        photos = tuple(self.photos[place] for place in places)
        return Embedded(self.features[places], self.labels[places], photos, self.skipped)


class Examples:
    """What the trained part of a network is fed for n photos.

    Attributes:
        labels: their classes, (n,).
        at_once: how many are evaluated together.
    """

    at_once = 10_000

    def __init__(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        """Take inputs (n, ...) and labels (n,)."""
        self._inputs = inputs
        self.labels = labels

    def draw(self, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return a random view of each photo of a batch (b,), (b, ...); here there is one."""
        return self.plain(batch)

    def plain(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the photos of a batch (b,) as they are, (b, ...)."""
        return self._inputs[batch]


class EmbeddingCache:
    """Remembers embeddings by network and photo content, up to a number of bytes.

    The keys are hashes and the values averages over a photo, so nobody's photos are kept.
    """

    def __init__(self, max_bytes: int = _CACHE_BYTES) -> None:
        """Start empty; the least recently used embeddings go first."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[tuple[str, str, bytes], torch.Tensor] = OrderedDict()
        self._lock = threading.Lock()
        self.on_put: Callable[[tuple[str, str, bytes], torch.Tensor], None] = lambda key, row: None
        """Told of each embedding that is remembered, from any thread; it must be quick."""

    def get(self, key: tuple[str, str, bytes]) -> torch.Tensor | None:
        """Return a remembered embedding (D,), or None."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: tuple[str, str, bytes], embedding: torch.Tensor) -> None:
        """Remember an embedding (D,)."""
        with self._lock:
            if key not in self._entries:
                self._bytes += embedding.nbytes
            self._entries[key] = embedding
            while self._bytes > self._max_bytes and len(self._entries) > 1:
                self._bytes -= self._entries.popitem(last=False)[1].nbytes
        self.on_put(key, embedding)


@lru_cache(maxsize=1)
def shared_cache() -> EmbeddingCache:
    """The process's one cache."""
    return EmbeddingCache()


def embed(
    classifier: Classifier, wanted: Sequence[Photo], cache: EmbeddingCache
) -> Generator[Step[Embedded], None, Embedded]:
    """Compute the embeddings of photos, a batch at a time, leaving out unreadable ones.

    Args:
        classifier: the frozen network.
        wanted: the photos.
        cache: where to look first, and to remember.

    Yields:
        Steps counted in photos.

    Returns:
        The embeddings, in the order of the photos.
    """
    batches = [wanted[start : start + _BATCH] for start in range(0, len(wanted), _BATCH)]
    return (yield from gathered(batches, _side_by_side(classifier, batches, cache)))


def gathered(
    batches: Sequence[Sequence[Photo]], rows: Iterable[list[torch.Tensor | Problem]]
) -> Generator[Step[Embedded], None, Embedded]:
    """Put features together that are computed a batch at a time.

    Args:
        batches: of photos.
        rows: for each batch, the features (D,) of its photos, or why there are none.

    Yields:
        Steps counted in photos.

    Returns:
        The features of all that could be read, in their order.
    """
    features: list[torch.Tensor] = []
    readable: list[Photo] = []
    skipped: list[Skipped] = []
    total, done = sum(map(len, batches)), 0
    for batch, of_batch in zip(batches, rows, strict=True):
        for photo, row in zip(batch, of_batch, strict=True):
            if isinstance(row, Problem):
                skipped.append(Skipped(photo.name, row))
            else:
                features.append(row)
                readable.append(photo)
        done += len(batch)
        yield Step(done, total, phase=N_("looking at the photos"))
    return Embedded(
        torch.stack(features) if features else torch.empty(0, 0),
        _labels(readable),
        tuple(readable),
        tuple(skipped),
    )


def _side_by_side(
    classifier: Classifier, batches: Sequence[Sequence[Photo]], cache: EmbeddingCache
) -> Iterator[list[torch.Tensor | Problem]]:
    """Look at batches, one on each core, and return their rows in order.

    That is faster than all cores on one batch, which wait for each other at every layer, and
    decoding a photo takes only one core anyway.
    """
    workers = torch.get_num_threads() if classifier.device.type == "cpu" else 1
    started = threading.Barrier(workers + 1)
    with ThreadPool(workers, _alone, (started,)) as pool:
        started.wait()
        torch.set_num_threads(workers)  # PyTorch takes the last word for all threads to come
        looked = pool.imap(partial(_look, classifier, cache=cache), batches)
        for _ in batches:
            with effort.waiting():
                rows = next(looked)
            yield rows


def _alone(started: threading.Barrier) -> None:
    """Let a thread compute on one core, and say that it will."""
    cores.roam()
    torch.set_num_threads(1)
    started.wait()


def _look(
    classifier: Classifier, batch: Sequence[Photo], cache: EmbeddingCache
) -> list[torch.Tensor | Problem]:
    """Return each photo's embedding (D,), remembered or computed, or why there is none."""
    keys = [_key(classifier, photo) for photo in batch]
    rows: list[torch.Tensor | Problem | None] = [cache.get(key) for key in keys]
    pictures: dict[int, torch.Tensor] = {}
    for place, photo in enumerate(batch):
        if rows[place] is None:
            try:
                pictures[place] = _pictures([photo], classifier.input_size)
            except Problem as reason:
                rows[place] = reason
    if pictures:
        with torch.no_grad():
            embeddings = classifier.embed(torch.cat([*pictures.values()]).to(classifier.device))
        for place, row in zip(pictures, embeddings.float().cpu(), strict=True):
            # A clone, so that one remembered row does not keep its whole batch in memory.
            rows[place] = embedding = row.clone()
            cache.put(keys[place], embedding)
    return [row for row in rows if row is not None]


def _key(classifier: Classifier, photo: Photo) -> tuple[str, str, bytes]:
    origin = classifier.provenance
    return origin.network, origin.body, hashlib.sha256(photo.data).digest()


class _Views(Examples):
    """Several views of each photo, (views, n, ...), computed once."""

    at_once = 4 * _BATCH

    def draw(self, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        view = torch.randint(len(self._inputs), (len(batch),), generator=generator)
        return self._inputs[view, batch]

    def plain(self, batch: torch.Tensor) -> torch.Tensor:
        return self._inputs[0, batch]


class _Recomputed(Examples):
    """Views that are computed for each batch, since all of them would take too much memory."""

    at_once = 4 * _BATCH

    def __init__(
        self, frozen: Frozen, size: int, wanted: Sequence[Photo], views: _Augmentation
    ) -> None:
        super().__init__(torch.empty(0), _labels(wanted))
        self._frozen, self._size, self._photos, self._views = frozen, size, wanted, views

    def draw(self, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        views = self._views(self._pictures(batch))
        view = torch.randint(len(views), (len(batch),), generator=generator)
        return self._frozen(torch.stack(views)[view, torch.arange(len(batch))])

    def plain(self, batch: torch.Tensor) -> torch.Tensor:
        return self._frozen(self._pictures(batch))

    def _pictures(self, batch: torch.Tensor) -> torch.Tensor:
        return _pictures([self._photos[place] for place in batch.tolist()], self._size)


def compute_views(
    frozen: Frozen, size: int, wanted: Sequence[Photo], *, augmentation: bool
) -> Generator[Step[Any], None, Examples]:
    """Compute what does not change while blocks are trained, as far as it fits into memory.

    Args:
        frozen: the frozen part of the network.
        size: side of its pictures.
        wanted: readable photos.
        augmentation: whether there are further views of each photo.

    Yields:
        Steps counted in photos.
    """
    views = _augmented if augmentation else _unchanged
    bytes_of_a_view = frozen(_pictures(wanted[:1], size)).nbytes * len(wanted)
    if bytes_of_a_view > _MOST_BYTES_OF_MAPS:
        return _Recomputed(frozen, size, wanted, views)
    fitting = _MOST_BYTES_OF_MAPS // bytes_of_a_view
    computed: list[torch.Tensor] = []
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        pictures = views(_pictures(batch, size))[:fitting]
        computed.append(torch.stack([frozen(view) for view in pictures]))
        yield Step(start + len(batch), len(wanted), phase=N_("looking at the photos"))
    return _Views(torch.cat(computed, dim=1), _labels(wanted))


_Augmentation = Callable[[torch.Tensor], list[torch.Tensor]]
"""From pictures (n, 3, S, S) to views of them; the first is as they are."""


def _unchanged(pictures: torch.Tensor) -> list[torch.Tensor]:
    return [pictures]


def _augmented(pictures: torch.Tensor) -> list[torch.Tensor]:
    """Return pictures (n, 3, S, S) as they are, mirrored, nearer, and nearer mirrored."""
    size = pictures.shape[-1]
    margin = round(size * (1 - _ZOOM) / 2)
    inner = pictures[..., margin : size - margin, margin : size - margin]
    nearer = F.interpolate(inner, size=(size, size), mode="bilinear", align_corners=False)
    return [pictures, pictures.flip(-1), nearer, nearer.flip(-1)]


def _labels(wanted: Sequence[Photo]) -> torch.Tensor:
    return torch.tensor([photo.label for photo in wanted], dtype=torch.long)


def _pictures(wanted: Sequence[Photo], size: int) -> torch.Tensor:
    """Decode photos to (n, 3, size, size) in [0, 1]."""
    return torch.cat([photos.prepare(photos.decode(p.data, p.name), size) for p in wanted])
