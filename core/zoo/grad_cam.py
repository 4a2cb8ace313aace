"""Grad-CAM: which parts of a photo speak for a class."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from core.zoo.classifier import Classifier


@torch.enable_grad()
def grad_cam(
    classifier: Classifier, picture: torch.Tensor, class_id: int, against: int | None = None
) -> torch.Tensor:
    """Return how much each pixel speaks for a class: the last feature maps, weighted and added up.

    Selvaraju et al., "Grad-CAM", ICCV 2017. With the feature maps Aᵏ of the last layer and the
    score y = yᶜ, the logit of the class c:

        αₖ = mean over all places of ∂y/∂Aᵏ    (equation 1)
        L = ReLU(Σₖ αₖ Aᵏ)                     (equation 2)

    What speaks for c rather than for another class d is the same with y = yᶜ - yᵈ.

    Args:
        classifier: the network; it is not changed.
        picture: (1, 3, H, W) in [0, 1], on the network's device.
        class_id: the class c.
        against: the class d, if any.

    Returns:
        (H, W), at least 0: L, enlarged to the size of the picture.
    """
    last = classifier.layers[-1].name
    look = classifier.look(layers=[last])
    # The network's weights are frozen. PyTorch keeps what gradients are computed with only if
    # something asks for one: here the picture does.
    picture = picture.detach().requires_grad_()
    seen = look(picture)
    logits, maps = seen.logits[0], seen.maps[last]  # Aᵏ, (1, K, h, w)
    score = logits[class_id] if against is None else logits[class_id] - logits[against]  # y
    (gradient,) = torch.autograd.grad(score, maps)  # ∂y/∂Aᵏ at each place, (1, K, h, w)
    weights = gradient.mean(dim=(2, 3), keepdim=True)  # αₖ, (1, K, 1, 1)
    heat = (weights * maps.detach()).sum(dim=1, keepdim=True).relu()  # L, (1, 1, h, w)
    return F.interpolate(heat, picture.shape[-2:], mode="bilinear", align_corners=False)[0, 0]
