"""The command line: the same core, for teachers who prepare material and for scripts.

    python -m core ideal --class "Siamese cat" --out cat.png --json

Each verb prints one JSON object with --json; progress goes to stderr; bad input ends with exit
code 2 and one line on stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from core import photos
from core.problem import Problem
from core.steps import Steps
from core.zoo import catalogue, weights
from core.zoo.classifier import Classifier

Answer = dict[str, Any]
_PRESETS = ("best", "lesson")
_DIALS = (
    *("canvas", "photo", "steps", "size", "learning_rate"),
    *("tv", "l2", "blur", "batch_norm", "seed"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and give the exit code."""
    options = _parser().parse_args(arguments)
    try:
        answer: Answer = options.verb(options)
    except Problem as problem:
        print(f"core: {' '.join(str(problem).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("core: interrupted", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps(answer, ensure_ascii=False, default=str))
    else:
        _print_for_people(answer)
    return 0


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"core: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m core", description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, run: Callable[[argparse.Namespace], Answer], help: str) -> Any:
        added = verbs.add_parser(name, help=help, description=help)
        added.set_defaults(verb=run)
        added.add_argument("--json", action="store_true", help="print one JSON object")
        return added

    def network(added: Any) -> None:
        added.add_argument(
            "--model", default=catalogue.DEFAULT, help="a network, or a trained folder"
        )

    verb("models", _models, "list every network")

    added = verb("classify", _classify, "say what a network sees in a photo")
    added.add_argument("photo", type=Path)
    added.add_argument("--top", type=int, default=5, help="how many classes (default: 5)")
    network(added)

    added = verb("features", _features, "save the feature maps of a layer as one mosaic")
    added.add_argument("photo", type=Path)
    added.add_argument("--out", type=Path, required=True)
    added.add_argument("--layer", help="default: one where the photo is still recognisable")
    added.add_argument("--channels", type=int, default=64, help="at most (default: 64)")
    added.add_argument(
        "--order",
        choices=["network", "strength", "maximum", "variance", "evidence"],
        default="strength",
        help="evidence: gradient × activation for the predicted class",
    )
    network(added)

    added = verb("ideal", _ideal, "draw a network's ideal picture of a class or a channel")
    wanted = added.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--class", dest="class_name", metavar="NAME_OR_ID")
    wanted.add_argument("--channel", metavar="LAYER:NUMBER", help="draw what one channel looks for")
    wanted.add_argument("--recipe", type=Path, metavar="PICTURE.png", help="draw a picture again")
    added.add_argument(
        "--and", dest="second", metavar="NAME_OR_ID", help="a second class, mixed in"
    )
    added.add_argument(
        "--share", type=float, default=0.5, help="of the first of two (default: 0.5)"
    )
    added.add_argument("--out", type=Path, required=True)
    added.add_argument("--timelapse", type=Path, metavar="FILE.webp|FILE.gif")
    added.add_argument("--preset", choices=list(_PRESETS), default="best")
    added.add_argument("--objective", choices=["logit", "cross_entropy"])
    added.add_argument("--canvas", choices=["pixel", "fourier", "phase"])
    added.add_argument("--photo", help="start from this photo (a file or a sample), not from noise")
    added.add_argument("--steps", type=int)
    added.add_argument("--size", type=int, help="side in pixels")
    added.add_argument("--lr", type=float, dest="learning_rate", help="learning rate")
    added.add_argument("--tv", type=float, metavar="WEIGHT", help="weight of the total variation")
    added.add_argument(
        "--l2", type=float, metavar="WEIGHT", help="weight of the distance from grey"
    )
    added.add_argument("--blur", type=float, metavar="WEIGHT", help="weight of the fine detail")
    added.add_argument("--batch-norm", type=float, metavar="WEIGHT", help="of the batch-norm prior")
    added.add_argument("--scale", type=float, nargs=2, metavar=("LEAST", "GREATEST"))
    added.add_argument("--rotation", type=float, metavar="DEGREES")
    added.add_argument("--shift", action=argparse.BooleanOptionalAction, default=None)
    added.add_argument("--seed", type=int, default=0)
    network(added)

    added = verb("attack", _attack, "change a photo until it is seen as something else")
    added.add_argument("photo", type=Path)
    added.add_argument("--target", required=True, metavar="NAME_OR_ID|none")
    added.add_argument("--out", type=Path, required=True)
    added.add_argument("--eps", type=float, default=4, help="in 1/255 for linf, absolute for l2")
    added.add_argument("--steps", type=int, default=40)
    added.add_argument("--norm", choices=["linf", "l2"], default="linf")
    added.add_argument("--seed", type=int, default=0)
    network(added)

    added = verb("train", _train, "train a new head on a folder of photos, one sub-folder a class")
    added.add_argument("folder", type=Path)
    added.add_argument("--out", type=Path, required=True)
    added.add_argument("--per-class", type=int, help="photos to learn from; default: four in five")
    added.add_argument("--epochs", type=int)
    added.add_argument("--seed", type=int, default=0)
    network(added)
    return parser


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
    from core import predictions

    photo = _read_photo(options.photo)
    classifier = _network(options.model)
    return {
        "model": classifier.name,
        "predictions": [asdict(p) for p in predictions.top(classifier, photo, max(1, options.top))],
    }


def _features(options: argparse.Namespace) -> Answer:
    from core.features.maps import find_layer, observe, ranked
    from core.features.mosaic import mosaic

    photo = _read_photo(options.photo)
    classifier = _network(options.model)
    layer = find_layer(classifier, options.layer)
    maps = observe(classifier, photo).maps[layer.name]
    channels = ranked(maps, options.order)[: max(1, options.channels)]
    _write(options.out, photos.encode_png(mosaic(maps, channels)))
    return {
        "model": classifier.name,
        "layer": layer.name,
        "shape": list(maps.maps.shape),
        "channels": channels,
        "file": str(options.out),
    }


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
        kept = _last(record.recorded(steps, ask), "drawing")
    else:
        kept = record.Record(_last(steps, "drawing"))
    seconds = time.perf_counter() - started
    verdict = judge(classifier, kept)
    synthesis = verdict.synthesis
    _write(options.out, photos.encode_png(synthesis.pixels, recipe.write(synthesis)))
    if options.timelapse:
        format: Any = options.timelapse.suffix[1:].lower()
        _write(options.timelapse, record.animation(verdict.record, format))
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
        first = photos.decode(_read(options.recipe), options.recipe.name)
        answer["identical"] = first.tobytes() == synthesis.pixels.tobytes()
    return answer


def _plan(options: argparse.Namespace) -> tuple[Classifier, Any, Any]:
    """Give the network, the recipe and the photo to start from, from a picture or from options."""
    from core.synthesis import recipe
    from core.synthesis.objective import ChannelActivation, Mixture
    from core.synthesis.presets import PRESETS

    if options.timelapse and options.timelapse.suffix.lower() not in (".webp", ".gif"):
        raise Problem("{file} must end in .webp or .gif.", file=options.timelapse)
    if options.recipe:
        found = recipe.read(photos.read_recipe(_read(options.recipe), options.recipe.name))
        classifier = _network(options.model if found.model == "own" else found.model)
        found.check(classifier)
        return classifier, found, _start_photo(found.settings.photo)
    classifier = _network(options.model)
    preset = PRESETS[options.preset]
    settings = preset.changed(
        **{name: getattr(options, name) for name in _DIALS},
        view=preset.settings.view.changed(
            scale=options.scale and tuple(options.scale),
            rotation=options.rotation,
            shift=options.shift,
        ),
    )
    if options.channel:
        layer, _, number = options.channel.rpartition(":")
        if not number.isdecimal():
            raise Problem("A channel is named LAYER:NUMBER, not {name}.", name=options.channel)
        objective: Any = ChannelActivation(layer, int(number))
    else:
        objective = preset.objective(classifier.labels.find(options.class_name), options.objective)
        if options.second is not None:
            if not 0 <= options.share <= 1:
                raise Problem("A share lies between 0 and 1.")
            second = preset.objective(classifier.labels.find(options.second), options.objective)
            objective = Mixture(objective, second, options.share)
    plan = recipe.Recipe(classifier.name, objective, settings, recipe.versions())
    plan.check(classifier)
    return classifier, plan, _start_photo(settings.photo)


def _start_photo(name: str) -> Any:
    """Give the photo that a picture starts from: a sample, or a file; None for noise."""
    if not name:
        return None
    if name in {sample.id for sample in photos.SAMPLES}:
        return photos.read_sample(name)
    return _read_photo(Path(name))


def _attack(options: argparse.Namespace) -> Answer:
    from core.attacks.goal import goal_for
    from core.attacks.loop import Settings, attack
    from core.attacks.report import report

    settings = Settings(
        norm=options.norm, epsilon=options.eps, steps=options.steps, seed=options.seed
    )
    photo = _read_photo(options.photo)
    classifier = _network(options.model)
    untargeted = options.target.lower() == "none"
    target = None if untargeted else classifier.labels.find(options.target)
    goal = goal_for(classifier, photo, target)
    prepared = photos.prepare(photo, classifier.input_size)
    started = time.perf_counter()
    attempt = _last(attack(classifier, prepared, goal, settings), "attacking")
    seconds = time.perf_counter() - started
    found = report(classifier, attempt)
    _write(options.out, photos.encode_png(found.adversarial))
    return {
        "model": classifier.name,
        "target": None if untargeted else classifier.labels[goal.class_id],
        "before": [asdict(p) for p in found.before],
        "after": [asdict(p) for p in found.after],
        "success": found.success,
        "success_after_png": found.success_after_png,
        "linf": found.linf,
        "l2": round(found.l2, 4),
        "seconds": round(seconds, 3),
        "file": str(options.out),
    }


def _train(options: argparse.Namespace) -> Answer:
    from core.training import data, loop, store
    from core.training.embeddings import EmbeddingCache
    from core.training.head import HeadSettings

    chosen = {} if options.epochs is None else {"epochs": options.epochs}
    settings = loop.Settings(
        per_class=options.per_class,
        head=HeadSettings(seed=options.seed, **chosen),
        seed=options.seed,
    )
    dataset = data.from_folder(options.folder)
    base = _network(options.model)
    started = time.perf_counter()
    training = _last(loop.train(base, dataset, settings, EmbeddingCache()), "training")
    seconds = time.perf_counter() - started
    store.save(training, options.out)
    return {
        "model": base.name,
        "classes": list(dataset.classes),
        "n_train": training.n_train,
        "n_val": training.n_val,
        "val_accuracy": training.accuracy,
        "val_interval_95": training.interval,
        "seconds": round(seconds, 3),
        "skipped": [{"file": s.file, "reason": str(s.reason)} for s in training.skipped],
        "folder": str(options.out),
    }


def _network(name: str) -> Classifier:
    """Load a network of the catalogue, downloading it if need be, or a trained one's folder."""
    from core.training import store
    from core.zoo import loading

    if Path(name).is_dir():
        return store.load(Path(name))
    entry = catalogue.entry(name)
    if not weights.present(entry):
        _last(weights.download(entry), f"downloading {entry.title}")
    return loading.load(entry.name)


def _read_photo(path: Path) -> Any:
    return photos.decode(_read(path), path.name)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Problem(
            "{file} cannot be read: {reason}.", file=path, reason=error.strerror
        ) from None


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise Problem(
            "{file} cannot be written: {reason}.", file=path, reason=error.strerror
        ) from None


def _last(steps: Steps[Any], doing: str) -> Any:
    """Run a computation to its end, telling stderr how far it is, and give its result."""
    told = 0.0
    step = None
    for step in steps:
        if sys.stderr.isatty() and time.monotonic() - told > 0.2:
            told = time.monotonic()
            print(f"\r{step.phase or doing}: {step.index}/{step.total} ", end="", file=sys.stderr)
    if told:
        print(file=sys.stderr)
    assert step is not None, "a computation makes at least one step"
    return step.result


def _print_for_people(answer: Answer) -> None:
    for key, value in answer.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            print(f"{key}:")
            for row in value:
                print("  " + "  ".join(f"{name}={_short(item)}" for name, item in row.items()))
        else:
            print(f"{key}: {_short(value)}")


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
