"""A walk through a network in five stops, from edges to the answer."""

from __future__ import annotations

from dataclasses import dataclass

from core.features.diagram import at_depth
from core.features.maps import FeatureMaps, Observation, ranked
from core.zoo.classifier import Classifier

DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
CHANNELS = 3


@dataclass(frozen=True)
class Stop:
    """One depth at which the tour looks around.

    Attributes:
        maps: of the layer there.
        channels: those that differ most from place to place, so that one sees what each looks for.
    """

    maps: FeatureMaps
    channels: tuple[int, ...]


def stops(classifier: Classifier, observation: Observation) -> tuple[Stop, ...]:
    """Return the stops of the tour for a photo, from the photo to the answer."""
    chosen = []
    for depth in DEPTHS:
        maps = observation.maps[at_depth(classifier, depth).name]
        chosen.append(Stop(maps, tuple(ranked(maps, "variance")[:CHANNELS])))
    return tuple(chosen)
