"""What is trained, on which photos, and with which hyperparameters: all in one class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

from core.problem import MOST_SEED, N_, Problem, check_range
from core.setting import Setting, check, setting, settings_of

Strategy = Literal["head", "blocks", "scratch"]
OptimiserName = Literal["adam", "momentum", "sgd"]
ScheduleName = Literal["cosine", "constant", "warm-up"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
ALL = "all"
"""Each strategy in turn."""
STRATEGY_TITLES = {
    "head": N_("Only the head"),
    "blocks": N_("The last blocks too"),
    "scratch": N_("All, from nothing"),
    ALL: N_("Compare all three"),
}
STRATEGY = Setting(
    choices=STRATEGY_TITLES,
    label=N_("What learns"),
    help=N_(
        "**Only the head**: the network's last layer; the rest is frozen, so each photo is "
        "looked at once. **The last blocks too**: fine-tuning, starting from that head, with a "
        "far smaller learning rate. **All, from nothing**: the same network with random "
        "weights, as if nobody had ever trained it."
    ),
    option="--way",
    told=(
        "what learns: the head, the last blocks too, or everything from random weights;"
        " all: try these three, and keep the best"
    ),
    link="learns",
)
"""Which strategy it is, or whether all are compared."""
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
_MAX_HEAD_BATCH = 10_000
_MAX_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class TrainingSetting(Setting):
    """A setting of training; one with a name has a row in the model card.

    Attributes:
        strategies: those that it changes anything for.
    """

    strategies: tuple[Strategy, ...] = STRATEGIES


def _setting(*known: Any, **more: Any) -> Any:
    return setting(*known, kind=TrainingSetting, **more)


@dataclass(frozen=True)
class Settings:
    """How a network is trained; see `settings_for` for what suits each strategy.

    Attributes:
        per_class: training photos per class; None for seven in ten (see `datasets.to_learn_from`).
        epochs: how many times it goes through the training photos.
        seed: of the split, the order of the photos, their views and random weights.
        blocks: how many of the last blocks are trained with the head: 0 for the head alone, on
            frozen features; None for the whole network, from random weights.
        epsilon: if not 0, each photo is changed against the network before it is trained on, by
            at most this much in every pixel, in 1/255 (usually 1 to 8): adversarial training of
            the blocks. The latest epoch is kept then, and patience never runs out.
        batch: photos per step.
        optimiser: "adam" (Kingma and Ba 2015), "momentum" (SGD with 0.9) or "sgd".
        learning_rate: the optimiser's at the start.
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
        head_epochs, head_learning_rate: of the head, which is trained before pretrained blocks.
        validation_per_class: validation photos per class, at most; None for all others.
        reserve: whether enough photos stay for validation; see `datasets.to_learn_from`.
    """

    per_class: int | None = _setting(
        None,
        label=N_("Photos per class to learn from"),
        offered=(1, 200),
        told="photos to learn from; default: seven in ten",
        link="photos",
    )
    epochs: int = _setting(
        40,
        N_("epochs"),
        label=N_("Epochs"),
        help=N_("How many times it goes through the photos. The best epoch is kept."),
        offered=(1, 200),
    )
    seed: int = _setting(0, N_("seed"), 0, MOST_SEED)
    blocks: int | None = _setting(
        0,
        N_("number of blocks"),
        0,
        ALL_BLOCKS,
        label=N_("Blocks that learn"),
        offered=(1, 50),
        told="how many of the last blocks learn (default: 2)",
        strategies=("blocks",),
    )
    epsilon: float = _setting(
        0.0,
        N_("ε of adversarial training"),
        0.0,
        16.0,
        label=N_("Adversarial training, ε in 1/255"),
        help=N_(
            "Each photo is attacked before it is learned from, so the network learns to "
            "withstand it. It takes several times as long, and costs some accuracy on clean "
            "photos. Measure what it gains on the page of attacks. 0 switches it off."
        ),
        marks=(0.0, 1.0, 2.0, 4.0, 8.0),
        unit="/255",
        option="--adversarial",
        told="attack each photo within EPS/255 before the last blocks learn from it (default: 0)",
        metavar="EPS",
        link="adversarial",
        strategies=("blocks",),
    )
    batch: int = _setting(32, N_("batch size"), 1, _MAX_HEAD_BATCH, told="photos per step")
    optimiser: OptimiserName = _setting(
        "adam",
        N_("optimiser"),
        choices={
            "adam": N_("Adam"),
            "momentum": N_("SGD with momentum"),
            "sgd": N_("SGD"),
        },
        label=N_("Optimiser"),
        help=N_(
            "How each step follows from the gradient. Adam gives each weight a pace of its own."
        ),
    )
    learning_rate: float = _setting(
        LEARNING_RATES["head"]["adam"],
        N_("learning rate"),
        1e-9,
        100.0,
        label=N_("Learning rate of the head"),
        help=N_("Left empty, it takes what suits the optimiser: the number shown in grey."),
        offered=(0.0, 100.0),
        told="default: what suits the optimiser",
        link="rate",
    )
    schedule: ScheduleName = _setting(
        "cosine",
        N_("schedule"),
        choices={
            "cosine": N_("falls along a cosine"),
            "constant": N_("stays"),
            "warm-up": N_("rises, then falls"),
        },
        label=N_("Learning rate over time"),
        help=N_("Large steps find the valley, small ones its floor."),
    )
    weight_decay: float = _setting(
        0.5,
        N_("weight decay"),
        0.0,
        1e4,
        label=N_("Weight decay"),
        help=N_("Pulls weights towards zero, as strongly as this number of photos would."),
        offered=(0.0, 100.0),
        typed=True,
        link="decay",
    )
    dropout: float = _setting(
        0.0,
        N_("dropout"),
        0.0,
        0.95,
        label=N_("Dropout"),
        help=N_("Blanks a share of the features at each step, so that none is relied on."),
        offered=(0.0, 0.9),
        step=0.1,
    )
    clip: float = _setting(
        0.0,
        N_("gradient clipping"),
        0.0,
        1e6,
        label=N_("Gradient clipping"),
        help=N_("No step goes further than this. 0 switches it off."),
        offered=(0.0, 100.0),
        typed=True,
    )
    label_smoothing: float = _setting(
        0.0,
        N_("label smoothing"),
        0.0,
        0.95,
        label=N_("Label smoothing"),
        help=N_("Asks for a little less than certainty; the network becomes more modest."),
        offered=(0.0, 0.5),
        step=0.05,
        link="smoothing",
    )
    patience: int = _setting(
        0,
        N_("patience"),
        0,
        500,
        label=N_("Early stopping after"),
        help=N_("Training ends after this many epochs without progress. 0 switches it off."),
        offered=(0, 100),
        typed=True,
        told="epochs without progress that end it",
    )
    augmentation: bool = _setting(
        False,
        N_("augmentation"),
        label=N_("Augmentation"),
        help=N_(
            "Mirrored and enlarged views make more photos out of few. When only the head learns there are none: frozen features are computed once, from the photo as it is."
        ),
        told="varied views of each photo",
        strategies=("blocks", "scratch"),
    )
    head_epochs: int = 40
    head_learning_rate: float = LEARNING_RATES["head"]["adam"]
    validation_per_class: int | None = None
    reserve: bool = False

    def __post_init__(self) -> None:
        """Refuse settings with which nothing can be trained.

        Raises:
            Problem: a value is out of its range.
            ValueError: there is no such optimiser or schedule.
        """
        is_head = self.strategy == "head"
        _check_epochs(self.epochs, MAX_HEAD_EPOCHS if is_head else MAX_EPOCHS)
        _check_epochs(self.head_epochs, MAX_HEAD_EPOCHS)
        if self.per_class is not None and self.per_class < 1:
            raise Problem(
                N_("It takes at least 1 photo per class to learn from, not {value}."),
                value=self.per_class,
            )
        SETTINGS["learning_rate"].check(self.head_learning_rate)
        if is_head:
            # FGSM changes pictures, and a head alone is not shown any.
            check_range(SETTINGS["epsilon"].name, self.epsilon, 0, 0)
        else:
            check_range(SETTINGS["batch"].name, self.batch, 1, _MAX_BATCH)
        check(self)

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


SETTINGS = cast(dict[str, TrainingSetting], settings_of(Settings))
"""By the names of the fields."""


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


BEGINNING = settings_for("blocks", per_class=60)
"""What people begin with where they are asked for settings."""
