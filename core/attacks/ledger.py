"""The ledger: one row per attempt, everything measured on the 8-bit picture that can be saved.

A row says how large the change is, what the network makes of it, what the fooling survives, and
which of the other networks are fooled too, without having been asked when it was made
(transfer; Szegedy et al., "Intriguing properties of neural networks", 2014).
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core.attacks.goal import Goal
from core.attacks.report import Report, is_reached
from core.images import photos
from core.problem import N_
from core.steps import Pixels
from core.zoo import catalogue, weights
from core.zoo.classifier import Classifier
from core.zoo.predictions import Prediction, top

_JPEG_QUALITY = 75
_SHIFT = 2
_RESIZED = 0.5
_SSIM_WINDOW = 7
"""scikit-image's default; a picture must be at least as large."""


@dataclass(frozen=True)
class Transfer:
    """What another network makes of a picture that was made to fool the first one.

    Attributes:
        network: its name.
        before, after: its first answer for the photo and for the changed photo.
        wanted: its probability of what was wanted: the target, or anything but what it saw
            before; None where it has no such class.
        fooled: whether it now says what was wanted, and did not before.
    """

    network: str
    before: Prediction
    after: Prediction
    wanted: float | None
    fooled: bool


@dataclass(frozen=True)
class Survival:
    """Whether the network still says what was wanted after something was done to the picture.

    Attributes:
        png: saved as PNG and read back.
        jpeg: saved as JPEG of quality 75.
        shift: moved by two pixels, right and down.
        resize: made half as large and large again.
    """

    png: bool
    jpeg: bool
    shift: bool
    resize: bool


SURVIVAL_NAMES = {
    "png": N_("PNG"),
    "jpeg": N_("JPEG 75"),
    "shift": N_("shift by 2 pixels"),
    "resize": N_("half the size and back"),
}


@dataclass(frozen=True)
class Row:
    """One attempt.

    Attributes:
        photo: what the photo is called.
        network: the network that was attacked.
        attack: name of the method.
        norm: the norm that bounded it, "linf" or "l2".
        epsilon: its bound, in 1/255 for "linf"; None for methods that know none.
        target: name of the target class; empty for "anything else".
        before, after: the network's five most probable classes.
        linf: greatest change of a value, in 1/255.
        l2: length of the change, in pixels of [0, 1].
        changed: fraction of the pixels that differ at all, in [0, 1].
        psnr: peak signal-to-noise ratio, dB; infinite if nothing changed.
        ssim: structural similarity (Wang et al., 2004), at most 1; NaN for pictures under 7 pixels.
        steps: how many were made.
        seconds: how long it took.
        success: whether the saved picture is seen as wanted.
        survives: what it survives.
        transfer: what other networks say.
    """

    photo: str
    network: str
    attack: str
    norm: str
    epsilon: float | None
    target: str
    before: tuple[Prediction, ...]
    after: tuple[Prediction, ...]
    linf: int
    l2: float
    changed: float
    psnr: float
    ssim: float
    steps: int
    seconds: float
    success: bool
    survives: Survival
    transfer: tuple[Transfer, ...]


def enter_report(
    classifier: Classifier,
    report: Report,
    *,
    photo: str,
    attack: str,
    seconds: float,
    bounded: bool = True,
    others: Sequence[Classifier] = (),
) -> Row:
    """Return the row of an attempt that was reported on.

    Args:
        classifier: the network that was attacked.
        report: what was measured.
        photo: what to call the photo.
        attack: name of the method.
        seconds: how long it took.
        bounded: whether the method was given a bound.
        others: networks to show the result to; see `askable`.
    """
    attempt, goal = report.attempt, report.attempt.goal
    return Row(
        photo=photo,
        network=classifier.name,
        attack=attack,
        norm=attempt.settings.norm,
        epsilon=attempt.settings.epsilon if bounded else None,
        target=classifier.labels[goal.class_id] if goal.targeted else "",
        before=report.before,
        after=report.after,
        linf=report.linf,
        l2=report.l2,
        changed=changed(report.original, report.adversarial),
        psnr=psnr(report.original, report.adversarial),
        ssim=ssim(report.original, report.adversarial),
        steps=attempt.steps_done,
        seconds=seconds,
        success=report.success_after_png,
        survives=survival(classifier, goal, report.adversarial),
        transfer=tuple(
            transfer(other, classifier, goal, report.original, report.adversarial)
            for other in others
        ),
    )


def changed(original: Pixels, adversarial: Pixels) -> float:
    """Return the fraction of pixels of which a value differs, in [0, 1]."""
    return float((original != adversarial).any(axis=-1).mean())


def psnr(original: Pixels, adversarial: Pixels) -> float:
    """Return the peak signal-to-noise ratio in dB; infinite for equal pictures."""
    from skimage.metrics import peak_signal_noise_ratio

    if np.array_equal(original, adversarial):
        return math.inf
    return float(peak_signal_noise_ratio(original, adversarial, data_range=255))


def ssim(original: Pixels, adversarial: Pixels) -> float:
    """Return the structural similarity; NaN for pictures smaller than its window."""
    from skimage.metrics import structural_similarity

    if min(original.shape[:2]) < _SSIM_WINDOW:
        return math.nan
    return float(structural_similarity(original, adversarial, channel_axis=-1, data_range=255))


def survival(classifier: Classifier, goal: Goal, adversarial: Pixels) -> Survival:
    """Show the network a picture, (H, W, 3), after what happens to pictures."""
    picture = Image.fromarray(adversarial)
    height, width = adversarial.shape[:2]
    smaller = (max(1, round(width * _RESIZED)), max(1, round(height * _RESIZED)))
    resized = picture.resize(smaller, Image.Resampling.BICUBIC)
    # The first rows and columns are repeated: black bars would be a change of their own.
    shifted = np.pad(adversarial, ((_SHIFT, 0), (_SHIFT, 0), (0, 0)), mode="edge")
    seen = {
        "png": photos.encode_png(adversarial),
        "jpeg": photos.encode_jpeg(adversarial, _JPEG_QUALITY),
        "shift": photos.encode_png(shifted[:height, :width]),
        "resize": photos.encode_png(
            np.asarray(resized.resize(picture.size, Image.Resampling.BICUBIC))
        ),
    }
    return Survival(**{name: _is_fooled(classifier, goal, data) for name, data in seen.items()})


def _is_fooled(classifier: Classifier, goal: Goal, data: bytes) -> bool:
    with Image.open(io.BytesIO(data)) as saved:
        return is_reached(goal, classifier, photos.to_tensor(saved))


def askable(classifier: Classifier) -> list[str]:
    """Name the networks whose weights are here and that this one did not grow out of.

    The built-in ones come first, then those that were downloaded.
    """
    return [
        entry.name
        for entry in catalogue.ENTRIES
        if entry.name != classifier.provenance.network and weights.present(entry)
    ]


def transfer(
    other: Classifier, fooled: Classifier, goal: Goal, original: Pixels, adversarial: Pixels
) -> Transfer:
    """Ask another network what it makes of a photo, (H, W, 3), before and after.

    Args:
        other: the network to ask.
        fooled: the network that was attacked.
        goal: what it was to say.
        original: the photo.
        adversarial: the changed photo.
    """
    before = top(other, Image.fromarray(original), count=1)[0]
    everything = top(other, Image.fromarray(adversarial), count=len(other.labels))
    after = everything[0]
    if goal.targeted:
        target = fooled.labels[goal.class_id]
        class_id = other.labels.called(target)
        wanted = next((p.probability for p in everything if p.class_id == class_id), None)
        reached = after.class_id == class_id
    else:
        wanted = 1 - next(p.probability for p in everything if p.class_id == before.class_id)
        reached = True
    # A network that said so before has not been fooled by the change.
    return Transfer(
        other.name, before, after, wanted, reached and after.class_id != before.class_id
    )


COLUMNS = (
    *("photo", "network", "attack", "norm", "epsilon", "target", "success"),
    *("before", "before_probability", "after", "after_probability", "before_top5", "after_top5"),
    *("linf_255", "l2", "changed_pixels", "psnr_db", "ssim", "steps", "seconds"),
    *("survives_png", "survives_jpeg75", "survives_shift2", "survives_resize", "transfer"),
)


def as_record(row: Row) -> dict[str, str | int | float | bool | None]:
    """Return a row as plain values by the names of `COLUMNS`; infinite and unknown ones as None."""
    return {
        "photo": row.photo,
        "network": row.network,
        "attack": row.attack,
        "norm": row.norm,
        "epsilon": row.epsilon,
        "target": row.target,
        "success": row.success,
        "before": row.before[0].class_name,
        "before_probability": round(row.before[0].probability, 5),
        "after": row.after[0].class_name,
        "after_probability": round(row.after[0].probability, 5),
        "before_top5": _as_probabilities(row.before),
        "after_top5": _as_probabilities(row.after),
        "linf_255": row.linf,
        "l2": round(row.l2, 4),
        "changed_pixels": round(row.changed, 4),
        "psnr_db": round(row.psnr, 2) if math.isfinite(row.psnr) else None,
        "ssim": round(row.ssim, 5) if math.isfinite(row.ssim) else None,
        "steps": row.steps,
        "seconds": round(row.seconds, 2),
        "survives_png": row.survives.png,
        "survives_jpeg75": row.survives.jpeg,
        "survives_shift2": row.survives.shift,
        "survives_resize": row.survives.resize,
        "transfer": "; ".join(_as_text(other) for other in row.transfer),
    }


def _as_probabilities(predictions: Sequence[Prediction]) -> str:
    return "; ".join(f"{p.class_name} {p.probability:.4f}" for p in predictions)


def _as_text(other: Transfer) -> str:
    wanted = "" if other.wanted is None else f", wanted {other.wanted:.4f}"
    answer = f"{other.after.class_name} {other.after.probability:.4f}"
    return f"{other.network}: {'fooled' if other.fooled else 'not fooled'}, {answer}{wanted}"


def to_csv(rows: Iterable[Row]) -> bytes:
    """Write rows as a table for spreadsheets (RFC 4180, UTF-8 with a byte-order mark).

    Names that somebody chose and that a spreadsheet would take for a formula get an apostrophe.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _harmless(value) for name, value in as_record(row).items()})
    return buffer.getvalue().encode("utf-8-sig")


def _harmless(value: str | int | float | bool | None) -> str | int | float | bool | None:
    return (
        f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
    )
