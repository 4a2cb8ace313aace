"""Verbs that look: which networks there are, what they see, and their feature maps."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from core.commands import inside
from core.commands.shared import (
    Answer,
    Verb,
    a_file,
    load_network,
    network_option,
    read_photo,
    some_files,
    told,
    write_file,
)
from core.images import photos
from core.problem import N_, Problem, check_least
from core.zoo import catalogue, weights
from core.zoo.classifier import Classifier


def add(verb: Verb) -> None:
    """Add the verbs `models`, `classify` and `features`."""
    verb("models", _models, "list every network")

    added = verb("classify", _classify, "say what a network sees in photos")
    added.add_argument("photo", type=some_files, nargs="+")
    added.add_argument("--top", type=int, default=5, help="how many classes (default: 5)")
    network_option(added)

    added = verb(
        "features", _features, "save the feature maps of a layer as one mosaic, or look into one"
    )
    added.set_defaults(told=inside.TOLD)
    added.add_argument("photo", type=a_file)
    added.add_argument("--out", type=Path, help="the mosaic; needed if nothing else is asked for")
    added.add_argument("--layer", help="default: one where the photo is still recognisable")
    added.add_argument("--channels", type=int, default=64, help="at most (default: 64)")
    added.add_argument(
        "--order",
        choices=["network", "strength", "maximum", "variance", "evidence"],
        default="strength",
        help="evidence: gradient × activation for the predicted class",
    )
    added.add_argument(
        "--explain",
        metavar="LAYER:CHANNEL:ROW:COLUMN",
        help="how one number is computed, counted from 0",
    )
    added.add_argument(
        "--fed-by",
        metavar="LAYER:CHANNEL",
        help="which earlier channels give most to one, or take most away",
    )
    added.add_argument(
        "--without",
        action="append",
        metavar="LAYER:3,17",
        help="the answer with and without these channels; may be given several times",
    )
    network_option(added)


def _models(options: argparse.Namespace) -> Answer:
    return {
        "models": [
            {
                "name": entry.name,
                "title": entry.title,
                "source": entry.source,
                "parameters": entry.parameters,
                "weights_bytes": entry.weights_bytes,
                "licence": entry.licence,
                "present": weights.present(entry),
                "file": str(weights.path(entry)),
            }
            for entry in catalogue.ENTRIES
        ]
    }


def _classify(options: argparse.Namespace) -> Answer:
    from core.zoo import predictions

    check_least(N_("number of classes"), options.top)
    paths = [path for found in options.photo for path in found]
    classifier: Classifier | None = None
    seen: list[Answer] = []
    skipped: list[tuple[Path, Problem]] = []
    for path in paths:
        try:
            photo = read_photo(path)
        except Problem as reason:
            skipped.append((path, reason))
            continue
        if classifier is None:
            classifier = load_network(options.model)
        found = predictions.top(classifier, photo, options.top)
        seen.append({"file": str(path), "predictions": [asdict(p) for p in found]})
    if classifier is None:
        raise skipped[0][1]
    answer: Answer = {"model": classifier.name, "photos": seen, "skipped": told(skipped)}
    if options.json and len(paths) == 1:  # where there is one, scripts need not look for it
        answer["predictions"] = seen[0]["predictions"]
    return answer


def _features(options: argparse.Namespace) -> Answer:
    if not (options.out or options.explain or options.fed_by or options.without):
        raise Problem(
            "Say with --out where to save the maps, or ask with --explain, --fed-by or --without."
        )
    check_least(N_("number of channels"), options.channels)
    photo = read_photo(options.photo)
    classifier = load_network(options.model)
    answer: Answer = {"model": classifier.name}
    if options.explain:
        answer["explain"] = inside.explained(classifier, photo, options.explain)
    if options.fed_by:
        answer["fed_by"] = inside.fed(classifier, photo, options.fed_by)
    if options.without:
        answer["without"] = inside.without(classifier, photo, options.without)
    if options.out:
        answer |= _mosaic(options, classifier, photo)
    return answer


def _mosaic(options: argparse.Namespace, classifier: Classifier, photo: Image.Image) -> Answer:
    from core.features.maps import find_layer, observe, ranked
    from core.features.mosaic import mosaic

    layer = find_layer(classifier, options.layer)
    maps = observe(classifier, photo).maps[layer.name]
    channels = ranked(maps, options.order)[: options.channels]
    write_file(options.out, photos.encode_png(mosaic(maps, channels)))
    return {
        "layer": layer.name,
        "shape": list(maps.maps.shape),
        "channels": channels,
        "file": str(options.out),
    }
