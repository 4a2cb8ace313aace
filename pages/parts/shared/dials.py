"""The settings that travel in a link, page by page: name, key in the session's state, range.

The ranges are those of the widgets. A page's setting that is not listed here stays at home.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from core.attacks import defences, loop
from core.attacks.mask import MASK
from core.attacks.norm import NORMS
from core.classroom.scene import Choice, Dial, Name, Real, Switch, Value, Whole
from core.data import sources
from core.images import photos
from core.setting import asked
from core.synthesis.presets import PRESETS
from core.training.settings import MAX_EPOCHS, OPTIMISERS, SCHEDULES, STRATEGIES
from pages.parts.adversarial_attack import attack, laboratory
from pages.parts.feature_maps import compare, maps
from pages.parts.ideal_class import drawing
from pages.parts.shared.registry import ATTACK, IDEAL, MAPS, TRAINING, PageInfo
from pages.parts.shared.settings import in_links

CLASSES = 1000
"""Of each network in the catalogue; a visitor's own network does not travel."""
_SAMPLES = tuple(sample.id for sample in photos.SAMPLES)
_MOST_CHANNELS = 5000
_MOST_BLOCKS = 50


@dataclass(frozen=True)
class Place:
    """A setting, and where a page keeps its value.

    Attributes:
        key: in the session's state, with fields for the network and for other settings.
        dial: what it may be.
    """

    key: str
    dial: Dial

    def filled(self, network: str, values: Mapping[str, Value]) -> str:
        """Return the key, for a network and the values of the page's settings."""
        return self.key.format(network=network, **values)


def places(page: PageInfo, preset: str | None = None) -> dict[str, Place]:
    """Return the settings of a page that travel, by their names in links.

    Args:
        page: the page.
        preset: of the ideal class page, which has settings for each.
    """
    if page is IDEAL:
        return _ideal(preset if preset in drawing.PRESET_NAMES else "best")
    return {MAPS: _MAPS, ATTACK: _ATTACK, TRAINING: _TRAINING}.get(page, {})


def _one_of(options: Iterable[str], default: str = "") -> Choice:
    names = tuple(options)
    return Choice(names, default or names[0])


def _class(key: str, default: int) -> Place:
    return Place(f"{key}_{CLASSES}", Whole(0, CLASSES - 1, default))


def _ideal(preset: str) -> dict[str, Place]:
    asked = PRESETS[preset].asked
    setting, value = asked["photo"]  # whose own photos stay at home
    asked["photo"] = replace(setting, choices=dict.fromkeys(("", *_SAMPLES), setting.label)), value
    return {
        "draw": Place("ideal_target", _one_of(drawing.KINDS)),
        "class": _class("ideal_class", 284),
        "second": _class("ideal_second", 340),
        "share": Place("ideal_share", Whole(0, 100, 50)),
        "layer": Place("ideal_layer_{network}", Name()),
        "channel": Place("ideal_channel_number", Whole(0, _MOST_CHANNELS, 0)),
        "stretch": Place("ideal_stretch", Switch(False)),
        "dials": Place("ideal_preset", _one_of(drawing.PRESET_NAMES)),
        **{
            setting.link or name: Place(drawing.key(name, preset), in_links(setting, value))
            for name, (setting, value) in asked.items()
        },
    }


_MAPS: dict[str, Place] = {
    "view": Place(
        "maps_view", Choice(("maps", "where", "tour", "rebuilt", "compare", "filters"), "maps")
    ),
    "layer": Place("maps_layer_{network}", Name()),
    "channel": Place("maps_channel_{network}_{layer}", Whole(0, _MOST_CHANNELS, None)),
    "order": Place("maps_order", _one_of(maps.ORDERS)),
    "scale": Place("maps_scale", _one_of(maps.SCALES)),
    "strip": Place("maps_strip", Switch(False)),
    "compare": Place("maps_compare", _one_of(kind for kind in compare.KINDS if kind != "own")),
    "beside": Place("maps_compare_photo", _one_of(_SAMPLES, "dalmatian")),
}

_ATTACK: dict[str, Place] = {
    "class": _class("attack_class", 281),
    "untargeted": Place("attack_untargeted", Switch(False)),
    "method": Place("attack_method", _one_of(attack.METHODS)),
    **{
        norm.epsilon.link: Place(f"attack_epsilon_{name}", in_links(norm.epsilon, norm.usual))
        for name, norm in NORMS.items()
    },
    "patch_epsilon": Place("attack_epsilon_patch", Real(0.0, 255.0, 255.0)),
    "rounds": Place("attack_rounds_{method}", Whole(1, loop.MAX_STEPS, None)),
    MASK.link: Place("attack_mask", in_links(MASK, "everywhere")),
    **{
        setting.link or name: Place(f"attack_{name}", in_links(setting, value))
        for name, (setting, value) in asked(loop.Settings()).items()
    },
    "patch_x": Place("attack_patch_x", Whole(0, 100, 10)),
    "patch_y": Place("attack_patch_y", Whole(0, 100, 10)),
    "patch_side": Place("attack_patch_side", Whole(0, 100, 25)),
    **{f"defence_{n}": Place(f"attack_defence_{n}", Switch(True)) for n in defences.DEFENCES},
    "samples": Place("attack_defence_samples", Switch(False)),
    "part": Place("attack_part", _one_of(laboratory.PARTS)),
    "sticker": _class("attack_sticker", 859),
    "sticker_steps": Place("attack_sticker_steps", Whole(20, 2000, 200)),
}

_TRAINING: dict[str, Place] = {
    "source": Place("train_source", Choice(("sets",), "sets")),  # own photos stay at home
    "set": Place("train_set", _one_of(source.name for source in sources.SOURCES)),
    "learns": Place("train_way", _one_of((*STRATEGIES, "all"))),
    "photos": Place("train_per_class", Whole(1, 200, 60)),
    "epochs": Place("train_epochs", Whole(1, 200, 40)),
    "tuning_epochs": Place("train_epochs_tuning", Whole(1, MAX_EPOCHS, 6)),
    "optimiser": Place("train_optimiser", _one_of(OPTIMISERS)),
    "schedule": Place("train_schedule", _one_of(SCHEDULES)),
    "rate": Place("train_rate", Real(0.0, 100.0, None)),
    "decay": Place("train_decay", Real(0.0, 100.0, 0.5)),
    "dropout": Place("train_dropout", Real(0.0, 0.9, 0.0)),
    "smoothing": Place("train_smoothing", Real(0.0, 0.5, 0.0)),
    "clip": Place("train_clip", Real(0.0, 100.0, 0.0)),
    "patience": Place("train_patience", Whole(0, 100, 0)),
    "augmentation": Place("train_augmentation", Switch(True)),
    "blocks": Place("train_blocks", Whole(1, _MOST_BLOCKS, 2)),
    "adversarial": Place("train_epsilon", Choice((0, 1, 2, 4, 8), 0)),
}
