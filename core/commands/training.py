"""Verbs for what is learned from: data sets, downloads beforehand, and training itself."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
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
    option,
    setting_options,
    told,
    write_file,
)
from core.problem import Problem, check_range
from core.setting import with_values
from core.training.settings import (
    ALL,
    ALL_BLOCKS,
    BEGINNING,
    SETTINGS,
    STRATEGIES,
    STRATEGY,
    Settings,
    Strategy,
    settings_for,
)


def add(verb: Verb) -> None:
    """Add the verbs `data`, `prefetch` and `train`."""
    added = verb("data", _data, "look through a folder of photos, or list the sets with a name")
    added.add_argument("folder", type=a_file, nargs="?", help="one sub-folder a class")

    added = verb(
        "prefetch", _prefetch, "download networks and data sets beforehand, and check them"
    )
    added.add_argument("names", nargs="*", metavar="NAME", help="default: everything")
    added.add_argument("--list", action="store_true", help="only tell what is here, with sizes")

    added = verb("train", _train, "train a new head on a folder of photos, one sub-folder a class")
    learned = added.add_mutually_exclusive_group(required=True)
    learned.add_argument("folder", type=a_file, nargs="?")
    learned.add_argument("--data", metavar="NAME", help="a data set of the verb `data`")
    added.add_argument(
        "--most", type=int, help="photos of each class to read, at most, with --data (default: 500)"
    )
    added.add_argument("--out", type=Path, metavar="FOLDER", help="save the weights here")
    added.add_argument(
        "--export", type=Path, metavar="FILE.zip", help="the whole network, to take home"
    )
    added.add_argument(
        "--whole",
        action="store_true",
        help="export ONNX even where the app's page would not take the zip back: VGG",
    )
    known = with_values(BEGINNING)
    first = {name: known.pop(name) for name in ("per_class", "epochs", "seed")}
    setting_options(added, first | {"way": (STRATEGY, "head")} | known)
    added.set_defaults(seed=0, way="head")
    network_option(added)


def _data(options: argparse.Namespace) -> Answer:
    from core.data import sources

    if options.folder:
        return _overview(options.folder)
    return {
        "data": [
            {
                "name": known.name,
                "title": known.title,
                "classes": known.classes,
                "photos": known.photos,
                "download_bytes": known.size,
                "credit": known.credit,
                "present": sources.is_here(known),
                "files": ", ".join(archive.file for archive in known.archives),
                "folder": "" if known.is_offline else str(sources.cache_folder()),
            }
            for known in sources.SOURCES
        ]
    }


def _prefetch(options: argparse.Namespace) -> Answer:
    from core.data import prefetch

    items = prefetch.chosen(options.names)
    if not options.list:
        last(prefetch.prefetch(items), "looking")
    return {
        "items": [
            {
                "name": item.name,
                "title": item.title,
                "megabytes": round(item.size / 1e6),
                "present": item.present,
                "place": str(item.place or "comes with the packages"),
            }
            for item in items
        ]
    }


def _overview(folder: Path) -> Answer:
    """Tell what is in a folder before anything is learned from it."""
    from core.data import datasets, overview

    seen = last(overview.survey(datasets.from_folder(folder)), "checking the photos")
    return {
        "classes": [
            {"name": name, "photos": count}
            for name, count in zip(seen.classes, seen.counts, strict=True)
        ],
        "balance": seen.balance,
        "copies": seen.extra_copies,
        "in_several_classes": len(seen.contradictions),
        "in_both_parts": len(seen.leaks),
        "parts": dict(zip(("train", "validate"), seen.parts, strict=True)) if seen.parts else None,
        "unlabelled": seen.unlabelled,
        "unreadable": told([(s.file, s.reason) for s in seen.unreadable]),
    }


def _data_set(options: argparse.Namespace) -> Any:
    """Read a sample of a data set that has a name, downloading it if need be."""
    from core.data import sources

    known = sources.source(options.data)
    most = sources.MOST_PER_CLASS if options.most is None else options.most
    steps = sources.load(known, most_per_class=most, seed=options.seed)
    return last(steps, f"reading {known.title}")


def _train(options: argparse.Namespace) -> Answer:
    from core.data import datasets, photo_files
    from core.export import bundle, store
    from core.training import comparison, loop
    from core.training.embeddings import EmbeddingCache

    if options.out is None and options.export is None:
        raise Problem("Say where to save the network: --out FOLDER, --export FILE.zip, or both.")
    if options.whole and options.export is None:
        raise Problem("--whole goes with --export.")
    strategies = STRATEGIES if options.way == ALL else (options.way,)
    _check_options(options, strategies)
    plans = {name: _training_settings(options, name) for name in strategies}
    dataset = _data_set(options) if options.data else datasets.from_folder(options.folder)
    base = load_network(options.model)
    cache = EmbeddingCache()
    started = time.perf_counter()
    compared = comparison.compare(
        {name: loop.train(base, dataset, settings, cache) for name, settings in plans.items()}
    )
    outcomes: comparison.Comparison = last(compared, "training")
    seconds = time.perf_counter() - started
    training = comparison.best(outcomes)
    if options.out:
        store.save(training, options.out)
    exported: Answer = {}
    if options.export:
        name = options.data or photo_files.name_of(options.folder)  # where it lies is private
        most = None if options.whole else bundle.MOST_BYTES
        write_file(options.export, bundle.write(training, {"Data": name}, most_bytes=most))
        onnx = options.whole or bundle.holds_onnx(training.classifier)
        exported = {"zip": str(options.export), "onnx": onnx}
    return {
        "model": base.name,
        "classes": list(dataset.classes),
        "way": training.settings.strategy,
        "n_train": training.n_train,
        "n_val": training.n_val,
        "val_accuracy": training.accuracy,
        "val_interval_95": training.interval,
        "seconds": round(seconds, 3),
        "ways": [
            {
                "way": name,
                "val_accuracy": outcome.training.accuracy,
                "val_interval_95": outcome.training.interval,
                "seconds": round(outcome.seconds, 3),
            }
            for name, outcome in outcomes.items()
        ],
        "skipped": told([(s.file, s.reason) for s in training.skipped]),
        **({"folder": str(options.out)} if options.out else {}),
        **exported,
    }


def _check_options(options: argparse.Namespace, strategies: Sequence[str]) -> None:
    """Refuse options that would change nothing, or not what they say.

    Raises:
        Problem: there is one.
    """
    of_blocks = {name: found for name, found in SETTINGS.items() if found.strategies == ("blocks",)}
    is_given = any(getattr(options, name) is not None for name in of_blocks)
    if is_given and "blocks" not in strategies:
        named = " and ".join(option(name, found) for name, found in of_blocks.items())
        raise Problem("{options} go with --way blocks, or all.", options=named)
    if options.blocks is not None:  # 0 would be the head alone
        check_range(SETTINGS["blocks"].name, options.blocks, 1, ALL_BLOCKS)
    if options.most is not None and not options.data:
        raise Problem("--most goes with --data. Of a folder, --per-class says how many to learn.")


def _training_settings(options: argparse.Namespace, strategy: Strategy) -> Settings:
    """Return the settings of a strategy, with the defaults for what is not given."""
    names = [name for name, found in SETTINGS.items() if strategy in found.strategies]
    given = given_settings(options, names)
    return settings_for(strategy, **{k: v for k, v in given.items() if v is not None})
