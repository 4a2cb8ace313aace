"""Verbs that attack, and that measure how well a network withstands."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.attacks import foolbox_adapter, loop
from core.attacks.defences import DEFENCES, EOT_DRAWS, Defended, compare
from core.attacks.mask import MASK, check_patch, mask_for
from core.attacks.norm import NORMS
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
    told,
    write_file,
)
from core.images import photos
from core.problem import Problem
from core.setting import asked
from core.steps import returned
from core.zoo.classifier import Classifier

_ASKED = asked(loop.Settings()) | {"mask": (MASK, "everywhere")}


def add(verb: Verb) -> None:
    """Add the verbs `attack`, `robustness` and `sticker`."""
    added = verb("attack", _attack, "change a photo until it is seen as something else")
    added.add_argument("photo", type=a_file)
    wanted = added.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--target", metavar="NAME_OR_ID|none", help="none: any other class")
    wanted.add_argument(
        "--untargeted", action="store_true", help="any other class, even if one is called none"
    )
    added.add_argument("--out", type=Path, required=True)
    added.add_argument(
        "--method",
        choices=[*loop.METHODS, *foolbox_adapter.METHODS],
        default="ifgsm",
        help=f"{', '.join(foolbox_adapter.METHODS)}: from foolbox; they look for the smallest L2 and know no ε",
    )
    added.add_argument(
        "--eps",
        dest="epsilon",
        type=float,
        metavar="EPS",
        default=4,
        help="in 1/255 for linf, absolute for l2",
    )
    added.add_argument("--step-size", type=float, metavar="SHARE", help="of ε; default: 2.5/steps")
    setting_options(added, _ASKED, has_defaults=True)
    added.set_defaults(steps=None)
    added.add_argument(
        "--patch",
        type=float,
        nargs=3,
        default=(0.1, 0.1, 0.25),
        metavar=("X", "Y", "SIDE"),
        help="where the patch lies, as shares of the photo",
    )
    added.add_argument("--through", choices=list(DEFENCES), help="attack through this defence")
    added.add_argument(
        "--smallest", action="store_true", help="look for the smallest ε; --eps does not matter"
    )
    added.add_argument("--transfer", action="store_true", help="ask every network that is here")
    added.add_argument("--others", nargs="+", metavar="NETWORK", help="ask these networks, too")
    added.add_argument(
        "--start",
        type=a_file,
        metavar="PHOTO",
        help="seen as wanted, where boundary and hopskipjump begin; default: one of the samples",
    )
    added.add_argument("--ledger", type=Path, metavar="FILE.csv", help="write the ledger's row")
    added.add_argument(
        "--defences", action="store_true", help="measure what helps, and attack through it"
    )
    network_option(added)

    added = verb("robustness", _robustness, "measure accuracy under attack on a folder of photos")
    added.add_argument(
        "folder",
        type=a_file,
        nargs="?",
        help="sub-folders may name the classes; default: 20 samples",
    )
    added.add_argument("--eps", type=float, nargs="+", help="default: 0 ¼ ½ 1 2 4 8")
    added.add_argument("--norm", choices=list(NORMS), default="linf")
    added.add_argument("--steps", type=int, default=20)
    added.add_argument(
        "--through", choices=list(DEFENCES), help="attack and judge with this defence"
    )
    added.add_argument("--seed", type=int, default=0)
    network_option(added)

    added = verb("sticker", _sticker, "make a sticker that wins on any photo, to be printed")
    added.add_argument("folder", type=a_file, nargs="?", help="photos; default: 20 samples")
    added.add_argument("--target", required=True, metavar="NAME_OR_ID")
    added.add_argument("--out", type=Path, required=True)
    added.add_argument("--example", type=Path, help="save a photo with the sticker on it")
    added.add_argument("--steps", type=int, default=200)
    added.add_argument("--centimetres", type=float, default=8, help="on paper")
    added.add_argument("--seed", type=int, default=0)
    network_option(added)


def _attack(options: argparse.Namespace) -> Answer:
    from core.attacks import ledger
    from core.attacks.goal import goal_for
    from core.attacks.report import report

    _check_attack(options)
    photo = read_photo(options.photo)
    classifier = load_network(options.model)
    others = [*(options.others or ()), *(ledger.askable(classifier) if options.transfer else ())]
    target = _target(options, classifier)
    goal = goal_for(classifier, photo, target)
    prepared = photos.prepare(photo, classifier.input_size)
    started = time.perf_counter()
    attempt, needed = _attempt(options, classifier, prepared, goal)
    seconds = time.perf_counter() - started
    found = report(classifier, attempt)
    write_file(options.out, photos.encode_png(found.adversarial))
    answer: Answer = {
        "model": classifier.name,
        "target": None if target is None else classifier.labels[target],
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
            bounded=options.method in loop.METHODS,
            others=[load_network(name) for name in others],
        )
        answer["ledger"] = ledger.as_record(row)
        if options.ledger:
            write_file(options.ledger, ledger.to_csv([row]))
    if options.defences:
        answer["defences"] = _defences(options, classifier, prepared, goal)
    return answer


def _target(options: argparse.Namespace, classifier: Classifier) -> int | None:
    """Return the class to be seen as; None for any other. A class may be called "none", too."""
    if options.untargeted:
        return None
    is_none = options.target.lower() == "none"
    if is_none and not any(label.lower() == "none" for label in classifier.labels):
        return None
    return classifier.labels.find(options.target)


def _check_attack(options: argparse.Namespace) -> None:
    """Refuse options that mean nothing, or do not go together, before anything is computed.

    Raises:
        Problem: there are some.
    """
    needing_start = [n for n, method in foolbox_adapter.METHODS.items() if method.label_only]
    if options.start and options.method not in needing_start:
        raise Problem("--start goes with {methods}.", methods=", ".join(needing_start))
    if options.method not in loop.METHODS:
        if options.smallest or options.through:
            raise Problem(
                "--smallest and --through go with {methods}.", methods=", ".join(loop.METHODS)
            )
        if options.steps is not None:
            foolbox_adapter.check_rounds(options.steps)
    *place, side = options.patch
    check_patch((place[0], place[1]), side)
    _attack_settings(options)


def _attack_settings(options: argparse.Namespace) -> loop.Settings:
    chosen = given_settings(options, (*_ASKED, "epsilon", "step_size"))
    del chosen["mask"]
    by_gradient = options.method in loop.METHODS
    if chosen["steps"] is None or not by_gradient:  # of others they are the rounds
        del chosen["steps"]
    return loop.settings_for(options.method if by_gradient else "ifgsm", **chosen)


def _attempt(
    options: argparse.Namespace, classifier: Classifier, prepared: Any, goal: Any
) -> tuple[Any, float | None]:
    """Attack, and return the attempt and the smallest ε, if that was looked for."""
    from core.attacks import robustness

    if options.method not in loop.METHODS:
        steps = foolbox_adapter.attack(
            classifier,
            prepared,
            goal,
            options.method,
            rounds=options.steps,
            seed=options.seed,
            start=_start(options, classifier, prepared, goal),
        )
        return last(steps, "attacking"), None
    settings = _attack_settings(options)
    *place, side = options.patch
    mask = mask_for(options.mask, classifier, prepared, place=(place[0], place[1]), side=side)
    network: Any = classifier
    if options.through:
        defence = DEFENCES[options.through]
        network = Defended(classifier, defence, draws=EOT_DRAWS, seed=options.seed)
    if options.smallest:
        search = robustness.smallest_epsilon(network, prepared, goal, settings, mask=mask)
        needed = last(search, "looking for the smallest ε")
        return needed.attempt, needed.epsilon
    return last(loop.attack(network, prepared, goal, settings, mask=mask), "attacking"), None


def _start(
    options: argparse.Namespace, classifier: Classifier, prepared: Any, goal: Any
) -> Any | None:
    """Return a picture that is seen as wanted where the method needs one to begin at."""
    from core.attacks import starting_points
    from core.data.photo_files import PhotoFile

    if not foolbox_adapter.METHODS[options.method].label_only:
        return None
    if (file := options.start) is None:
        return returned(
            starting_points.beginning(classifier, prepared, goal, starting_points.at_hand())
        )
    own = PhotoFile(file.name, lambda: read_file(file))
    return returned(starting_points.starting_point(classifier, prepared, goal, [own]))


def _fools_defended(options: argparse.Namespace, classifier: Classifier, attempt: Any) -> bool:
    """Judge the saved picture behind the defence, with other dice than the attacker's."""
    from core.attacks.robustness import holds_when_saved

    judge = Defended(classifier, DEFENCES[options.through], seed=options.seed + 1)
    return holds_when_saved(judge, attempt)


def _defences(
    options: argparse.Namespace, classifier: Classifier, prepared: Any, goal: Any
) -> list[Answer]:
    settings = _attack_settings(options)
    steps = compare(classifier, prepared, [goal.true_id], settings, goals=[goal])
    return [asdict(finding) for finding in last(steps, "measuring")]


def _album(options: argparse.Namespace, classifier: Classifier) -> Any:
    from core.data import album

    files = album.samples() if options.folder is None else album.in_folder(options.folder)
    return album.read(classifier, files)


def _robustness(options: argparse.Namespace) -> Answer:
    from core.attacks import robustness

    epsilons = robustness.EPSILONS if options.eps is None else options.eps
    settings = loop.Settings(norm=options.norm, steps=options.steps, seed=options.seed)
    for epsilon in epsilons:
        replace(settings, epsilon=epsilon)  # refuses what makes no sense before anything is read
    classifier = load_network(options.model)
    album = _album(options, classifier)
    network: Any = classifier
    if options.through:
        network = Defended(classifier, DEFENCES[options.through], seed=options.seed)
    started = time.perf_counter()
    curve = robustness.accuracy_under_attack(
        network, album.pictures, album.classes, settings, epsilons
    )
    points = last(curve, "attacking")
    return {
        "model": classifier.name,
        "photos": len(album.names),
        "norm": options.norm,
        "classes_from": "network" if album.from_network else "names",
        "curve": [asdict(point) for point in points],
        "seconds": round(time.perf_counter() - started, 1),
        "skipped": told(album.skipped),
    }


def _sticker(options: argparse.Namespace) -> Answer:
    from core.attacks import sticker

    settings = sticker.StickerSettings(steps=options.steps, seed=options.seed)
    sticker.check_diameter(options.centimetres)
    classifier = load_network(options.model)
    class_id = classifier.labels.find(options.target)
    album = _album(options, classifier)
    steps = sticker.make(classifier, album.pictures, class_id, settings)
    made = last(steps, "making a sticker")
    write_file(options.out, sticker.printable(made.pixels, options.centimetres))
    if options.example:
        write_file(options.example, photos.encode_png(made.example))
    return {
        "model": classifier.name,
        "target": classifier.labels[class_id],
        "photos": len(album.names),
        "share_won": made.success,
        "centimetres": options.centimetres,
        "file": str(options.out),
    }
