"""Say what the network in this folder sees in photos: python predict.py PHOTO...

It takes the network.onnx and labels.txt next to it, and: pip install onnxruntime pillow numpy
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def main() -> None:
    """Print each photo's classes, the most probable first."""
    folder = Path(__file__).parent
    labels = (folder / "labels.txt").read_text("utf-8").splitlines()
    network = onnxruntime.InferenceSession(str(folder / "network.onnx"))
    size = network.get_inputs()[0].shape[-1]
    for path in sys.argv[1:]:
        opened = Image.open(path)
        opened.draft("RGB", (1024, 1024))  # a large JPEG need not be decoded whole
        photo = ImageOps.exif_transpose(opened).convert("RGBA")
        photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo).convert("RGB")
        photo.thumbnail((1024, 1024), Image.Resampling.LANCZOS)
        if photo.size != (size, size):  # the middle square, as in training
            photo = ImageOps.fit(photo, (size, size), Image.Resampling.BICUBIC)
        picture = np.asarray(photo, dtype=np.float32).transpose(2, 0, 1)[None] / 255
        logits = network.run(None, {"pictures": picture})[0][0]
        probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        print(path)
        for i in (-probabilities).argsort():
            print(f"{probabilities[i]:10.4%}  {labels[i]}")


if __name__ == "__main__":
    main()
