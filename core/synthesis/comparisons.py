"""Pictures that are compared, in one run: ways of drawing, weights, or networks; always one seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.steps import Step, Steps, abreast
from core.synthesis.loop import synthesise
from core.synthesis.presets import PRESETS, TV_LADDER
from core.synthesis.record import Record, recorded
from core.synthesis.verdict import Verdict, judge, second_opinions
from core.zoo.classifier import Classifier

TAKES = {"noise": "without_tv", "shapes": "with_tv", "best": "best"}
"""By the name of a picture in the comparison, the preset that it is drawn with."""

LADDER_STEPS = 140
"""For each picture of the ladder, so that five take little longer than three pictures do."""

Comparison = Mapping[str, Step[Record]]


def noise_or_cat(classifier: Classifier, class_id: int, seed: int) -> Steps[Comparison]:
    """Draw a class three times: without and with total variation abreast, then at its best.

    Args:
        classifier: the network.
        class_id: the class.
        seed: of all three.

    Yields:
        Steps with the latest step of each picture by its name; see `TAKES`.
    """
    ask = second_opinions(classifier, PRESETS["best"].objective(class_id))

    def draw(name: str) -> Steps[Record]:
        preset = PRESETS[TAKES[name]]
        drawing = synthesise(classifier, preset.objective(class_id), preset.changed(seed=seed))
        return recorded(drawing, ask)

    totals = {name: PRESETS[preset].settings.steps for name, preset in TAKES.items()}
    latest: dict[str, Step[Record]] = {}
    for names in (("noise", "shapes"), ("best",)):
        before = sum(step.index for step in latest.values())
        for step in abreast({name: draw(name) for name in names}):
            assert step.result is not None
            latest = latest | dict(step.result)
            totals |= {name: one.total for name, one in latest.items()}  # one may wait
            index, total = before + step.index, sum(totals.values())
            yield replace(step, index=index, total=total, result=latest)


def ladder(classifier: Classifier, class_id: int, seed: int) -> Steps[Comparison]:
    """Draw a class once for each weight of `TV_LADDER`, all from the same noise.

    Args:
        classifier: the network.
        class_id: the class.
        seed: of all of them.

    Yields:
        Steps with the latest step of each picture by its weight, as text. A step is one of all
        pictures; each of them can be drawn again alone, from its recipe.
    """
    preset = PRESETS["with_tv"]
    objective = preset.objective(class_id)
    ask = second_opinions(classifier, objective)
    yield from abreast(
        {
            f"{weight:g}": recorded(
                synthesise(
                    classifier,
                    objective,
                    preset.changed(seed=seed, tv=weight, steps=LADDER_STEPS),
                ),
                ask,
            )
            for weight in TV_LADDER
        }
    )


def by_both(networks: Mapping[str, Classifier], class_name: str, seed: int) -> Steps[Comparison]:
    """Draw a class by several networks abreast, each at its best, all from the same noise.

    Meant for a network as it was trained and one that was trained against attacks: what differs
    between the pictures is what the training has made of the network. Each of them can be drawn
    again alone, from its recipe.

    Args:
        networks: by what each is called; all of them know the class.
        class_name: one of their labels. Networks may count their classes in another order.
        seed: of all pictures.

    Yields:
        Steps with the latest step of each picture by its network's name; `judge` takes it with
        that network. A step is one of all pictures.

    Raises:
        ValueError: a network does not know the class.
    """
    preset = PRESETS["best"]

    def draw(network: Classifier) -> Steps[Record]:
        objective = preset.objective(tuple(network.labels).index(class_name))
        drawing = synthesise(network, objective, preset.changed(seed=seed))
        return recorded(drawing, second_opinions(network, objective))

    yield from abreast({name: draw(network) for name, network in networks.items()})


def compared(networks: Mapping[str, Classifier], comparison: Comparison) -> dict[str, Verdict]:
    """Judge each picture of a comparison that has been begun.

    Args:
        networks: which one has drawn each picture, by the picture's name.
        comparison: the pictures.
    """
    return {
        name: judge(networks[name], step.result)
        for name, step in comparison.items()
        if step.result is not None
    }
