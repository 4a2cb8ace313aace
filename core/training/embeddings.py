"""What the frozen network makes of each photo, computed once and remembered."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing.pool import ThreadPool

import torch

from core import cores, effort, photos
from core.photo_files import Skipped
from core.problem import N_, Problem
from core.steps import Step
from core.training.data import Photo
from core.zoo.classifier import Classifier

_BATCH = 4
"""Small batches stay in the processor's cache: a third faster than 32."""
_CACHE_BYTES = 160_000_000


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
        """Give a remembered embedding (D,), or None."""
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
    features: list[torch.Tensor] = []
    readable: list[Photo] = []
    skipped: list[Skipped] = []
    batches = [wanted[start : start + _BATCH] for start in range(0, len(wanted), _BATCH)]
    done = 0
    for batch, rows in zip(batches, _side_by_side(classifier, batches, cache), strict=True):
        for photo, row in zip(batch, rows, strict=True):
            if isinstance(row, Problem):
                skipped.append(Skipped(photo.name, row))
            else:
                features.append(row)
                readable.append(photo)
        done += len(batch)
        yield Step(done, len(wanted), phase=N_("looking at the photos"))
    return Embedded(
        torch.stack(features) if features else torch.empty(0, 0),
        torch.tensor([photo.label for photo in readable], dtype=torch.long),
        tuple(readable),
        tuple(skipped),
    )


def _side_by_side(
    classifier: Classifier, batches: Sequence[Sequence[Photo]], cache: EmbeddingCache
) -> Iterator[list[torch.Tensor | Problem]]:
    """Look at batches, one on each core, and give what is found in their order.

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
                found = next(looked)
            yield found


def _alone(started: threading.Barrier) -> None:
    """Let a thread compute on one core, and say that it will."""
    cores.roam()
    torch.set_num_threads(1)
    started.wait()


def _look(
    classifier: Classifier, batch: Sequence[Photo], cache: EmbeddingCache
) -> list[torch.Tensor | Problem]:
    """Give each photo's embedding (D,), remembered or computed, or why there is none."""
    keys = [_key(classifier, photo) for photo in batch]
    found: list[torch.Tensor | Problem | None] = [cache.get(key) for key in keys]
    unknown: list[tuple[int, torch.Tensor]] = []
    for place, photo in enumerate(batch):
        if found[place] is None:
            try:
                picture = photos.decode(photo.data, photo.name)
                unknown.append((place, photos.prepare(picture, classifier.input_size)))
            except Problem as reason:
                found[place] = reason
    for (place, _), embedding in zip(unknown, _compute(classifier, unknown), strict=True):
        cache.put(keys[place], embedding)
        found[place] = embedding
    return [row for row in found if row is not None]


def _key(classifier: Classifier, photo: Photo) -> tuple[str, str, bytes]:
    origin = classifier.provenance
    return origin.network, origin.body, hashlib.sha256(photo.data).digest()


def _compute(
    classifier: Classifier, pictures: Sequence[tuple[int, torch.Tensor]]
) -> list[torch.Tensor]:
    if not pictures:
        return []
    batch = torch.cat([picture for _, picture in pictures]).to(classifier.device)
    with torch.no_grad():
        embeddings = classifier.embed(batch)
    # Clones, so that one remembered row does not keep its whole batch in memory.
    return [row.clone() for row in embeddings.float().cpu()]
