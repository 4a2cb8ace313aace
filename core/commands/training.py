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
    last,
    load_network,
    network_option,
    told,
    write_file,
)
from core.problem import Problem


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
    added.add_argument("--per-class", type=int, help="photos to learn from; default: seven in ten")
    added.add_argument("--epochs", type=int)
    added.add_argument("--seed", type=int, default=0)
    added.add_argument(
        "--way",
        choices=("head", "blocks", "scratch", "all"),
        default="head",
        help=(
            "what learns: the head, the last blocks too, or everything from random weights;"
            " all: try these three, and keep the best"
        ),
    )
    added.add_argument("--blocks", type=int, help="how many of the last blocks learn (default: 2)")
    added.add_argument(
        "--adversarial",
        type=float,
        metavar="EPS",
        help="attack each photo within EPS/255 before the last blocks learn from it (default: 0)",
    )
    added.add_argument("--batch", type=int, help="photos per step")
    added.add_argument("--optimiser", choices=("adam", "momentum", "sgd"))
    added.add_argument("--learning-rate", type=float, help="default: what suits the optimiser")
    added.add_argument("--schedule", choices=("cosine", "constant", "warm-up"))
    for name in ("weight-decay", "dropout", "clip", "label-smoothing"):
        added.add_argument(f"--{name}", type=float)
    added.add_argument("--patience", type=int, help="epochs without progress that end it")
    added.add_argument(
        "--augmentation", action=argparse.BooleanOptionalAction, help="varied views of each photo"
    )
    network_option(added)


def _data(options: argparse.Namespace) -> Answer:
    from core.training import sources

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
    from core import prefetch

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
    from core.training import data, overview

    seen = last(overview.survey(data.from_folder(folder)), "checking the photos")
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
    from core.training import sources

    known = sources.source(options.data)
    most = sources.MOST_PER_CLASS if options.most is None else options.most
    steps = sources.load(known, most_per_class=most, seed=options.seed)
    return last(steps, f"reading {known.title}")


def _train(options: argparse.Namespace) -> Answer:
    from core import photo_files
    from core.training import bundle, comparison, data, loop, store
    from core.training.embeddings import EmbeddingCache

    if options.out is None and options.export is None:
        raise Problem("Say where to save the network: --out FOLDER, --export FILE.zip, or both.")
    if options.whole and options.export is None:
        raise Problem("--whole goes with --export.")
    ways = loop.WAYS if options.way == "all" else (options.way,)
    _check_way(options, ways)
    plan = {way: _training_settings(options, way) for way in ways}
    dataset = _data_set(options) if options.data else data.from_folder(options.folder)
    base = load_network(options.model)
    cache = EmbeddingCache()
    started = time.perf_counter()
    compared = comparison.compare(
        {way: loop.train(base, dataset, settings, cache) for way, settings in plan.items()}
    )
    outcomes: comparison.Comparison = last(compared, "training")
    seconds = time.perf_counter() - started
    training = comparison.best(outcomes)
    if options.out:
        store.save(training, options.out)
    if options.export:
        name = options.data or photo_files.name_of(options.folder)  # where it lies is private
        most = None if options.whole else bundle.MOST_BYTES
        write_file(options.export, bundle.write(training, {"Data": name}, most_bytes=most))
    return {
        "model": base.name,
        "classes": list(dataset.classes),
        "way": training.settings.way,
        "n_train": training.n_train,
        "n_val": training.n_val,
        "val_accuracy": training.accuracy,
        "val_interval_95": training.interval,
        "seconds": round(seconds, 3),
        "ways": [
            {
                "way": way,
                "val_accuracy": outcome.training.accuracy,
                "val_interval_95": outcome.training.interval,
                "seconds": round(outcome.seconds, 3),
            }
            for way, outcome in outcomes.items()
        ],
        "skipped": told([(s.file, s.reason) for s in training.skipped]),
        **({"folder": str(options.out)} if options.out else {}),
        **(_exported(options, training) if options.export else {}),
    }


def _exported(options: argparse.Namespace, training: Any) -> Answer:
    from core.training import bundle

    with_onnx = options.whole or bundle.holds_onnx(training.classifier)
    return {"zip": str(options.export), "onnx": with_onnx}


def _check_way(options: argparse.Namespace, ways: Sequence[str]) -> None:
    """Refuse options that would change nothing.

    Raises:
        Problem: there is one.
    """
    is_given = options.blocks is not None or options.adversarial is not None
    if is_given and "blocks" not in ways:
        raise Problem("--blocks and --adversarial go with --way blocks, or all.")
    if options.most is not None and not options.data:
        raise Problem("--most goes with --data. Of a folder, --per-class says how many to learn.")


def _training_settings(options: argparse.Namespace, way: str) -> Any:
    """Give the settings of one way of training, with the defaults for what is not given."""
    from core.training import finetune, head, loop
    from core.training.descent import Tricks

    tricks = Tricks(
        **_given(
            optimiser=options.optimiser,
            schedule=options.schedule,
            weight_decay=options.weight_decay,
            dropout=options.dropout,
            clip=options.clip,
            label_smoothing=options.label_smoothing,
            patience=options.patience,
            augmentation=way != "head" if options.augmentation is None else options.augmentation,
        )
    )
    rates = {
        "head": head.LEARNING_RATES,
        "blocks": finetune.LEARNING_RATES,
        "scratch": finetune.SCRATCH_LEARNING_RATES,
    }
    usual = rates[way][tricks.optimiser]
    rate = usual if options.learning_rate is None else options.learning_rate
    common = _given(
        epochs=options.epochs,
        learning_rate=rate,
        batch=options.batch,
        seed=options.seed,
        tricks=tricks,
    )
    if way == "head":
        frozen, tuning = head.HeadSettings(**common), None
    else:
        frozen = head.HeadSettings(
            learning_rate=head.LEARNING_RATES[tricks.optimiser], seed=options.seed, tricks=tricks
        )
        of_blocks = _given(
            blocks=options.blocks,
            epsilon=None if options.adversarial is None else options.adversarial / 255,
        )
        own = of_blocks if way == "blocks" else {"blocks": None}
        tuning = finetune.TuningSettings(**own, **common)
    return loop.Settings(per_class=options.per_class, head=frozen, tuning=tuning, seed=options.seed)


def _given(**options: Any) -> dict[str, Any]:
    """Leave out what was not given, so that the defaults hold."""
    return {name: value for name, value in options.items() if value is not None}
