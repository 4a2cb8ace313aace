"""The settings that travel in a link, page by page: name, key in the session's state, range.

The ranges are those of the widgets. A page's setting that is not listed here stays at home.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.attacks import defences, loop
from core.attacks.mask import MASK
from core.attacks.norm import NORMS
from core.classroom.scene import Parameter, Value, number, one_of
from core.data import sources
from core.images import photos
from core.setting import Setting, asked
from core.synthesis.presets import PRESETS
from core.training.settings import BEGINNING, STRATEGIES, STRATEGY
from pages.parts.adversarial_attack import attack, laboratory
from pages.parts.feature_maps import compare, inspector, maps
from pages.parts.fine_tuning import settings as training
from pages.parts.ideal_class import choices
from pages.parts.shared.registry import ATTACK, IDEAL, MAPS, TRAINING, PageInfo

CLASSES = 1000
"""Of each network in the catalogue; a visitor's own network does not travel."""
_SAMPLES = tuple(sample.id for sample in photos.SAMPLES)
_MOST_CHANNELS = 5000


@dataclass(frozen=True)
class Place:
    """A setting, and where a page keeps its value.

    Attributes:
        key: in the session's state, with fields for the network and for other settings.
        parameter: what it may be.
    """

    key: str
    parameter: Parameter

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
        return _ideal(preset if preset in choices.PRESET_NAMES else "best")
    return {MAPS: _MAPS, ATTACK: _ATTACK, TRAINING: _TRAINING}.get(page, {})


def _declared(
    asked: Mapping[str, tuple[Setting, Any]], key: Callable[[str], str]
) -> dict[str, Place]:
    """Return the places of settings that are declared, given the key of each."""
    return {
        setting.link or name: Place(key(name), Parameter(value, setting))
        for name, (setting, value) in asked.items()
    }


def _class(key: str, default: int) -> Place:
    return Place(f"{key}_{CLASSES}", number(0, CLASSES - 1, default))


def _ideal(preset: str) -> dict[str, Place]:
    asked = PRESETS[preset].asked
    setting, value = asked["photo"]  # whose own photos stay at home
    asked["photo"] = replace(setting, choices=dict.fromkeys(("", *_SAMPLES), setting.label)), value
    return {
        "draw": Place("ideal_target", one_of(choices.KINDS)),
        "class": _class("ideal_class", 284),
        "second": _class("ideal_second", 340),
        "share": Place("ideal_share", number(0, 100, 50)),
        "layer": Place("ideal_layer_{network}", Parameter()),
        "channel": Place("ideal_channel_number", number(0, _MOST_CHANNELS, 0)),
        "stretch": Place("ideal_stretch", Parameter(False)),
        "dials": Place("ideal_preset", one_of(choices.PRESET_NAMES)),
        **_declared(asked, lambda name: choices.key(name, preset)),
    }


_MAPS: dict[str, Place] = {
    "view": Place(
        "maps_view", one_of(("maps", "where", "tour", "trace", "rebuilt", "compare", "filters"))
    ),
    "layer": Place("maps_layer_{network}", Parameter()),
    "channel": Place("maps_channel_{network}_{layer}", number(0, _MOST_CHANNELS)),
    "ask": Place("maps_asked", one_of(inspector.QUESTIONS)),
    "order": Place("maps_order", one_of(maps.ORDERS)),
    "scale": Place("maps_scale", one_of(maps.SCALES)),
    "strip": Place("maps_strip", Parameter(False)),
    "compare": Place("maps_compare", one_of(kind for kind in compare.KINDS if kind != "own")),
    "beside": Place("maps_compare_photo", one_of(_SAMPLES, "dalmatian")),
}

_ATTACK: dict[str, Place] = {
    "class": _class("attack_class", 281),
    "untargeted": Place("attack_untargeted", Parameter(False)),
    "method": Place("attack_method", one_of(attack.METHODS)),
    **{
        norm.epsilon.link: Place(f"attack_epsilon_{name}", Parameter(norm.usual, norm.epsilon))
        for name, norm in NORMS.items()
    },
    "patch_epsilon": Place("attack_epsilon_patch", number(0.0, 255.0, 255.0)),
    "rounds": Place("attack_rounds_{method}", number(1, loop.MAX_STEPS)),
    MASK.link: Place("attack_mask", Parameter("everywhere", MASK)),
    **_declared(asked(loop.Settings()), "attack_{}".format),
    "patch_x": Place("attack_patch_x", number(0, 100, 10)),
    "patch_y": Place("attack_patch_y", number(0, 100, 10)),
    "patch_side": Place("attack_patch_side", number(0, 100, 25)),
    **{f"defence_{n}": Place(f"attack_defence_{n}", Parameter(True)) for n in defences.DEFENCES},
    "samples": Place("attack_defence_samples", Parameter(False)),
    "part": Place("attack_part", one_of(laboratory.PARTS)),
    "sticker": _class("attack_sticker", 859),
    "sticker_steps": Place("attack_sticker_steps", number(20, 2000, 200)),
}

_TRAINING: dict[str, Place] = {
    "source": Place("train_source", one_of(("sets",))),  # own photos stay at home
    "set": Place("train_set", one_of(source.name for source in sources.SOURCES)),
    STRATEGY.link: Place("train_way", Parameter(STRATEGIES[0], STRATEGY)),
    **_declared(training.ASKED, training.key),
    training.EPOCHS_OF_BLOCKS.link: Place(
        "train_epochs_tuning", Parameter(BEGINNING.epochs, training.EPOCHS_OF_BLOCKS)
    ),
}
