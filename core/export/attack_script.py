"""An attack on a photo as a script."""

from __future__ import annotations

from core.attacks.foolbox_adapter import METHODS
from core.attacks.goal import Goal
from core.attacks.loop import Settings
from core.attacks.mask import FRAME, MaskName
from core.attacks.norm import NORMS
from core.export import script_network
from core.export.drawing_script import fitted
from core.zoo.classifier import Classifier

_LONG = 70
"""Characters of a call in a script, beyond which it gets lines of its own."""


def script(
    classifier: Classifier,
    goal: Goal,
    settings: Settings,
    *,
    mask: MaskName = "everywhere",
    place: tuple[float, float] = (0.1, 0.1),
    side: float = 0.25,
) -> str:
    """Return a script that attacks a photo as a run did, in cells that begin with `# %%`.

    It has at most 100 lines and needs torch, torchvision and timm. The photo, called photo.jpg,
    has to be put beside it.

    Args:
        classifier: the network that was attacked.
        goal: what it was to say.
        settings: how the photo was changed.
        mask: where it could be changed; see `mask.mask_for`.
        place: of the patch.
        side: of the patch.

    Raises:
        Problem: the network cannot be had by others; see `script_network.creation`.
    """
    parts = [
        _introduction(classifier, goal, "torch torchvision timm"),
        script_network.section(classifier),
        _settings(classifier, goal, settings),
        NORMS[settings.norm].code,
        _PHOTO + _mask(mask, place, side, classifier.input_size),
        _loop(goal, settings, masked=mask in ("patch", "frame")),
        _ENDING,
    ]
    return fitted("\n".join(parts))


def foolbox_script(classifier: Classifier, goal: Goal, method: str, rounds: int) -> str:
    """Return a script that attacks a photo with foolbox; see `script`.

    Args:
        classifier: the network that was attacked.
        goal: what it was to say.
        method: key of `foolbox_adapter.METHODS`.
        rounds: how many rounds it had.

    Raises:
        Problem: the network cannot be had by others; see `script_network.creation`.
    """
    start = ""
    if METHODS[method].label_only and goal.targeted:
        start = """# It sees answers only, so it begins at a photo that is seen as wanted: start.jpg.
start = ImageOps.exif_transpose(Image.open("start.jpg")).convert("RGB")
start = ImageOps.fit(start, (INPUT, INPUT))
start = torchvision.transforms.functional.to_tensor(start)[None]
"""
    options = "".join(f", {name}={value}" for name, value in METHODS[method].options.items())
    call = f"{METHODS[method].attack}(steps=ROUNDS{options})"
    if len(call) > _LONG:
        call = call.replace("(", "(\n    ").replace(")", "\n)")
    criterion = "TargetedMisclassification" if goal.targeted else "Misclassification"
    more = ", starting_points=start" if start else ""
    return (
        fitted(
            "\n".join(
                [
                    _introduction(classifier, goal, "torch torchvision timm foolbox"),
                    script_network.section(classifier),
                    _PHOTO + start,
                    f"""# %% The attack, by foolbox
CLASS, ROUNDS = {goal.class_id}, {rounds}  # {classifier.labels[goal.class_id]}
preprocessing = {{"mean": mean.flatten(), "std": std.flatten(), "axis": -3}}
model = foolbox.PyTorchModel(network, bounds=(0, 1), preprocessing=preprocessing)
attack = foolbox.attacks.{call}
criterion = foolbox.criteria.{criterion}(torch.tensor([CLASS]))
_, found, success = attack(model, photo, criterion, epsilons=None{more})
for push in (1, 1.02, 1.05, 1.1, 1.2, 1.35, 1.5, 2):  # until it survives rounding to 8 bits
    changed = (photo + push * (found - photo)).clamp(0, 1).mul(255).round() / 255
    if (network((changed - mean) / std).argmax() == CLASS) == {goal.targeted}:
        break
""",
                    _ENDING,
                ]
            )
        )
        .replace("import timm\n", "import foolbox\nimport timm\n", 1)
        .replace("import torch.nn.functional as F\n", "", 1)
        .replace(
            'torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")\n', "", 1
        )
    )


def _introduction(classifier: Classifier, goal: Goal, packages: str) -> str:
    target = classifier.labels[goal.class_id]
    wanted = f'takes it for "{target}"' if goal.targeted else f'no longer says "{target}"'
    return f"""# %% [markdown]
# # A photo is changed until {classifier.title} {wanted}
# Put a photo called photo.jpg beside this file. `pip install {packages}`

# %%
import timm
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image, ImageOps
torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")
"""


def _settings(classifier: Classifier, goal: Goal, settings: Settings) -> str:
    norm = NORMS[settings.norm]
    unit = norm.unit_name.replace("/", " / ")
    share = 2.5 / settings.steps if settings.step_size is None else settings.step_size
    lines = [
        "# %% How this photo was attacked",
        f"CLASS = {goal.class_id}  # {classifier.labels[goal.class_id]}",
        f"EPSILON = {settings.epsilon:g}{unit}  # {norm.told}, in pixels from 0 to 1",
        f"STEPS, STEP_SIZE = {settings.steps}, EPSILON * {min(1.0, share):.4g}",
    ]
    if settings.random_start:
        lines.append(f"torch.manual_seed({settings.seed})")
    if settings.restarts > 1 or settings.stop_early:
        lines.append(
            "# The run could also begin anew, or stop at its first success; this is one whole go."
        )
    if settings.momentum:
        lines.append(f"MOMENTUM = {settings.momentum!r}  # of the direction before")
    if settings.tv:
        lines.append(f"TV = {settings.tv!r}  # weight of the change's total variation")
    return "\n".join(lines) + "\n"


_PHOTO = """# %% The photo, as the network is shown it
photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")  # as it was held
photo = ImageOps.fit(photo, (INPUT, INPUT))
photo = torchvision.transforms.functional.to_tensor(photo)[None].to(mean.device)
"""


def _mask(name: MaskName, place: tuple[float, float], side: float, size: int) -> str:
    match name:
        case "patch":
            length = max(1, round(side * size))
            left, top = (min(round(share * size), size - length) for share in place)
            return f"""mask = torch.zeros_like(photo)  # it may be changed only in a patch
mask[..., {top}:{top + length}, {left}:{left + length}] = 1
"""
        case "frame":
            border = max(1, round(FRAME * size))
            return f"""mask = torch.ones_like(photo)  # it may be changed only along its border
mask[..., {border}:-{border}, {border}:-{border}] = 0
"""
        case "background":
            return "# The run changed the background only; here all of it may be changed.\n"
        case _:
            return ""


def _loop(goal: Goal, settings: Settings, *, masked: bool) -> str:
    norm = NORMS[settings.norm]
    sign = "" if goal.targeted else "-"
    aim = "towards the class" if goal.targeted else "away from what it says now"
    begin = ["changed = photo.clone()"]
    if settings.random_start:
        begin = [
            f"noise = {norm.start}  # it begins at a random place",
            f"changed = (photo + {'mask * ' if masked else ''}noise).clamp(0, 1)",
        ]
    if settings.momentum:
        begin.append("direction = torch.zeros_like(photo)")
    body = [
        "changed.requires_grad_()",
        "logits = network((changed - mean) / std)",
        f"loss = {sign}F.cross_entropy(logits, torch.tensor([CLASS]))",
    ]
    if settings.tv:
        unit = f"(EPSILON / photo.numel() ** {norm.power})" if norm.power else "EPSILON"
        body += [
            f"change = (changed - photo) / {unit}",
            "across, down = change.diff(dim=-1), change.diff(dim=-2)",
            "loss = loss + TV * (across.square().mean() + down.square().mean())",
        ]
    body.append("(gradient,) = torch.autograd.grad(loss, changed)")
    if masked:
        body.append("gradient = gradient * mask")
    step = "gradient"
    if settings.momentum:
        body.append(
            "direction = MOMENTUM * direction + gradient / gradient.abs().sum().clamp_min(1e-12)"
        )
        step = "direction"
    body += [
        f"change = changed.detach() - STEP_SIZE * steepest({step}) - photo",
        "changed = (photo + projected(change)).clamp(0, 1)",
    ]
    lines = [
        f"# %% The loop: the gradient tells for each pixel which way leads {aim}",
        *begin,
        "for step in range(STEPS):",
        *(f"    {line}" for line in body),
    ]
    return "\n".join(lines) + "\n"


_ENDING = """# %% What the network says, before and after, and the changed photo
for picture in (photo, changed.mul(255).round().div(255)):
    shares = network((picture - mean) / std).softmax(dim=-1)[0]
    print(", ".join(f"class {i}: {shares[i]:.1%}" for i in shares.topk(3).indices.tolist()))
pixels = changed[0].mul(255).round().byte().cpu()
adversarial = torchvision.transforms.functional.to_pil_image(pixels)
adversarial.save("adversarial.png")  # PNG keeps every pixel as it is; JPEG would not
adversarial
"""
