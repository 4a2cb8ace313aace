"""Training more than the head: the last blocks of a network, or all of it from random weights.

What lies before the first block that learns never changes, so its maps are computed once per
photo and view, and each epoch only runs through what learns. Where there are too many photos for
that, they are computed anew for each batch.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import fx, nn

from core import photos
from core.problem import N_, check_range, check_seed
from core.steps import Step, Steps
from core.training.data import Photo
from core.training.descent import (
    Batch,
    Examples,
    Group,
    OptimiserName,
    Tricks,
    descend,
    dropped,
)
from core.training.head import (
    Examination,
    LinearHead,
    blank_layer,
    examined,
    is_enough,
    scores,
)
from core.zoo import loading
from core.zoo.chains import chained
from core.zoo.classifier import Classifier, Provenance
from core.zoo.graph import rest, tap

MAX_EPOCHS = 100
ALL_BLOCKS = 1000
"""More than any network has."""
MAX_EPSILON = 16 / 255
LEARNING_RATES: dict[OptimiserName, float] = {"adam": 1e-4, "momentum": 1e-3, "sgd": 1e-2}
"""Far smaller than a head's: what the blocks know already is not to be forgotten."""
SCRATCH_LEARNING_RATES: dict[OptimiserName, float] = {"adam": 2e-3, "momentum": 0.05, "sgd": 0.2}
_BATCH_OF_MAPS = 4
_MOST_BYTES_OF_MAPS = 300_000_000
_ZOOM = 0.85


@dataclass(frozen=True)
class TuningSettings:
    """How blocks are trained.

    Attributes:
        blocks: how many of the last ones learn, with the head; None for all, from random weights.
        epochs: how many times all photos are learned from.
        learning_rate: the optimiser's at the start, for blocks and head.
        batch: photos per step.
        seed: of the order of the photos, the views and, where they are random, the weights.
        epsilon: if not 0, each photo is changed against the network before it is learned from,
            by at most this much in every pixel (1/255 to 8/255): adversarial training.
        tricks: what is done beyond plain descent.
    """

    blocks: int | None = 2
    epochs: int = 6
    learning_rate: float = LEARNING_RATES["adam"]
    batch: int = 16
    seed: int = 0
    epsilon: float = 0.0
    tricks: Tricks = field(default_factory=lambda: Tricks(augmentation=True))

    def __post_init__(self) -> None:
        """Refuse settings with which nothing can be learned.

        Raises:
            Problem: a setting is out of its range.
        """
        if self.blocks is not None:
            check_range(N_("number of blocks"), self.blocks, 1, ALL_BLOCKS)
        check_range(N_("number of epochs"), self.epochs, 1, MAX_EPOCHS)
        check_range(N_("learning rate"), self.learning_rate, 1e-9, 100)
        check_range(N_("batch size"), self.batch, 1, 256)
        check_range(N_("ε of adversarial training"), self.epsilon, 0, MAX_EPSILON)
        check_seed(self.seed)


@dataclass(frozen=True)
class Tuned:
    """The best weights so far.

    Attributes:
        classifier: the network with its trained body, and still the head of `base`.
        head: the trained head.
        epoch: after which they were taken, from 1.
        examination: the answers for the validation photos.
    """

    classifier: Classifier
    head: LinearHead
    epoch: int
    examination: Examination


Views = Callable[[torch.Tensor], list[torch.Tensor]]
"""Gives the views of pictures (n, 3, S, S) that are learned from; the first is as they are."""


class _Seen(Protocol):
    """What the part that never changes makes of n photos."""

    @property
    def labels(self) -> torch.Tensor:
        """Their classes, (n,)."""
        ...

    def draw(self, chosen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Give one view of each of the chosen photos, by chance, (chosen, ...)."""
        ...

    def as_they_are(self, chosen: torch.Tensor) -> torch.Tensor:
        """Give the chosen photos in their first view, (chosen, ...)."""
        ...


@dataclass(frozen=True)
class _Kept:
    """Computed once, (views, n, ...)."""

    views: torch.Tensor
    labels: torch.Tensor

    def draw(self, chosen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        view = torch.randint(len(self.views), (len(chosen),), generator=generator)
        return self.views[view, chosen]

    def as_they_are(self, chosen: torch.Tensor) -> torch.Tensor:
        return self.views[0, chosen]


@dataclass(frozen=True)
class _Anew:
    """Computed for each batch, since all of it would take too much memory."""

    learner: _Learner
    photos: Sequence[Photo]
    ways: Views
    labels: torch.Tensor

    def draw(self, chosen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        views = [self.ways(picture) for picture in self._pictures(chosen)]
        view = torch.randint(len(views[0]), (len(chosen),), generator=generator).tolist()
        drawn = torch.cat([some[place] for some, place in zip(views, view, strict=True)])
        return self.learner.prepare(drawn)

    def as_they_are(self, chosen: torch.Tensor) -> torch.Tensor:
        return self.learner.prepare(torch.cat(self._pictures(chosen)))

    def _pictures(self, chosen: torch.Tensor) -> list[torch.Tensor]:
        size = self.learner.plain.input_size
        return [_picture(self.photos[place], size) for place in chosen.tolist()]


class _Learner:
    """The part of a network that learns, and the part before it that does not."""

    def __init__(
        self, base: Classifier, plain: Classifier, settings: TuningSettings, classes: int
    ) -> None:
        self.base = base
        self.plain = plain
        plain.body.requires_grad_(False)
        learns_all = settings.blocks is None or settings.blocks >= len(plain.layers)
        # A photo that is changed anew at each step has no maps that could be kept.
        self.from_pictures = learns_all or settings.epsilon > 0
        learning = plain.body
        if settings.blocks is not None and not learns_all:
            last_frozen = -settings.blocks - 1
            learning = rest(plain.body, plain.layers[last_frozen].node)
            # What does not learn is faster in the form that cannot.
            self._node = base.layers[last_frozen].node
            self._before = chained(tap(base.body, [self._node]))
        learning.requires_grad_(True)
        self.body: fx.GraphModule = plain.body if self.from_pictures else learning
        self.head = blank_layer(plain.head.in_features, classes)

    @torch.no_grad()
    def prepare(self, pictures: torch.Tensor) -> torch.Tensor:
        """Give what is kept of pictures (n, 3, S, S) in [0, 1]: pixels, or maps."""
        if self.from_pictures:
            return pictures.mul(255).round_().byte()
        maps: torch.Tensor = self._before(self.base.normalise(pictures))[self._node]
        return maps

    def embed(self, kept: torch.Tensor) -> torch.Tensor:
        """Go on from what was kept, (n, ...), to embeddings (n, D)."""
        if self.from_pictures:
            kept = self.plain.normalise(kept if kept.is_floating_point() else kept / 255)
        embedding: torch.Tensor = self.body(kept)
        return embedding

    def against(
        self, kept: torch.Tensor, labels: torch.Tensor, epsilon: float, random: torch.Generator
    ) -> torch.Tensor:
        """Change pictures (n, 3, S, S) so that the network is wrong more often, within ε.

        One step of FGSM from a random start, which is as good as many (Wong, Rice and Kolter
        2020, "Fast is better than free").
        """
        pictures = kept / 255
        start = epsilon * (2 * torch.rand(pictures.shape, generator=random) - 1)
        changed = (pictures + start).clamp(0, 1).requires_grad_()
        loss = nn.functional.cross_entropy(self.head(self.embed(changed)), labels)
        (slope,) = torch.autograd.grad(loss, changed)
        further = changed.detach() + 1.25 * epsilon * slope.sign()
        return pictures + (further - pictures).clamp(-epsilon, epsilon).clamp(
            -pictures, 1 - pictures
        )

    def learn_norms(self, learning: bool) -> None:
        """Let batch norms use the batch's own statistics, or those of their training."""
        for module in self.body.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(learning)


def tune(
    base: Classifier,
    train: Sequence[Photo],
    validation: Sequence[Photo],
    classes: int,
    start: LinearHead | None,
    settings: TuningSettings,
) -> Steps[Tuned]:
    """Train the last blocks of a network together with a head.

    From random weights, batch norms learn what photos look like; otherwise they keep what
    ImageNet taught them, which a few photos would only blur.

    Args:
        base: the network in its fast form; it is not changed.
        train: readable photos to learn from.
        validation: readable photos to be examined on after each epoch.
        classes: how many there are.
        start: the head to start from, trained on `base`'s embeddings; None for a blank one.
        settings: how.

    Yields:
        Steps counted in photos and then in batches, with the losses and accuracies at the end
        of each epoch; from the first on, the result is the best epoch's network, or, in
        adversarial training, the latest one's.

    Raises:
        Problem: the weights of `base` are not here, or are damaged.
    """
    name = base.provenance.network
    is_random = settings.blocks is None
    plain = (
        loading.untrained(name, settings.seed) if is_random else loading.load(name, trainable=True)
    )
    learner = _Learner(base, plain, settings, classes)
    if start is not None:
        learner.head.load_state_dict({"weight": start.weight, "bias": start.bias})
    batches = -(-len(train) // settings.batch) * settings.epochs
    looks = len(train) + len(validation)
    learned = yield from _look(learner, train, settings, total=looks + batches)
    examined_on = yield from _look(
        learner, validation, settings, total=looks + batches, done=len(train)
    )
    phase = N_("training from nothing") if is_random else N_("fine-tuning the last blocks")
    best: Tuned | None = None
    for number, batch in enumerate(_descend(learner, learned, settings), start=1):
        now = Step(looks + number, looks + batches, phase=phase, result=best)
        if not batch.ends_epoch:
            yield now
            continue
        learner.learn_norms(False)
        training = yield from _examine(learner, learned, now)
        answers = yield from _examine(learner, examined_on, now)
        learner.learn_norms(is_random)
        # Photos that nobody has attacked would choose an epoch that does not withstand much yet.
        if best is None or settings.epsilon or answers.loss < best.examination.loss:
            best = _kept(base, learner, batch.epoch, answers)
        is_last = is_enough(batch.epoch, best.epoch, settings.tricks.patience)
        yield replace(
            now,
            total=now.index if is_last else now.total,
            scalars=scores(training, answers),
            result=best,
        )
        if is_last:
            return


def _descend(learner: _Learner, learned: _Seen, settings: TuningSettings) -> Iterator[Batch]:
    random = torch.Generator().manual_seed(settings.seed + 1)

    def model(kept: torch.Tensor) -> torch.Tensor:
        embedding = dropped(learner.embed(kept), settings.tricks.dropout, random)
        logits: torch.Tensor = learner.head(embedding)
        return logits

    def draw(chosen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        kept = learned.draw(chosen, generator)
        if not settings.epsilon:
            return kept
        return learner.against(kept, learned.labels[chosen], settings.epsilon, random)

    learner.learn_norms(settings.blocks is None)
    weights = tuple(p for p in learner.body.parameters() if p.requires_grad)
    return descend(
        model,
        [Group((*weights, *learner.head.parameters()), settings.learning_rate)],
        Examples(learned.labels, draw),
        settings.tricks,
        epochs=settings.epochs,
        batch=settings.batch,
        seed=settings.seed,
    )


def _look(
    learner: _Learner,
    wanted: Sequence[Photo],
    settings: TuningSettings,
    *,
    total: int,
    done: int = 0,
) -> Generator[Step[Tuned], None, _Seen]:
    """Compute what does not change, once per photo and view, as far as that fits."""
    size = learner.plain.input_size
    ways = _views if settings.tricks.augmentation and not done else _as_they_are
    labels = torch.tensor([photo.label for photo in wanted], dtype=torch.long)
    bytes_of_a_view = learner.prepare(_picture(wanted[0], size)).nbytes * len(wanted)
    if bytes_of_a_view > _MOST_BYTES_OF_MAPS:
        return _Anew(learner, wanted, ways, labels)
    fitting = _MOST_BYTES_OF_MAPS // bytes_of_a_view
    kept: list[torch.Tensor] = []
    for start in range(0, len(wanted), _BATCH_OF_MAPS):
        some = wanted[start : start + _BATCH_OF_MAPS]
        pictures = torch.cat([_picture(photo, size) for photo in some])
        kept.append(torch.stack([learner.prepare(view) for view in ways(pictures)[:fitting]]))
        yield Step(done + start + len(some), total, phase=N_("looking at the photos"))
    return _Kept(torch.cat(kept, dim=1), labels)


def _picture(photo: Photo, size: int) -> torch.Tensor:
    return photos.prepare(photos.decode(photo.data, photo.name), size)


def _as_they_are(pictures: torch.Tensor) -> list[torch.Tensor]:
    return [pictures]


def _views(pictures: torch.Tensor) -> list[torch.Tensor]:
    """Give pictures (n, 3, S, S) as they are, mirrored, nearer, and nearer mirrored."""
    size = pictures.shape[-1]
    margin = round(size * (1 - _ZOOM) / 2)
    inner = pictures[..., margin : size - margin, margin : size - margin]
    nearer = nn.functional.interpolate(
        inner, size=(size, size), mode="bilinear", align_corners=False
    )
    return [pictures, pictures.flip(-1), nearer, nearer.flip(-1)]


@torch.no_grad()
def _answer(learner: _Learner, kept: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = learner.head(learner.embed(kept))
    return logits


def _examine(
    learner: _Learner, seen: _Seen, now: Step[Tuned]
) -> Generator[Step[Tuned], None, Examination]:
    """Let the network answer, a few photos at a time, so that others get their turns."""
    logits: list[torch.Tensor] = []
    for some in torch.split(torch.arange(len(seen.labels)), 4 * _BATCH_OF_MAPS):
        logits.append(_answer(learner, seen.as_they_are(some)))
        yield replace(now, phase=N_("examining"))
    return examined(torch.cat(logits), seen.labels)


def _kept(base: Classifier, learner: _Learner, epoch: int, answers: Examination) -> Tuned:
    body = copy.deepcopy(learner.plain.body)
    norms = loading.fast(body)
    origin = Provenance(
        network=base.provenance.network,
        weights="trained here from random weights"
        if learner.plain.provenance.body
        else f"last blocks fine-tuned here on {base.title}",
        licence=base.provenance.licence,
        body=f"tuned-{fingerprint(body)}",
    )
    head = LinearHead(learner.head.weight.detach().clone(), learner.head.bias.detach().clone())
    return Tuned(base.with_body(body, norms=norms, origin=origin), head, epoch, answers)


def fingerprint(body: nn.Module) -> str:
    """Give an id that two bodies share only if their weights are the same."""
    digest = hashlib.sha256()
    for name, tensor in body.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
