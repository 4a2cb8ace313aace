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
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from core import photos
from core.problem import Problem
from core.steps import Steps, returned
from core.zoo import catalogue, weights
from core.zoo.classifier import Classifier

Answer = dict[str, Any]
_PRESETS = ("best", "lesson")
_GRADIENT_METHODS = ("fgsm", "ifgsm", "pgd", "mifgsm")
_FOOLBOX_METHODS = ("deepfool", "ddn", "cw", "boundary", "hopskipjump")
_DEFENCES = ("jpeg", "blur", "bits", "resize", "crops")
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
            *("--network", "--model"),
            dest="model",
            metavar="NAME|FOLDER|FILE.zip",
            default=catalogue.DEFAULT,
            help="a network, or what `train` saved (default: the built-in one)",
        )

    verb("models", _models, "list every network")

    added = verb("classify", _classify, "say what a network sees in photos")
    added.add_argument("photo", type=Path, nargs="+")
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
    added.add_argument(
        "--method",
        choices=[*_GRADIENT_METHODS, *_FOOLBOX_METHODS],
        default="ifgsm",
        help="the last five come from foolbox, look for the smallest L2 and know no ε",
    )
    added.add_argument("--eps", type=float, default=4, help="in 1/255 for linf, absolute for l2")
    added.add_argument("--steps", type=int, help="default: 40, or the usual rounds of the method")
    added.add_argument("--step-size", type=float, metavar="SHARE", help="of ε; default: 2.5/steps")
    added.add_argument("--norm", choices=["linf", "l2"], default="linf")
    added.add_argument("--restarts", type=int, default=1, help="beginnings, with pgd")
    added.add_argument("--tv", type=float, default=0, help="weight of the change's variation")
    added.add_argument("--stop-early", action="store_true", help="stop at the first success")
    added.add_argument(
        "--mask", choices=["everywhere", "background", "frame", "patch"], default="everywhere"
    )
    added.add_argument(
        "--patch",
        type=float,
        nargs=3,
        default=(0.1, 0.1, 0.25),
        metavar=("X", "Y", "SIDE"),
        help="where the patch lies, as shares of the photo",
    )
    added.add_argument("--through", choices=_DEFENCES, help="attack through this defence")
    added.add_argument(
        "--smallest", action="store_true", help="look for the smallest ε; --eps does not matter"
    )
    added.add_argument("--transfer", action="store_true", help="ask every network that is here")
    added.add_argument("--others", nargs="+", metavar="NETWORK", help="ask these networks, too")
    added.add_argument(
        "--start",
        type=Path,
        metavar="PHOTO",
        help="of the target, where boundary and hopskipjump begin; default: one of the samples",
    )
    added.add_argument("--ledger", type=Path, metavar="FILE.csv", help="write the ledger's row")
    added.add_argument(
        "--defences", action="store_true", help="measure what helps, and attack through it"
    )
    added.add_argument("--seed", type=int, default=0)
    network(added)

    added = verb("robustness", _robustness, "measure accuracy under attack on a folder of photos")
    added.add_argument(
        "folder", type=Path, nargs="?", help="sub-folders may name the classes; default: 20 samples"
    )
    added.add_argument("--eps", type=float, nargs="+", help="default: 0 ¼ ½ 1 2 4 8")
    added.add_argument("--norm", choices=["linf", "l2"], default="linf")
    added.add_argument("--steps", type=int, default=20)
    added.add_argument("--through", choices=_DEFENCES, help="attack and judge with this defence")
    added.add_argument("--seed", type=int, default=0)
    network(added)

    added = verb("sticker", _sticker, "make a sticker that wins on any photo, to be printed")
    added.add_argument("folder", type=Path, nargs="?", help="photos; default: 20 samples")
    added.add_argument("--target", required=True, metavar="NAME_OR_ID")
    added.add_argument("--out", type=Path, required=True)
    added.add_argument("--example", type=Path, help="save a photo with the sticker on it")
    added.add_argument("--steps", type=int, default=200)
    added.add_argument("--centimetres", type=float, default=8, help="on paper")
    added.add_argument("--seed", type=int, default=0)
    network(added)

    added = verb("data", _data, "look through a folder of photos, or list the sets with a name")
    added.add_argument("folder", type=Path, nargs="?", help="one sub-folder a class")

    added = verb(
        "prefetch", _prefetch, "download networks and data sets beforehand, and check them"
    )
    added.add_argument("names", nargs="*", metavar="NAME", help="default: everything")
    added.add_argument("--list", action="store_true", help="only tell what is here, with sizes")

    added = verb("train", _train, "train a new head on a folder of photos, one sub-folder a class")
    learned = added.add_mutually_exclusive_group(required=True)
    learned.add_argument("folder", type=Path, nargs="?")
    learned.add_argument("--data", metavar="NAME", help="a data set of the verb `data`")
    added.add_argument(
        "--most", type=int, help="photos of each class to read, at most, with --data (default: 500)"
    )
    added.add_argument("--out", type=Path, metavar="FOLDER", help="save the weights here")
    added.add_argument(
        "--export", type=Path, metavar="FILE.zip", help="the whole network, to take home"
    )
    added.add_argument("--per-class", type=int, help="photos to learn from; default: four in five")
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
    added.add_argument("--blocks", type=int, default=2, help="how many of the last blocks learn")
    added.add_argument(
        "--adversarial",
        type=float,
        default=0.0,
        metavar="EPS",
        help="attack each photo within EPS/255 before the last blocks learn from it",
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

    classifier: Classifier | None = None
    seen: list[Answer] = []
    skipped: list[tuple[Path, Problem]] = []
    for path in options.photo:
        try:
            photo = _read_photo(path)
        except Problem as reason:
            skipped.append((path, reason))
            continue
        if classifier is None:
            classifier = _network(options.model)
        found = predictions.top(classifier, photo, max(1, options.top))
        seen.append({"file": str(path), "predictions": [asdict(p) for p in found]})
    if classifier is None:
        raise skipped[0][1]
    answer: Answer = {"model": classifier.name, "photos": seen, "skipped": _told(skipped)}
    if options.json and len(options.photo) == 1:  # where there is one, scripts need not look for it
        answer["predictions"] = seen[0]["predictions"]
    return answer


def _told(skipped: Sequence[tuple[object, Problem]]) -> list[Answer]:
    return [{"file": str(file), "reason": str(reason)} for file, reason in skipped]


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
    from core.attacks import ledger
    from core.attacks.goal import goal_for
    from core.attacks.report import report

    _check_attack(options)
    photo = _read_photo(options.photo)
    classifier = _network(options.model)
    others = [*(options.others or ()), *(ledger.askable(classifier) if options.transfer else ())]
    untargeted = options.target.lower() == "none"
    target = None if untargeted else classifier.labels.find(options.target)
    goal = goal_for(classifier, photo, target)
    prepared = photos.prepare(photo, classifier.input_size)
    started = time.perf_counter()
    attempt, needed = _attempt(options, classifier, prepared, goal)
    seconds = time.perf_counter() - started
    found = report(classifier, attempt)
    _write(options.out, photos.encode_png(found.adversarial))
    answer: Answer = {
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
    if options.smallest:
        answer["smallest_eps"] = needed
    if options.through:
        answer["success_through_defence"] = _fools_defended(options, classifier, attempt)
    if options.transfer or options.others or options.ledger:
        row = ledger.enter_report(
            classifier,
            found,
            photo=options.photo.name,
            attack=options.method,
            seconds=seconds,
            bounded=options.method in _GRADIENT_METHODS,
            others=[_network(name) for name in others],
        )
        answer["ledger"] = ledger.as_record(row)
        if options.ledger:
            _write(options.ledger, ledger.to_csv([row]))
    if options.defences:
        answer["defences"] = _defences(options, classifier, prepared, goal)
    return answer


def _check_attack(options: argparse.Namespace) -> None:
    """Refuse options that do not go together.

    Raises:
        Problem: they do not.
    """
    if options.method not in _GRADIENT_METHODS and (options.smallest or options.through):
        raise Problem(
            "--smallest and --through go with {methods}.", methods=", ".join(_GRADIENT_METHODS)
        )
    _attack_settings(options)


def _attack_settings(options: argparse.Namespace) -> Any:
    from core.attacks.loop import settings_for

    method: Any = options.method if options.method in _GRADIENT_METHODS else "ifgsm"
    chosen = {
        "norm": options.norm,
        "epsilon": options.eps,
        "steps": 40 if options.steps is None else options.steps,
        "step_size": options.step_size,
        "restarts": options.restarts,
        "tv": options.tv,
        "stop_early": options.stop_early,
        "seed": options.seed,
    }
    return settings_for(method, **chosen)


def _attempt(
    options: argparse.Namespace, classifier: Classifier, prepared: Any, goal: Any
) -> tuple[Any, float | None]:
    """Attack, and give the attempt and the smallest ε, if that was looked for."""
    from core.attacks import foolbox_adapter, robustness
    from core.attacks.defences import DEFENCES, EOT_DRAWS, Defended
    from core.attacks.loop import attack
    from core.attacks.mask import mask_for

    if options.method not in _GRADIENT_METHODS:
        steps = foolbox_adapter.attack(
            classifier,
            prepared,
            goal,
            options.method,
            rounds=options.steps,
            seed=options.seed,
            start=_start(options, classifier, prepared, goal),
        )
        return _last(steps, "attacking"), None
    settings = _attack_settings(options)
    *place, side = options.patch
    mask = mask_for(options.mask, classifier, prepared, place=(place[0], place[1]), side=side)
    network: Any = classifier
    if options.through:
        defence = DEFENCES[options.through]
        network = Defended(classifier, defence, draws=EOT_DRAWS, seed=options.seed)
    if options.smallest:
        search = robustness.smallest_epsilon(network, prepared, goal, settings, mask=mask)
        needed = _last(search, "looking for the smallest ε")
        return needed.attempt, needed.epsilon
    return _last(attack(network, prepared, goal, settings, mask=mask), "attacking"), None


def _start(
    options: argparse.Namespace, classifier: Classifier, prepared: Any, goal: Any
) -> Any | None:
    """Give a picture of the target where the method needs one to begin at."""
    from core.attacks import start
    from core.attacks.album import PhotoFile
    from core.attacks.foolbox_adapter import METHODS

    if not (goal.targeted and METHODS[options.method].needs_start):
        return None
    file = options.start
    files = [PhotoFile(file.name, lambda: _read(file))] if file else start.at_hand()
    return returned(start.starting_point(classifier, prepared, goal, files))


def _fools_defended(options: argparse.Namespace, classifier: Classifier, attempt: Any) -> bool:
    """Judge the saved picture behind the defence, with other dice than the attacker's."""
    from core.attacks.defences import DEFENCES, Defended
    from core.attacks.robustness import holds_when_saved

    judge = Defended(classifier, DEFENCES[options.through], seed=options.seed + 1)
    return holds_when_saved(judge, attempt)


def _defences(
    options: argparse.Namespace, classifier: Classifier, prepared: Any, goal: Any
) -> list[Answer]:
    from core.attacks.defences import compare

    settings = _attack_settings(options)
    steps = compare(classifier, prepared, [goal.true_id], settings, goals=[goal])
    return [asdict(finding) for finding in _last(steps, "measuring")]


def _album(options: argparse.Namespace, classifier: Classifier) -> Any:
    from core.attacks import album

    files = album.samples() if options.folder is None else album.in_folder(options.folder)
    return album.read(classifier, files)


def _robustness(options: argparse.Namespace) -> Answer:
    from core.attacks import robustness
    from core.attacks.defences import DEFENCES, Defended
    from core.attacks.loop import Settings

    epsilons = options.eps or robustness.EPSILONS
    settings = Settings(norm=options.norm, steps=options.steps, seed=options.seed)
    for epsilon in epsilons:
        replace(settings, epsilon=epsilon)  # refuses what makes no sense before anything is read
    classifier = _network(options.model)
    album = _album(options, classifier)
    network: Any = classifier
    if options.through:
        network = Defended(classifier, DEFENCES[options.through], seed=options.seed)
    started = time.perf_counter()
    curve = robustness.accuracy_under_attack(
        network, album.pictures, album.classes, settings, epsilons
    )
    points = _last(curve, "attacking")
    return {
        "model": classifier.name,
        "photos": len(album.names),
        "norm": options.norm,
        "classes_from": "network" if album.from_network else "names",
        "curve": [asdict(point) for point in points],
        "seconds": round(time.perf_counter() - started, 1),
        "skipped": [{"file": file, "reason": str(reason)} for file, reason in album.skipped],
    }


def _sticker(options: argparse.Namespace) -> Answer:
    from core.attacks import sticker

    settings = sticker.Settings(steps=options.steps, seed=options.seed)
    sticker.check_diameter(options.centimetres)
    classifier = _network(options.model)
    class_id = classifier.labels.find(options.target)
    album = _album(options, classifier)
    steps = sticker.make(classifier, album.pictures, class_id, settings)
    made = _last(steps, "making a sticker")
    _write(options.out, sticker.printable(made.pixels, options.centimetres))
    if options.example:
        _write(options.example, photos.encode_png(made.example))
    return {
        "model": classifier.name,
        "target": classifier.labels[class_id],
        "photos": len(album.names),
        "share_won": made.success,
        "centimetres": options.centimetres,
        "file": str(options.out),
    }


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
        _last(prefetch.prefetch(items), "looking")
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

    seen = _last(overview.survey(data.from_folder(folder)), "checking the photos")
    return {
        "classes": [
            {"name": name, "photos": count}
            for name, count in zip(seen.classes, seen.counts, strict=True)
        ],
        "balance": seen.balance,
        "copies": seen.extra_copies,
        "in_several_classes": len(seen.contradictions),
        "in_both_parts": len(seen.leaks),
        "unreadable": _told([(s.file, s.reason) for s in seen.unreadable]),
    }


def _data_set(options: argparse.Namespace) -> Any:
    """Read a sample of a data set that has a name, downloading it if need be."""
    from core.training import sources

    known = sources.source(options.data)
    most = sources.MOST_PER_CLASS if options.most is None else options.most
    steps = sources.load(known, most_per_class=most, seed=options.seed)
    return _last(steps, f"reading {known.title}")


def _train(options: argparse.Namespace) -> Answer:
    from core.training import bundle, comparison, data, loop, store
    from core.training.embeddings import EmbeddingCache

    if options.out is None and options.export is None:
        raise Problem("Say where to save the network: --out FOLDER, --export FILE.zip, or both.")
    ways = loop.WAYS if options.way == "all" else (options.way,)
    plan = {way: _training_settings(options, way) for way in ways}
    dataset = _data_set(options) if options.data else data.from_folder(options.folder)
    base = _network(options.model)
    cache = EmbeddingCache()
    started = time.perf_counter()
    compared = comparison.compare(
        {way: loop.train(base, dataset, settings, cache) for way, settings in plan.items()}
    )
    outcomes: comparison.Comparison = _last(compared, "training")
    seconds = time.perf_counter() - started
    training = comparison.best(outcomes)
    if options.out:
        store.save(training, options.out)
    if options.export:
        name = options.data or options.folder.resolve().name  # where it lies is nobody's business
        _write(options.export, bundle.write(training, {"Data": name}))
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
        "skipped": _told([(s.file, s.reason) for s in training.skipped]),
        **({"folder": str(options.out)} if options.out else {}),
        **({"zip": str(options.export)} if options.export else {}),
    }


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
    rate = options.learning_rate or rates[way][tricks.optimiser]
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
        blocks = options.blocks if way == "blocks" else None
        epsilon = options.adversarial / 255 if way == "blocks" else 0.0
        tuning = finetune.TuningSettings(blocks=blocks, epsilon=epsilon, **common)
    return loop.Settings(per_class=options.per_class, head=frozen, tuning=tuning, seed=options.seed)


def _given(**options: Any) -> dict[str, Any]:
    """Leave out what was not given, so that the defaults hold."""
    return {name: value for name, value in options.items() if value is not None}


def _network(name: str) -> Classifier:
    """Load a network of the catalogue, or a trained one from its folder or zip."""
    from core.training import bundle, store

    path = Path(name)
    if path.is_dir():
        return store.load(path, _of_the_catalogue)
    if path.suffix.lower() == ".zip":
        return bundle.read(_read(path), path.name, _of_the_catalogue)
    return _of_the_catalogue(name)


def _of_the_catalogue(name: str) -> Classifier:
    """Load a network of the catalogue, downloading it if need be."""
    from core.zoo import loading

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
        if _is_table(value):
            print(f"{key}:")
            _print_rows(value, "  ")
        else:
            print(f"{key}: {_short(value)}")


def _print_rows(rows: Sequence[Answer], indent: str) -> None:
    for row in rows:
        cells = {name: item for name, item in row.items() if not _is_table(item)}
        print(indent + "  ".join(f"{name}={_short(item)}" for name, item in cells.items()))
        for name in row.keys() - cells.keys():
            _print_rows(row[name], indent + "  ")


def _is_table(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
