"""How long does the tour take? The fifteen ideal pictures of "From edges to cat".

    python -m benchmarks.maps_tour

Every stop's three strongest channels for the cat photo are drawn, as the page draws them.
"""

from __future__ import annotations

import json
import time

from core.features.maps import observe
from core.features.tour import stops
from core.images import photos
from core.steps import finish
from core.synthesis.thumbnail import thumbnail
from core.zoo import loading


def main() -> None:
    """Draw them stop by stop."""
    network = loading.shared("lite0")
    halts = stops(network, observe(network, photos.read_sample("cat")))
    seconds: dict[str, float] = {}
    for stop in halts:
        layer = stop.maps.layer.name
        began = time.perf_counter()
        for channel in stop.channels:
            finish(thumbnail(network, layer, channel))
        seconds[layer] = time.perf_counter() - began
    print(json.dumps({"seconds": sum(seconds.values()), "by_layer": seconds}))


if __name__ == "__main__":
    main()
