"""The verbs that draw."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.commands.shared import (
    Answer,
    Verb,
    a_file,
    given_settings,
    last,
    load_network,
    network_option,
    read_file,
    read_photo,
    setting_options,
    write_file,
)
from core.images import photos
from core.problem import N_, Problem, check_range
from core.setting import asked
from core.synthesis.presets import PRESETS
from core.synthesis.rebuilding import WAYS
from core.zoo import catalogue
from core.zoo.classifier import Classifier

_ASKED = PRESETS["best"].asked
_ASKED_OF_MAPS = {
    name: found
    for name, found in asked(WAYS["rebuild"].settings).items()
    if name in ("tv", "steps", "learning_rate", "seed")
}


def add(verb: Verb) -> None:
    """Add the verbs `ideal` and `invert`."""
    added = verb("ideal", _ideal, "draw a network's ideal picture of a class or a channel")
    wanted = added.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--class", dest="class_name", metavar="NAME_OR_ID")
    wanted.add_argument("--channel", metavar="LAYER:NUMBER", help="draw what one channel looks for")
    wanted.add_argument("--recipe", type=a_file, metavar="PICTURE.png", help="draw a picture again")
    added.add_argument(
        "--and", dest="second", metavar="NAME_OR_ID", help="a second class, mixed in"
    )
    added.add_argument("--share", type=float, help="of the first of two (default: 0.5)")
    added.add_argument("--out", type=Path, required=True)
    added.add_argument("--timelapse", type=Path, metavar="FILE.webp|FILE.gif")
    added.add_argument("--preset", choices=list(PRESETS), help="default: best")
    options = setting_options(added, _ASKED)
    added.set_defaults(
        options={"second": "--and", "share": "--share", "preset": "--preset"} | options
    )
    network_option(added)

    added = verb("invert", _invert, "rebuild a photo from what one layer makes of it")
    added.add_argument("photo", help="a file, or a sample")
    added.add_argument("--layer", help="default: one where the photo is still recognisable")
    added.add_argument(
        "--caricature", action="store_true", help="change the photo to what excites the layer more"
    )
    added.add_argument("--out", type=Path, help="save the picture, with its recipe")
    added.add_argument("--timelapse", type=Path, metavar="FILE.webp|FILE.gif")
    setting_options(added, _ASKED_OF_MAPS)
    network_option(added)


def _ideal(options: argparse.Namespace) -> Answer:
    from core.synthesis import recipe, record
    from core.synthesis.loop import Drawing
    from core.synthesis.verdict import judge, second_opinions, targets

    classifier, plan, photo = _plan(options)
    drawing = Drawing(classifier, plan.objective, plan.settings, photo)
    ask = second_opinions(classifier, plan.objective)
    steps = drawing.steps(plan.settings.steps)
    started = time.perf_counter()
    if options.timelapse:
        kept = last(record.recorded(steps, ask), "drawing")
    else:
        kept = record.Record(last(steps, "drawing"))
    seconds = time.perf_counter() - started
    verdict = judge(classifier, kept)
    synthesis = verdict.synthesis
    write_file(options.out, photos.encode_png(synthesis.pixels, recipe.write(synthesis)))
    if options.timelapse:
        _write_film(options.timelapse, verdict.record)
    names = targets(classifier, plan.objective)
    classes = [classifier.labels.index(name) for name in names]
    answer: Answer = {
        "model": classifier.name,
        "class_id": classes[0] if classes else None,
        "class_name": names[0] if names else None,
        "probability": verdict.own[0].target_probability if names else None,
        "opinions": [asdict(opinion) for opinion in verdict.others],
        "seconds": round(seconds, 3),
        "ms_per_step": round(1000 * seconds / synthesis.steps_done, 2),
        "file": str(options.out),
    }
    if options.recipe:
        first = photos.decode(read_file(options.recipe), options.recipe.name)
        answer["identical"] = first.tobytes() == synthesis.pixels.tobytes()
    return answer


def _invert(options: argparse.Namespace) -> Answer:
    from core.features.maps import find_layer
    from core.synthesis import rebuilding, recipe

    _check_film(options.timelapse)
    way = "caricature" if options.caricature else "rebuild"
    photo = _start_photo(options.photo)
    classifier = load_network(options.model)
    layer = find_layer(classifier, options.layer).name
    chosen = given_settings(options, _ASKED_OF_MAPS)
    settings = WAYS[way].planned(classifier, options.photo, **chosen)
    run = rebuilding.begin(classifier, way, layer, settings, photo)
    started = time.perf_counter()
    kept = last(run.resume(), "drawing")
    seconds = time.perf_counter() - started
    found = rebuilding.measured(classifier, photo, kept)
    answer: Answer = {
        "model": classifier.name,
        "layer": layer,
        "way": way,
        "similarity": found.similarity,
        "difference": found.difference,
        "strength": found.strength,
        "steps": kept.synthesis.steps_done,
        "seconds": round(seconds, 3),
    }
    if options.out:
        png = photos.encode_png(kept.synthesis.pixels, recipe.write(kept.synthesis))
        write_file(options.out, png)
        answer["file"] = str(options.out)
    if options.timelapse:
        _write_film(options.timelapse, found.record)
    return answer


def _write_film(path: Path, kept: Any) -> None:
    from core.synthesis import record

    format: Any = path.suffix[1:].lower()
    write_file(path, record.animation(kept, format))


def _check_film(path: Path | None) -> None:
    """Refuse a time-lapse of a form that is not written here.

    Raises:
        Problem: it is one.
    """
    if path and path.suffix.lower() not in (".webp", ".gif"):
        raise Problem("{file} must end in .webp or .gif.", file=path)


def _plan(options: argparse.Namespace) -> tuple[Classifier, Any, Any]:
    """Return the network, the recipe and the photo to start from, from a picture or from options."""
    from core.synthesis import recipe
    from core.synthesis.objective import ChannelActivation, Mixture

    _check_film(options.timelapse)
    if options.recipe:
        _check_nothing_else(options)
        found = recipe.read(photos.read_recipe(read_file(options.recipe), options.recipe.name))
        classifier = load_network(
            options.model if found.model in catalogue.TRAINED_HERE else found.model
        )
        found.check(classifier)
        return classifier, found, _start_photo(found.settings.photo)
    share = 0.5 if options.share is None else options.share
    check_range(N_("share of the first class"), share, 0, 1)
    preset = PRESETS[options.preset or "best"]
    chosen = given_settings(options, _ASKED)
    objective_name = chosen.pop("objective")
    settings = preset.changed(**chosen)
    classifier = load_network(options.model)
    if options.channel:
        layer, _, number = options.channel.rpartition(":")
        if not number.isdecimal():
            raise Problem("A channel is named LAYER:NUMBER, not {name}.", name=options.channel)
        objective: Any = ChannelActivation(layer, int(number))
    else:
        objective = preset.objective(classifier.labels.find(options.class_name), objective_name)
        if options.second is not None:
            second = preset.objective(classifier.labels.find(options.second), objective_name)
            objective = Mixture(objective, second, share)
    plan = recipe.Recipe(classifier.name, objective, settings, recipe.versions())
    plan.check(classifier)
    return classifier, plan, _start_photo(settings.photo)


def _check_nothing_else(options: argparse.Namespace) -> None:
    """Refuse settings beside a recipe, which has them all.

    Raises:
        Problem: there is one.
    """
    given = [
        option for name, option in options.options.items() if getattr(options, name) is not None
    ]
    if given:
        raise Problem(
            "--recipe draws a picture as it was drawn before. Leave out {options}, or draw without a recipe.",
            options=", ".join(given),
        )


def _start_photo(name: str) -> Any:
    """Return the photo that a picture starts from: a sample, or a file; None for noise."""
    if not name:
        return None
    if name in {sample.id for sample in photos.SAMPLES}:
        return photos.read_sample(name)
    return read_photo(a_file(name))
