"""Success per (photo, ε) against foolbox with equal settings, and whether the bounds hold.

    python -m benchmarks.attack_parity

FGSM, PGD L∞ and PGD L2, away from what the network sees, over foolbox's 20 photos. Both give
their last picture and get the same folded network.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import foolbox

from benchmarks.attack_photos import foolbox_photos
from core.attacks.goal import Goal
from core.attacks.loop import Attempt, Settings, attack_all
from core.attacks.norm import NORMS, NormName
from core.steps import finish
from core.zoo import loading

SHARE = 0.25
METHODS: dict[str, tuple[NormName, str, bool]] = {
    "FGSM": ("linf", "LinfFastGradientAttack", False),
    "PGD L∞": ("linf", "LinfPGD", True),
    "PGD L2": ("l2", "L2PGD", True),
}


def worst(attempts: Sequence[Attempt]) -> tuple[float, float]:
    """Give by how much bounds were crossed: that of the norm, and that of [0, 1]."""
    beyond, outside = 0.0, 0.0
    for attempt in attempts:
        changed = attempt.adversarial
        length = NORMS[attempt.settings.norm].measure(changed - attempt.original).item()
        beyond = max(beyond, length - attempt.settings.radius)
        outside = max(outside, -changed.min().item(), changed.max().item() - 1)
    return beyond, outside


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20, help="of PGD")
    parser.add_argument("--linf", type=float, nargs="+", default=[0.25, 0.5, 1, 2, 4])
    parser.add_argument("--l2", type=float, nargs="+", default=[0.1, 0.25, 0.5, 1, 2])
    options = parser.parse_args()

    classifier = loading.load(options.model)
    pictures = foolbox_photos(classifier.input_size)[0][: options.photos]
    classes = classifier.probabilities(pictures).argmax(-1)
    goals = [Goal(int(c), targeted=False) for c in classes]
    model = foolbox.PyTorchModel(classifier, bounds=(0, 1))
    criterion = foolbox.criteria.Misclassification(classes)
    rows = []
    for name, (norm, theirs, many) in METHODS.items():
        arguments = {"steps": options.steps, "rel_stepsize": SHARE} if many else {}
        oracle = getattr(foolbox.attacks, theirs)(random_start=False, **arguments)
        same, total, beyond, outside = 0, 0, 0.0, 0.0
        for epsilon in options.linf if norm == "linf" else options.l2:
            settings = Settings(
                norm=norm,
                epsilon=epsilon,
                steps=options.steps if many else 1,
                step_size=SHARE if many else 1,
                keep="last",
            )
            attempts = finish(attack_all(classifier, pictures, goals, settings))
            _, _, found = oracle(model, pictures, criterion, epsilons=settings.radius)
            same += sum(a.success == f for a, f in zip(attempts, found.tolist(), strict=True))
            total += len(attempts)
            crossed = worst(attempts)
            beyond, outside = max(beyond, crossed[0]), max(outside, crossed[1])
        row = {"method": name, "agreement": same / total, "n": total}
        rows.append(row | {"beyond_the_bound": beyond, "outside_of_0_1": outside})
        print(
            f"{name:8} agree on {same}/{total}; beyond ε by {beyond:.1e}, outside [0, 1] by {outside}"
        )
    print(json.dumps({"benchmark": "attack_parity", **vars(options), "rows": rows}))


if __name__ == "__main__":
    main()
