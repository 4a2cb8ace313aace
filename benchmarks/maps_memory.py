"""How much memory does a large photo through VGG-16 take? Random weights serve.

    python -m benchmarks.maps_memory

A JPEG of 4000×3000 pixels is decoded and looked at in all layers, there and back. Counted is the
process's peak from before the photo on, the network being loaded already.
"""

from __future__ import annotations

import io
import json
import resource
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import random_weights
from core.features.maps import observe
from core.images import photos
from core.zoo import loading


def main() -> None:
    """Make a photo and a network, and look."""
    with random_weights.cached("vgg16"):
        network = loading.load("vgg16")
    ramp = np.linspace(0, 255, 4000, dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.broadcast_to(ramp[None, :, None], (3000, 4000, 3))).save(buffer, "JPEG")
    # The kernel's peak of the process is set back to what it holds now.
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_bytes()
    began = time.perf_counter()
    observation = observe(network, photos.decode(buffer.getvalue(), "large.jpg"))
    answer = {
        "seconds": time.perf_counter() - began,
        "extra_MB": (_peak_bytes() - before) / 1e6,
        "maps_MB": observation.size / 1e6,
    }
    print(json.dumps(answer))


def _peak_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return 1024 * int(line.split()[1])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
