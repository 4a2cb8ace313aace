"""What is trained, on which photos, and with which hyperparameters: all in one class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from core.problem import N_, Problem, check_range, check_seed

Strategy = Literal["head", "blocks", "scratch"]
OptimiserName = Literal["adam", "momentum", "sgd"]
ScheduleName = Literal["cosine", "constant", "warm-up"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
OPTIMISERS: tuple[OptimiserName, ...] = get_args(OptimiserName)
SCHEDULES: tuple[ScheduleName, ...] = get_args(ScheduleName)
LEARNING_RATES: dict[Strategy, dict[OptimiserName, float]] = {
    "head": {"adam": 0.01, "momentum": 0.3, "sgd": 3.0},
    "blocks": {"adam": 1e-4, "momentum": 1e-3, "sgd": 1e-2},
    "scratch": {"adam": 2e-3, "momentum": 0.05, "sgd": 0.2},
}
"""What suits each optimiser. That of pretrained blocks is far smaller than that of the head, which
learns from scaled embeddings: what the blocks know already is not to be forgotten."""
ALL_BLOCKS = 1000
"""More than any network has."""
MAX_HEAD_EPOCHS = 500
MAX_EPOCHS = 100
"""Of blocks."""
MAX_EPSILON = 16 / 255
_MAX_HEAD_BATCH = 10_000
_MAX_BATCH = 256


@dataclass(frozen=True)
class Settings:
    """How a network is trained; see `settings_for` for what suits each strategy.

    Attributes:
        blocks: how many of the last blocks are trained with the head: 0 for the head alone, on
            frozen features; None for the whole network, from random weights.
        epochs: how many times it goes through the training photos.
        learning_rate: the optimiser's at the start.
        batch: photos per step.
        optimiser: "adam" (Kingma and Ba 2015), "momentum" (SGD with 0.9) or "sgd".
        schedule: how the learning rate changes: "cosine" falls to zero, "constant" stays,
            "warm-up" rises for a tenth of the steps and then falls.
        weight_decay: how strongly weights are drawn towards zero, in examples: at 1, as much as
            one photo counts (the prior of a logistic regression).
        dropout: fraction of the head's inputs that are zeroed at each step (Srivastava et al.
            2014).
        clip: greatest norm of the gradient; 0 for any.
        label_smoothing: fraction of the probability that is spread over all classes (Szegedy et
            al. 2016).
        patience: epochs without a lower validation loss after which it stops early; 0 for never.
        augmentation: whether the blocks are trained on several views of each photo.
        epsilon: if not 0, each photo is changed against the network before it is trained on, by
            at most this much in every pixel (usually 1/255 to 8/255): adversarial training of the
            blocks. The latest epoch is kept then, and patience never runs out.
        head_epochs, head_learning_rate: of the head, which is trained before pretrained blocks.
        per_class: training photos per class; None for seven in ten (see `datasets.to_learn_from`).
        validation_per_class: validation photos per class, at most; None for all others.
        reserve: whether enough photos stay for validation; see `datasets.to_learn_from`.
        seed: of the split, the order of the photos, their views and random weights.
    """

    blocks: int | None = 0
    epochs: int = 40
    learning_rate: float = LEARNING_RATES["head"]["adam"]
    batch: int = 32
    optimiser: OptimiserName = "adam"
    schedule: ScheduleName = "cosine"
    weight_decay: float = 0.5
    dropout: float = 0.0
    clip: float = 0.0
    label_smoothing: float = 0.0
    patience: int = 0
    augmentation: bool = False
    epsilon: float = 0.0
    head_epochs: int = 40
    head_learning_rate: float = LEARNING_RATES["head"]["adam"]
    per_class: int | None = None
    validation_per_class: int | None = None
    reserve: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings with which nothing can be trained.

        Raises:
            Problem: a value is out of its range.
            ValueError: there is no such optimiser or schedule.
        """
        if self.optimiser not in OPTIMISERS or self.schedule not in SCHEDULES:
            raise ValueError(f"{self.optimiser} or {self.schedule} is unknown")
        is_head = self.strategy == "head"
        _check_epochs(self.epochs, MAX_HEAD_EPOCHS if is_head else MAX_EPOCHS)
        _check_epochs(self.head_epochs, MAX_HEAD_EPOCHS)
        if self.per_class is not None and self.per_class < 1:
            raise Problem(
                N_("It takes at least 1 photo per class to learn from, not {value}."),
                value=self.per_class,
            )
        check_range(N_("number of blocks"), self.blocks or 0, 0, ALL_BLOCKS)
        check_range(N_("learning rate"), self.learning_rate, 1e-9, 100)
        check_range(N_("learning rate"), self.head_learning_rate, 1e-9, 100)
        check_range(N_("batch size"), self.batch, 1, _MAX_HEAD_BATCH if is_head else _MAX_BATCH)
        check_range(N_("weight decay"), self.weight_decay, 0, 1e4)
        check_range(N_("dropout"), self.dropout, 0, 0.95)
        check_range(N_("gradient clipping"), self.clip, 0, 1e6)
        check_range(N_("label smoothing"), self.label_smoothing, 0, 0.95)
        check_range(N_("patience"), self.patience, 0, 500)
        # FGSM changes pictures, and a head alone is not shown any.
        most = 0.0 if is_head else MAX_EPSILON
        check_range(N_("ε of adversarial training"), self.epsilon, 0, most)
        check_seed(self.seed)

    @property
    def strategy(self) -> Strategy:
        """What is trained: the head alone, the last blocks with it, or everything from scratch."""
        if self.blocks is None:
            return "scratch"
        return "blocks" if self.blocks else "head"

    @property
    def of_head(self) -> Settings:
        """How the head is trained alone: by these settings, or before the blocks are."""
        if self.strategy == "head":
            return self
        return replace(
            self,
            blocks=0,
            epochs=self.head_epochs,
            learning_rate=self.head_learning_rate,
            batch=Settings.batch,
            epsilon=0.0,
        )

    def batches(self, photos: int) -> int:
        """Return how many batches of so many photos an epoch has."""
        return -(-photos // self.batch)


def _check_epochs(epochs: int, most: int) -> None:
    if not 1 <= epochs <= most:
        raise Problem(
            N_("Between 1 and {most} epochs can be trained, not {value}."), most=most, value=epochs
        )


def settings_for(strategy: Strategy, optimiser: OptimiserName = "adam", **chosen: Any) -> Settings:
    """Return the settings that suit what is trained and the optimiser.

    Args:
        strategy: what is trained.
        optimiser: see `Settings`.
        **chosen: further fields of `Settings`, which go before what is usual.

    Raises:
        Problem: one of them is out of its range.
    """
    usual: dict[Strategy, dict[str, Any]] = {
        "head": {},
        "blocks": {"blocks": 2, "epochs": 6, "batch": 16, "augmentation": True},
        "scratch": {"blocks": None, "epochs": 6, "batch": 16, "augmentation": True},
    }
    rates = {
        "learning_rate": LEARNING_RATES[strategy][optimiser],
        "head_learning_rate": LEARNING_RATES["head"][optimiser],
    }
    return Settings(optimiser=optimiser, **(usual[strategy] | rates | chosen))
