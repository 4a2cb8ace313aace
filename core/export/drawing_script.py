"""A drawn picture's run as a script.

Only what the run has used is written: its canvas, its objective, its way of going downhill.
"""

from __future__ import annotations

from core.export import script_network
from core.problem import N_, Problem
from core.synthesis.canvas import CanvasName, FourierCanvas, PhaseCanvas, PixelCanvas, SoftCanvas
from core.synthesis.loop import CLASS_GRADIENT, Settings, Synthesis
from core.synthesis.objective import ChannelActivation, CrossEntropy, Mixture, OfPhoto, OfPicture
from core.synthesis.regularisers import REGULARISERS
from core.zoo.classifier import Classifier

MOST_LINES = 100
_MOST_TURNS = 8
"""Of the settings that were changed on the way, the latest ones."""


def script(classifier: Classifier, synthesis: Synthesis) -> str:
    """Return a script that draws the same kind of picture, in cells that begin with `# %%`.

    It has at most 100 lines and needs torch, torchvision and timm. Random numbers
    come in another order than here, so the picture is another one of the same kind.

    Args:
        classifier: the network that drew the picture.
        synthesis: the picture.

    Raises:
        Problem: the network cannot be had by others; see `script_network.creation`. Or the picture
            was drawn from the maps of a photo.
    """
    settings, objective = synthesis.settings, synthesis.objective
    if isinstance(objective, OfPhoto):
        raise Problem(N_("There is no script for pictures that are rebuilt from a photo."))
    parts = "\n".join(
        [
            _introduction(classifier, objective, settings),
            script_network.section(classifier),
            _settings(classifier, objective, synthesis),
            _canvas(settings),
            _view(settings),
            _objective(objective, settings),
            _descent(objective, settings),
            _ENDING,
        ]
    )
    return fitted(parts)


def fitted(text: str) -> str:
    """Return a script of at most `MOST_LINES`: where it is longer, blank lines go."""
    if text.count("\n") <= MOST_LINES:
        return text
    return "\n".join(line for line in text.splitlines() if line) + "\n"


def name(classifier: Classifier, objective: OfPicture) -> str:
    """Return what a picture is to become, in words."""
    match objective:
        case Mixture(first, second):
            return f"{classifier.labels[first.class_id]} + {classifier.labels[second.class_id]}"
        case ChannelActivation(layer, channel):
            return f"channel {channel} of {layer}"
        case _:
            return classifier.labels[objective.class_id]


def _introduction(classifier: Classifier, objective: OfPicture, settings: Settings) -> str:
    drawn = name(classifier, objective)
    pillow = "from PIL import Image, ImageOps\n" if settings.photo else ""
    return f"""# %% [markdown]
# # What does {classifier.title} take for the ideal of "{drawn}"?
# Gradient descent changes a picture until it is sure. `pip install torch torchvision timm`

# %%
import math
import timm
import torch
import torch.nn.functional as F
import torchvision
{pillow}torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")
"""


def _settings(classifier: Classifier, objective: OfPicture, synthesis: Synthesis) -> str:
    settings, schedule = synthesis.settings, synthesis.settings.schedule
    lines = ["# %% How this picture was drawn", *_wanted(classifier, objective)]
    lines += [
        f"SEED, SIZE, STEPS = {settings.seed}, {settings.size}, {synthesis.steps_done}",
    ]
    length = "STEPS" if schedule.length == synthesis.steps_done else str(schedule.length)
    if settings.turns:
        turned = [(0, settings.tv, settings.learning_rate)]
        turned += [(turn.after, turn.tv, turn.learning_rate) for turn in settings.turns]
        turned = [turned[0], *turned[1:][-_MOST_TURNS:]]
        lines.append(f"TURNS = {turned!r}  # from which step on, TV, learning rate")
    else:
        lines.append(f"LEARNING_RATE, TV = {settings.learning_rate!r}, {settings.tv!r}")
    view = settings.view
    if not view.is_still:
        lines.append(f"SCALE, ROTATION, SHIFT = {view.scale!r}, {view.rotation!r}, {view.shift!r}")
    if schedule.length:
        lines += [
            f"LENGTH, LAST_RATE = {length}, {schedule.rate!r}  # what changes on the way, until when",
            f"NOISE, COLOUR, CALM = {schedule.noise!r}, {schedule.colour!r}, {schedule.calm!r}",
        ]
        if not isinstance(objective, ChannelActivation):
            lines[-1] = lines[-1].replace(" = ", ", CONTRAST = ") + f", {schedule.contrast!r}"
        if schedule.waited:  # the class was not seen at once
            lines.append(
                f"HELD, WAITED = {schedule.last_coarse}, {schedule.waited}  # coarse until the class was seen"
            )
        named: dict[str, float] = {}
        if schedule.coarse:  # few pixels first, which leaves nothing but large shapes
            named |= {"COARSE": schedule.coarse, "COARSE_SIZE": round(schedule.coarse_size, 4)}
        if _is_bold(settings):
            named |= {"BOLD": schedule.boldness}
        if schedule.details < 1:  # at the end it is Adam's turn
            named |= {"DETAILS": schedule.details, "DETAILS_RATE": schedule.details_rate}
        if named:
            lines.append(f"{', '.join(named)} = {', '.join(map(repr, named.values()))}")
    lines += [
        f"# Its {regulariser.loss} is left out here."
        for name, regulariser in REGULARISERS.items()
        if getattr(settings, name) and not regulariser.code
    ]
    return "\n".join(lines) + "\ntorch.manual_seed(SEED)\n"


def _wanted(classifier: Classifier, objective: OfPicture) -> list[str]:
    match objective:
        case Mixture(first, second, share):
            return [f"CLASSES, SHARE = {(first.class_id, second.class_id)!r}, {share!r}"]
        case ChannelActivation(layer, channel):
            module = _WITH_NORM.get(layer, layer)
            return [f"LAYER, CHANNEL = {module!r}, {channel!r}"]
        case _:
            return [f"CLASS = {objective.class_id}  # {classifier.labels[objective.class_id]}"]


_WITH_NORM = {"conv_stem": "bn1", "conv_head": "bn2", "conv1": "bn1"}
"""Layers that end behind a norm of their own, by their names."""

_PIXELS = f"""# %% The canvas: every pixel is a number to be found
numbers = (0.5 + {PixelCanvas.START_NOISE} * torch.randn(1, 3, SIZE, SIZE)).clamp(0, 1)
def picture():
    return numbers
"""
_WAVES_BEGIN = """# %% The canvas: waves instead of pixels, the slow ones strong as in photos
vertical, horizontal = torch.fft.fftfreq(SIZE)[:, None], torch.fft.rfftfreq(SIZE)[None]
strength = 1 / torch.hypot(vertical, horizontal).clamp_min(1 / SIZE)
# Brightness and two of colour: the principal components of photos' colours (lucid).
colours = torch.tensor([[0.563, 0.195, 0.043], [0.585, 0.0, -0.108], [0.585, -0.195, 0.065]])
"""
_WAVES = {
    "fourier": f"""numbers = {FourierCanvas.START_NOISE} * torch.randn(3, SIZE, SIZE // 2 + 1, 2)
def picture():
    waves = torch.view_as_complex(numbers) * strength * {FourierCanvas.GAIN}
    parts = torch.fft.irfft2(waves, s=(SIZE, SIZE), norm="ortho")
""",
    "soft": f"""numbers = {FourierCanvas.START_NOISE} * torch.randn(3, SIZE, SIZE // 2 + 1, 2)
most = torch.tensor({list(SoftCanvas.CONTRAST)}).view(3, 1, 1)  # no more contrast than a soft photo
def picture(bold=1):
    waves = torch.view_as_complex(numbers) * strength * {FourierCanvas.GAIN}
    parts = torch.fft.irfft2(waves, s=(SIZE, SIZE), norm="ortho")
    parts = parts * (bold * most / parts.std(dim=(1, 2), keepdim=True)).clamp_max(1)
""",
    "phase": f"""numbers = 2 * torch.pi * (torch.rand(3, SIZE, SIZE // 2 + 1) - 0.5)
strength[0, 0] = 0  # the mean stays grey; strengths are fixed, only where waves lie is found (MACO)
def picture():
    parts = torch.fft.irfft2(torch.polar(strength.expand_as(numbers), numbers), s=(SIZE, SIZE))
    parts = {PhaseCanvas.CONTRAST} * parts / parts.std(dim=(1, 2), keepdim=True)
""",
}
_MIX = """    return torch.einsum("rc,chw->rhw", colours, parts)[None].sigmoid()
"""


def _canvas(settings: Settings) -> str:
    canvas: CanvasName = settings.canvas
    written = _PIXELS if canvas == "pixel" else _WAVES_BEGIN + _WAVES[canvas] + _MIX
    return written + (_photo(canvas) if settings.photo else "")


def _photo(canvas: CanvasName) -> str:
    read = """# It starts from a photo: put yours beside this file, as photo.jpg.
photo = ImageOps.fit(ImageOps.exif_transpose(Image.open("photo.jpg")), (SIZE, SIZE))
photo = torchvision.transforms.functional.to_tensor(photo.convert("RGB")).to(numbers.device)
"""
    if canvas == "pixel":
        return read + "numbers = photo[None]\n"
    read += """parts = torch.einsum("cr,rhw->chw", colours.inverse(), photo.clamp(0.02, 0.98).logit())
"""
    if canvas == "phase":
        return read + 'numbers = torch.fft.rfft2(parts, norm="ortho").angle()\n'
    waves = f'torch.fft.rfft2(parts, norm="ortho") / strength / {FourierCanvas.GAIN}'
    return read + f"numbers = torch.view_as_real({waves}).contiguous()\n"


_STILL = """# %% How the network sees the canvas: straight on
def look(image, size):
    if image.shape[-1] == size:
        return image
    return F.interpolate(image, size=(size, size), mode="bilinear", antialias=True)
"""
_MOVING = """# %% How the network sees the canvas: each time from another place, so that only shapes survive
def look(image, size):
    enlarge, turn, right, down = torch.rand(4).tolist()
    half = 1 / (SCALE[0] + (SCALE[1] - SCALE[0]) * enlarge)
    angle = math.radians(ROTATION) * (2 * turn - 1)
    cos, sin, room = half * math.cos(angle), half * math.sin(angle), max(0, 1 - half) * SHIFT
    place = torch.tensor([[[cos, -sin, room * (2 * right - 1)], [sin, cos, room * (2 * down - 1)]]])
    grid = F.affine_grid(place, (1, 3, size, size), align_corners=False)
    return F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
"""
_DISTURBED = '''def disturbed(view, noise, colour):
    """In other colours, and with noise on it: fragments do not survive that."""
    stretch, tint = torch.exp(colour * torch.randn(1)), colour / 2 * torch.randn(1, 3, 1, 1)
    return (view - 0.5) * stretch + 0.5 + tint + noise * torch.randn_like(view)
'''


def _view(settings: Settings) -> str:
    written = _STILL if settings.view.is_still else _MOVING
    return written + (_DISTURBED if settings.schedule.length else "")


_TV = '''def total_variation(image):
    """How much neighbouring pixels differ: its weight turns noise into shapes."""
    right, down = image[..., 1:] - image[..., :-1], image[..., 1:, :] - image[..., :-1, :]
    return right.abs().mean() + down.abs().mean()
'''


def _objective(objective: OfPicture, settings: Settings) -> str:
    compared = bool(settings.schedule.length) and not isinstance(objective, ChannelActivation)
    arguments = "view, contrast" if compared else "view"
    match objective:
        case ChannelActivation():
            written = f"""# %% What is wanted: the mean of one channel's map, before its activation
seen = {{}}
keep = lambda layer, fed, map: seen.update(map=map.clone())
network.get_submodule(LAYER).register_forward_hook(keep)
def loss({arguments}):
    network((view - mean) / std)
    return -seen["map"][:, CHANNEL].mean()
"""
        case Mixture(first):
            written = f"""# %% What is wanted: two classes at once
def loss({arguments}):
    scores = {_scores(first)}
    wanted = -(SHARE * scores[CLASSES[0]] + (1 - SHARE) * scores[CLASSES[1]])
    {_compared("list(CLASSES)") if compared else "return wanted"}
"""
        case _:
            written = f"""# %% What is wanted: more of the class
def loss({arguments}):
    scores = {_scores(objective)}
    wanted = -scores[CLASS]
    {_compared("[CLASS]") if compared else "return wanted"}
"""
    return written + (_TV if _varies(settings) else "")


def _is_bold(settings: Settings) -> bool:
    """Return whether the picture may have more contrast at first than at the end."""
    return settings.canvas == "soft" and settings.schedule.boldness > 1


def _varies(settings: Settings) -> bool:
    """Return whether total variation has had a weight at any time."""
    return any((settings.tv, *(turn.tv for turn in settings.turns)))


def _scores(objective: OfPicture) -> str:
    """Return what is climbed, for all classes: logits, or, for cross-entropy, log-probabilities."""
    if isinstance(objective, CrossEntropy):
        return "network((view - mean) / std)[0].log_softmax(dim=-1)"
    return "network((view - mean) / std)[0]"


def _compared(wanted: str) -> str:
    return f"""others = scores.index_fill(0, torch.tensor({wanted}), -torch.inf)
    # Less of the three classes that come next: what is left tells it from its neighbours.
    return wanted + contrast * others.topk(3).values.logsumexp(dim=0)"""


def _descent(objective: OfPicture, settings: Settings) -> str:
    schedule = settings.schedule
    momentum, two = settings.descent == "momentum", schedule.length and schedule.details < 1
    found = "[numbers.requires_grad_()]"
    first = f"torch.optim.Adam({found})"
    if momentum:
        first = f"torch.optim.SGD({found}, lr=1, momentum=0.9)"
    lines = [
        "# %% The loop: look, ask for the gradient, go a step downhill",
        f"optimiser = {first}",
    ]
    if two and momentum:
        lines.append("details = torch.optim.Adam([numbers])")
    lines.append("for step in range(STEPS):")
    body: list[str] = []
    if settings.turns:
        body.append("_, TV, LEARNING_RATE = [turn for turn in TURNS if turn[0] <= step][-1]")
    seen, rate, contrast = "look(image, INPUT)", "LEARNING_RATE", ""
    coarse = schedule.length and schedule.coarse
    if schedule.length:
        body += [
            *(["step -= min(WAITED, max(0, step - HELD))"] if schedule.waited else []),
            "done = min(1, step / LENGTH)",
            "rough = 1 - min(1, done / CALM)  # from 1 down to 0",
            *(["size = round(INPUT * COARSE_SIZE) if done < COARSE else INPUT"] if coarse else []),
            "colour = rough * COLOUR[0] + (1 - rough) * COLOUR[1]",
            "rate = LEARNING_RATE * (1 - done + done * LAST_RATE)",
        ]
        if not isinstance(objective, ChannelActivation):
            body.append("contrast = (1 - done) * CONTRAST[0] + done * CONTRAST[1]")
            contrast = ", contrast"
        if two:
            body += [
                "if done >= DETAILS:",
                "    rate = LEARNING_RATE * DETAILS_RATE"
                " * (1 - 0.9 * (done - DETAILS) / (1 - DETAILS))",
                *(["    optimiser = details"] if momentum else []),
            ]
        size, rate = "size" if coarse else "INPUT", "rate"
        seen = f"disturbed(look(image, {size}), NOISE * rough, colour)"
    weights = {name: repr(weight) for name in REGULARISERS if (weight := getattr(settings, name))}
    if _varies(settings):
        weights |= {"tv": "TV"}
    penalties = [
        f"{weights[name]} * {regulariser.code}"
        for name, regulariser in REGULARISERS.items()
        if name in weights and regulariser.code
    ]
    drawn = "picture()"
    if _is_bold(settings):
        begin = "COARSE" if coarse else "0"
        room = f"(CALM - {begin})" if schedule.calm - schedule.coarse > 0.01 else "0.01"
        drawn = f"picture(BOLD + (1 - BOLD) * min(1, max(0, (done - {begin}) / {room})))"
    body += [f"image = {drawn}", f"view = {seen}"]
    if settings.relative:
        body += [
            f"(pull,) = torch.autograd.grad(loss(view{contrast}), image, retain_graph=True)",
            "# The class pulls as hard at every step, so that weights mean the same throughout.",
            f"pull *= {CLASS_GRADIENT:g} / image.numel() / pull.square().mean().sqrt()",
        ]
        total = "(pull * image).sum()"
    else:
        total = f"loss(view{contrast})"
    body += [
        f"total = {' + '.join([total, *penalties[:1]])}",
        *(f"total = total + {penalty}" for penalty in penalties[1:]),
        "(numbers.grad,) = torch.autograd.grad(total, numbers)",
    ]
    if momentum:
        body.append("numbers.grad /= numbers.grad.square().mean().sqrt()")
    body += [f'optimiser.param_groups[0]["lr"] = {rate}', "optimiser.step()"]
    if settings.canvas == "pixel":
        body.append("numbers.data.clamp_(0, 1)")
    return "\n".join([*lines, *(f"    {line}" for line in body)]) + "\n"


_ENDING = """# %% The picture
ideal = torchvision.transforms.functional.to_pil_image(picture()[0].detach().cpu())
ideal.save("ideal.png")
ideal
"""
