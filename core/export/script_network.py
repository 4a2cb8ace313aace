"""The part that all scripts have: the network, in one line that can be changed."""

from __future__ import annotations

from core.problem import N_, Problem
from core.zoo import catalogue
from core.zoo.classifier import Classifier

VGG = 'torchvision.models.vgg16(weights="IMAGENET1K_V1")'
"""What the line may be changed to: the lesson's own network."""


def creation(classifier: Classifier) -> str:
    """Return the expression that makes a network of the catalogue, with its weights.

    Raises:
        Problem: the network was trained by a visitor, so nobody else can have it by its name.
    """
    origin = classifier.provenance
    entry = next((e for e in catalogue.ENTRIES if e.name == classifier.name), None)
    if entry is None or origin.body:
        raise Problem(
            N_(
                "The code is written for networks that everybody can have. Yours goes along as a "
                "file of its own: see “Take it home” on the page “Fine-tuning”."
            )
        )
    if entry.source == "package":
        return f'timm.create_model("{entry.architecture}", pretrained=True)'
    return f'torchvision.models.{entry.architecture}(weights="IMAGENET1K_V1")'


def section(classifier: Classifier) -> str:
    """Return the cell that loads a network, for pictures in [0, 1].

    Raises:
        Problem: see `creation`.
    """
    line = creation(classifier)
    other = VGG if line != VGG else 'timm.create_model("tf_efficientnet_lite0", pretrained=True)'
    return f"""# %% The network: it stays as it is, only the picture changes
network = {line}
# Another network needs only that line: network = {other}
network.eval().requires_grad_(False)
known = {{"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}}  # of torchvision's networks
known = getattr(network, "pretrained_cfg", known)  # timm's tell theirs
mean, std = (torch.tensor(known[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
INPUT = {classifier.input_size}  # it looks at squares of so many pixels
"""
