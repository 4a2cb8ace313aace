"""How a picture was drawn, as plain data for its PNG, and back from data that anyone may have sent.

A recipe is all that it takes to draw the picture again, bit for bit on the same machine.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch

from core.problem import N_, Problem
from core.setting import settings_of
from core.synthesis.loop import STEPS, Settings, Synthesis
from core.synthesis.objective import (
    OBJECTIVES,
    Caricature,
    ChannelActivation,
    ClassObjective,
    Mixture,
    Objective,
    Reconstruction,
)
from core.zoo.classifier import Classifier

KIND = "ideal"
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Recipe:
    """What to draw, and how.

    Attributes:
        model: name of the network.
        objective: what the picture is to become.
        settings: how it is drawn; its steps are those that were made.
        versions: of what computed it, by name. Other versions may round differently.
    """

    model: str
    objective: Objective
    settings: Settings
    versions: Mapping[str, str]

    @property
    def same_versions(self) -> bool:
        """Whether this machine has the versions that the picture was drawn with."""
        return dict(self.versions) == versions()

    def check(self, classifier: Classifier) -> None:
        """See that a network has what the recipe wants of it.

        Raises:
            Problem: it has not.
        """
        match self.objective:
            case ChannelActivation(layer, channel):
                channels = {found.name: found.channels for found in classifier.layers}
                fits = 0 <= channel < channels.get(layer, 0)
            case Reconstruction(layer) | Caricature(layer):
                fits = layer in {found.name for found in classifier.layers}
            case Mixture(first, second):
                fits = max(first.class_id, second.class_id) < len(classifier.labels)
            case _:
                fits = self.objective.class_id < len(classifier.labels)
        if not fits:
            raise Problem(
                N_("{network} has no such class or channel as the recipe wants."),
                network=classifier.title,
            )


def versions() -> dict[str, str]:
    """Return the versions of what computes here, and on how many threads: both decide roundings."""
    return {
        "torch": torch.__version__,
        "timm": version("timm"),
        "threads": str(torch.get_num_threads()),
        "machine": platform.machine(),
    }


def write(synthesis: Synthesis) -> dict[str, Any]:
    """Return the recipe of a picture as JSON-able data."""
    return {
        "kind": KIND,
        "model": synthesis.model,
        "objective": _plain(synthesis.objective),
        "settings": asdict(as_drawn(synthesis)),
        "versions": versions(),
    }


def as_drawn(synthesis: Synthesis) -> Settings:
    """Return the settings that draw exactly this picture, however far the run had come."""
    settings = synthesis.settings
    schedule = replace(settings.schedule, patience=0)  # what was waited is known
    return replace(settings, steps=synthesis.steps_done, schedule=schedule)


def _plain(objective: Objective) -> dict[str, Any]:
    if isinstance(objective, Mixture):
        parts = {"first": _plain(objective.first), "second": _plain(objective.second)}
        return {"name": "Mixture", "share": objective.share, **parts}
    return {"name": type(objective).__name__, **asdict(objective)}


def read(data: object) -> Recipe:
    """Read a recipe from data of unknown origin.

    Args:
        data: what `write` has given, or anything else.

    Raises:
        Problem: it is no recipe, or one that nothing can be drawn from.
    """
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise Problem(
            N_("This picture carries no recipe of an ideal picture. Nothing was changed.")
        )
    try:
        return Recipe(
            model=_text(data["model"]),
            objective=_objective(data["objective"]),
            settings=_settings(data["settings"]),
            versions={_text(k): _text(v) for k, v in data.get("versions", {}).items()},
        )
    except Problem as problem:
        raise Problem(
            N_("The recipe in this picture cannot be used: {reason} Nothing was changed."),
            reason=problem,
        ) from problem
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Problem(
            N_("The recipe in this picture is damaged. Nothing was changed; use another picture.")
        ) from error


def _objective(data: dict[str, Any]) -> Objective:
    match data["name"]:
        case "Mixture":
            share = _number(data["share"])
            if not 0 <= share <= 1:
                raise ValueError("a share lies in [0, 1]")
            return Mixture(_class(data["first"]), _class(data["second"]), share)
        case "ChannelActivation":
            return ChannelActivation(_text(data["layer"]), _whole(data["channel"]))
        case "Reconstruction":
            return Reconstruction(_text(data["layer"]))
        case "Caricature":
            return Caricature(_text(data["layer"]))
        case _:
            return _class(data)


def _class(data: dict[str, Any]) -> ClassObjective:
    kinds = {kind.__name__: kind for kind in OBJECTIVES.values()}
    return kinds[data["name"]](_whole(data["class_id"]))


def _settings(data: object) -> Settings:
    settings: Settings = _value(Settings, data)
    if any(turn.after > STEPS[1] for turn in settings.turns):
        raise ValueError("a setting was changed after the end")
    return settings


def _value(kind: Any, data: Any) -> Any:
    """Return plain data as a value of a field's type.

    Raises:
        TypeError, ValueError, KeyError: it is none.
        Problem: it is out of its range.
    """
    if is_dataclass(kind):
        return _fields(kind, data)
    if get_origin(kind) is Literal:
        if data not in get_args(kind):
            raise ValueError("unknown choice")
        return data
    if get_origin(kind) is tuple:
        of, *more = get_args(kind)
        if more != [...] and len(data) != 1 + len(more):
            raise ValueError("another count is needed")
        return tuple(_value(of, item) for item in data)
    return _READING[kind](data)


def _fields(kind: Any, data: dict[str, Any]) -> Any:
    types, known = _types(kind), settings_of(kind)
    unknown = set(data) - {field.name for field in fields(kind)}
    if unknown:
        raise ValueError(f"unknown settings {unknown}")
    # Recipes from before a setting lack it, and draw without what it brings.
    lacked = {name for name, found in known.items() if found.later} - set(data)
    return kind(
        **{
            field.name: _value(types[field.name], data[field.name])
            for field in fields(kind)
            if field.name not in lacked
        }
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        raise TypeError("a short text is needed")
    value.encode()  # half a character, as JSON can spell it, could not be shown
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false is needed")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("a whole number is needed")
    return value


def _number(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise TypeError("a number is needed")
    return float(value)


_types = cache(get_type_hints)
_READING: dict[Any, Callable[[object], Any]] = {
    str: _text,
    bool: _switch,
    int: _whole,
    float: _number,
}
