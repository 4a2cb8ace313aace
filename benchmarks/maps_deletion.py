"""Does Grad-CAM point at what counts? Deletion curves of all sample photos against random orders.

    python -m benchmarks.maps_deletion [--orders 10]

For each photo the area under the curve of the network's own answer, the mean area of random
orders, and how many of them Grad-CAM beats.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from core.features.deletion import area_under, deletion_curve
from core.images import photos
from core.zoo import loading
from core.zoo.grad_cam import grad_cam
from core.zoo.predictions import top


def main() -> None:
    """Go through the photos."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10)
    orders = parser.parse_args().orders
    network = loading.shared("lite0")
    for sample in photos.SAMPLES:
        photo = photos.read_sample(sample.id)
        class_id = top(network, photo)[0].class_id
        heat = grad_cam(network, photos.prepare(photo, network.input_size), class_id).numpy()
        pointed = area_under(deletion_curve(network, photo, class_id, heat))
        random = np.random.default_rng(0)
        guessed = [
            area_under(deletion_curve(network, photo, class_id, random.random((7, 7)).astype("f4")))
            for _ in range(orders)
        ]
        beaten = sum(pointed < area for area in guessed)
        row = {"grad_cam": pointed, "random": float(np.mean(guessed)), "beaten": beaten}
        print(json.dumps({"photo": sample.id, **row}))


if __name__ == "__main__":
    main()
