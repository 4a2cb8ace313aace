"""Training a head against the lesson's loop and against fastai, on the same photos, in one run.

    pip install --no-deps -r requirements-bench.txt
    IDEALCAT_TEST_DATA=... python -m benchmarks.training_speed [--photos 1000] [--lesson-photos 96]

Prints, for the photos of PetImages (cut in different places until there are enough of them):
seconds from JPEG files to a trained, examined head, and again with other settings of the head;
seconds a photo of the lesson's frozen VGG-16 with batches of 16 (random weights, since only time
is compared; fewer photos, since each costs the same); and accuracy and seconds of fastai's
`vision_learner(...).fine_tune(1)` on the same network, the same photos and the same split.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torch import nn

from core.data.datasets import from_folder, split
from core.images import photos
from core.problem import Problem
from core.steps import finish
from core.training.embeddings import EmbeddingCache
from core.training.loop import train
from core.training.settings import Settings
from core.zoo import catalogue, loading, weights

BATCH = 16


def make_files(source: Path, folder: Path, count: int) -> None:
    """Write so many JPEG files, none like another, half of them in each class."""
    chance = random.Random(0)
    for name in ("Cat", "Dog"):
        (folder / name).mkdir(parents=True)
        originals = []
        for path in sorted((source / name).iterdir()):
            try:
                originals.append(photos.decode(path.read_bytes(), path.name))
            except Problem:
                continue  # one in each class is broken
        for i in range(count // 2):
            picture = originals[i % len(originals)]
            if i >= len(originals):
                width, height = picture.size
                left, top = chance.uniform(0, 0.1) * width, chance.uniform(0, 0.1) * height
                picture = picture.crop((int(left), int(top), width, height))
            picture.save(folder / name / f"{i}.jpg", quality=92)


def ours(folder: Path) -> dict[str, Any]:
    """Train and examine a head, cold and again."""
    base, cache = loading.shared("lite0"), EmbeddingCache()
    began = time.perf_counter()
    training = finish(train(base, from_folder(folder), Settings(), cache))
    cold = time.perf_counter() - began
    dataset = from_folder(folder)
    began = time.perf_counter()
    other = Settings(epochs=30, learning_rate=0.02)
    finish(train(base, dataset, other, cache))
    again = time.perf_counter() - began
    return {"seconds": cold, "again_seconds": again, "accuracy": training.accuracy}


def lessons(folder: Path, count: int) -> float:
    """Give the seconds a photo of an epoch of the lesson's loop: frozen VGG-16, new top."""
    body = torchvision.models.vgg16(weights=None).features.eval().requires_grad_(False)
    top = nn.Sequential(nn.Flatten(), nn.Linear(512 * 49, 256), nn.ReLU(), nn.Linear(256, 1))
    optimiser = torch.optim.RMSprop(top.parameters(), lr=2e-5)
    chosen = from_folder(folder).photos[:count]
    began = time.perf_counter()
    for start in range(0, count, BATCH):
        batch = chosen[start : start + BATCH]
        pictures = torch.cat([photos.prepare(photos.decode(p.data, p.name), 224) for p in batch])
        labels = torch.tensor([[float(p.label)] for p in batch])
        loss = nn.functional.binary_cross_entropy_with_logits(top(body(pictures)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return (time.perf_counter() - began) / count


def fastais(folder: Path) -> dict[str, float]:
    """Fine-tune with fastai for an epoch, on the same split."""
    from fastai.vision.all import (
        CategoryBlock,
        DataBlock,
        ImageBlock,
        IndexSplitter,
        Normalize,
        Resize,
        accuracy,
        parent_label,
        vision_learner,
    )

    parts = split(from_folder(folder), per_class=None, validation_per_class=None, seed=0)
    files = [folder / photo.name for photo in parts.train + parts.validation]
    validation = list(range(len(parts.train), len(files)))
    entry = catalogue.entry("lite0")

    def network(**_: Any) -> nn.Module:
        model = timm.create_model(entry.architecture)
        stored = torch.load(weights.path(entry), map_location="cpu", weights_only=True)
        model.load_state_dict(dict(zip(model.state_dict(), stored.values(), strict=True)))
        return nn.Sequential(*list(model.children())[:-1])  # fastai cuts before the pooling

    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_items=lambda _: files,
        get_y=parent_label,
        splitter=IndexSplitter(validation),
        item_tfms=Resize(entry.input_size),
        batch_tfms=Normalize.from_stats(entry.mean, entry.std),
    )
    torch.manual_seed(0)
    began = time.perf_counter()
    loaders = block.dataloaders(folder, bs=64, num_workers=0)
    learner = vision_learner(loaders, network, pretrained=False, normalize=False, metrics=accuracy)
    learner.freeze()
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(1)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "accuracy": float(learner.recorder.values[-1][-1])}


def main() -> None:
    """Compare all three, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--lesson-photos", type=int, default=96)
    options = parser.parse_args()
    source = Path(os.environ["IDEALCAT_TEST_DATA"]) / "PetImages"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photos"
        make_files(source, folder, options.photos)
        found = ours(folder)
        print("ours", found, flush=True)
        each = lessons(folder, options.lesson_photos)
        print("lesson, seconds a photo", each, flush=True)
        peer = fastais(folder)
        print("fastai", peer, flush=True)
    answer = {
        "ours": found,
        "lesson_seconds": each * options.photos,
        "times_lesson": each * options.photos / found["seconds"],
        "fastai": peer,
        "times_fastai": peer["seconds"] / found["seconds"],
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
