"""The dials of the ideal class page, and what is shown of a drawing."""

from __future__ import annotations

import base64
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from core import photos
from core.predictions import RECOGNITIONS, Opinion, Recognition, by_network, recognition
from core.problem import N_, Problem, Text
from core.steps import Pixels, Steps
from core.synthesis import lesson, recipe
from core.synthesis.canvas import CanvasName
from core.synthesis.loop import SIZES, Settings
from core.synthesis.objective import (
    ChannelActivation,
    ClassLogit,
    CrossEntropy,
    Mixture,
    Objective,
    classes_of,
)
from core.synthesis.presets import LESSON_TV, PRESETS, TV_LADDER, TV_MARKS
from core.synthesis.record import Frame, Record
from core.synthesis.verdict import Sitting, Verdict
from core.synthesis.view import View
from core.training import hardening
from core.training.loop import Training
from core.zoo import catalogue
from core.zoo.classifier import Classifier
from pages.kit import live, made, pickers, save, session, uploads
from pages.kit.language import (
    class_name,
    number,
    percent,
    remember_choice,
    say,
    short,
    t,
)

if TYPE_CHECKING:
    from pages.kit.streamlit_internals import UploadedFile

FAVOURITES = ("Siamese cat", "tabby", "zebra", "golden retriever")
PRESET_NAMES = {"best": N_("At its best"), "lesson": N_("As in the lesson")}
TAKE_NAMES = {
    "noise": N_("Without TV"),
    "shapes": N_("With TV"),
    "best": N_("At its best"),
    hardening.PLAIN: N_("Trained as usual"),
    hardening.HARDENED: N_("Trained against attacks"),
}
"""Of pictures that are compared; those of the ladder are named by their weights."""
BOTH = "both"
KINDS = {"class": N_("Class"), "two": N_("Mixture"), "channel": N_("Channel")}
CANVAS_NAMES: dict[CanvasName, str] = {
    "soft": N_("Waves, soft contrast"),
    "fourier": N_("Waves"),
    "pixel": N_("Pixels"),
    "phase": N_("Phases only"),
}
OBJECTIVE_NAMES = {"logit": N_("Logit"), "cross_entropy": N_("Cross-entropy")}
RECOGNITION_NAMES: dict[Recognition, str] = {
    "recognised": N_("recognised by"),
    "unsure": N_("unsure"),
    "not recognised": N_("not recognised by"),
}
LESSON_TV_MARKS = (0, 100, 500, 2000, LESSON_TV)
"""Where the loss is the lesson's own, weights count in nats."""
RATES = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
WEIGHTS = (0, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000)
MOST_KEPT = 12
_ASSETS = Path(__file__).parents[2] / "assets" / "components"

_film = st.components.v2.component(
    "time_lapse",
    css=(_ASSETS / "time_lapse.css").read_text("utf-8"),
    js=(_ASSETS / "time_lapse.js").read_text("utf-8"),
)


@dataclass(frozen=True)
class Keepsake:
    """One finished picture of this session, as the file that can be downloaded.

    Attributes:
        titles: what it is of: one class, two that were mixed, or a channel.
        stem: begins the names of its files.
        png: the file.
        model: name of the network that drew it.
        settings: how it was drawn, with the steps that were made.
        opinions: what networks see in it that never saw the run.
        take: which picture of a comparison it is, if it is one.
    """

    titles: tuple[str, ...]
    stem: str
    png: bytes
    model: str
    settings: Settings
    opinions: tuple[Opinion, ...]
    take: str = ""

    @property
    def file_name(self) -> str:
        """Of the picture."""
        return f"ideal-{self.stem}.png"


@dataclass(frozen=True)
class Comparison:
    """Several drawings of one class from the same seed, in one run.

    Attributes:
        label, help, icon: of its button.
        meaning: what is seen in it.
        run: draws a class from a seed.
        takes: the names of the drawings, in their order.
    """

    label: Text
    help: Text
    icon: str
    meaning: Text
    run: Callable[..., Steps[lesson.Comparison]]
    takes: tuple[str, ...]


COMPARISONS = {
    "lesson": Comparison(
        N_("Noise or cat?"),
        N_(
            "The lesson in one click: from the same noise without and with total variation, side "
            "by side, and then at its best."
        ),
        ":material/compare:",
        N_(
            "All three began with the same seed, and the network that drew them is sure of each. "
            "**Without** total variation, and seen from one place only, noise that fits one grid "
            "of pixels is enough: other networks see something else in it, and so do you. "
            "**With** it, and with a view that changes a little at each step, noise costs more "
            "than it gains, and shapes are left. **At its best**, the canvas is made of waves, "
            "and the network looks at it roughly first."
        ),
        lesson.noise_or_cat,
        tuple(lesson.TAKES),
    ),
    "ladder": Comparison(
        N_("A ladder of TV"),
        N_(
            "Five pictures from the same noise, with more and more total variation, from none to "
            "far too much."
        ),
        ":material/stairs:",
        N_(
            "All five began with the same seed; only the weight of the total variation differs. "
            "With too little there is noise, with too much a pale sheet: the fine details cost "
            "most, and go first. Between the two lies the picture."
        ),
        lesson.ladder,
        tuple(f"{weight:g}" for weight in TV_LADDER),
    ),
    BOTH: Comparison(
        N_("With and without training against attacks"),
        N_(
            "The same class from the same noise by both of your networks: the one trained as "
            "usual, and the one trained against attacks."
        ),
        ":material/shield:",
        N_(
            "Both began with the same seed. A network that cannot be fooled by tiny changes has to go by what is large and whole, and so its picture shows fewer and larger things, if it still knows the class well: training against attacks costs accuracy, which stands above each."
        ),
        lesson.by_both,
        (hardening.PLAIN, hardening.HARDENED),
    ),
}
"""The last one is offered where both networks are there; see `both`."""


@session.kept
def comparison() -> list[str]:
    """Return which of `COMPARISONS` this session's latest run is; empty for a single picture."""
    return []


def _trainings() -> Mapping[str, Training]:
    """Return the trainings, with and without attacks, that the attack page has compared."""
    compared = session.job("attack_hardening")
    found = compared.snapshot().result if compared else None
    trainings: Mapping[str, Training] = found.trainings if found else {}
    return trainings if len(trainings) == 2 else {}


def both() -> dict[str, Classifier]:
    """Return the visitor's network as usual and the one trained against attacks, if there are both."""
    return {name: training.classifier for name, training in _trainings().items()}


def take_heading(take: str) -> str:
    """Return what stands above one of the pictures of a comparison while it is drawn."""
    trained = _trainings().get(take)
    if trained is None:
        return take_title(take)
    return t(
        "{title}: {accuracy} right", title=take_title(take), accuracy=percent(trained.accuracy)
    )


def take_title(take: str) -> str:
    """Return what to call one of the pictures of a comparison."""
    return (
        t(TAKE_NAMES[take]) if take in TAKE_NAMES else t("TV {weight}", weight=number(float(take)))
    )


def caption(kept: Keepsake) -> str:
    """Say what a picture is of, and which one of a comparison it is, if it is one."""
    return " + ".join(map(class_name, kept.titles)) + (
        f" · {take_title(kept.take)}" if kept.take else ""
    )


def score(asked: Sequence[Opinion]) -> str:
    """Say how many networks recognise a picture, are unsure, or do not; nobody is not told."""
    verdicts = Counter(recognition(of_one) for of_one in by_network(asked).values())
    total = number(verdicts.total())
    shares = {
        one: t("{count} of {total}", count=number(verdicts[one]), total=total)
        for one in RECOGNITIONS
        if verdicts[one]
    }
    return " · ".join(f"{t(RECOGNITION_NAMES[one])} **{share}**" for one, share in shares.items())


@session.kept
def gallery() -> list[Keepsake]:
    """This session's pictures, the latest first; gone with the session."""
    return []


@session.kept
def easel() -> dict[str, Sitting]:
    """This session's drawing in progress, under "sitting", for its dials and to go on with."""
    return {}


def turn_dials() -> None:
    """Let the weight of the total variation and the learning rate act on a running drawing."""
    sitting, state = easel().get("sitting"), st.session_state
    preset = state.get("ideal_preset") or "best"
    if sitting is not None:
        drawing = sitting.drawing
        tv = state.get(f"ideal_tv_{preset}", drawing.settings.tv)
        rate = state.get(f"ideal_rate_{preset}", drawing.settings.learning_rate)
        drawing.turn(tv=float(tv), learning_rate=float(rate))


def target(classifier: Classifier) -> Objective:
    """Ask what the picture is to become.

    A channel comes from the feature map page, or is chosen here.
    """
    kind = st.segmented_control(
        t("Draw"),
        list(KINDS),
        format_func=lambda name: t(KINDS[name]),
        default="class",
        required=True,
        key=remember_choice("ideal_target"),
        persist_state="session",
        label_visibility="collapsed",
    )
    if kind == "channel":
        return _channel(classifier)
    first = pickers.class_id(t("Class"), classifier.labels, "ideal_class", FAVOURITES)
    preset = PRESETS[st.session_state.get("ideal_preset") or "best"]
    chosen = st.session_state.get(f"ideal_objective_{st.session_state.get('ideal_preset', 'best')}")
    if kind == "class":
        return preset.objective(first, chosen)
    second = pickers.class_id(t("mixed with"), classifier.labels, "ideal_second", ("zebra",))
    share = st.slider(
        t("Share of the first"), 0, 100, 50, format="%d %%", key="ideal_share", step=5
    )
    return Mixture(preset.objective(first, chosen), preset.objective(second, chosen), share / 100)


def _channel(classifier: Classifier) -> Objective:
    wanted = st.session_state.pop("ideal_channel", None)
    layers = {layer.name: layer for layer in classifier.layers}
    key = f"ideal_layer_{classifier.provenance.network}"
    if wanted and wanted["layer"] in layers:
        st.session_state[key] = wanted["layer"]
        st.session_state["ideal_channel_number"] = int(wanted["channel"])
    if st.session_state.get(key) not in layers:  # a link may name any
        st.session_state.pop(key, None)
    columns = st.columns([3, 2])
    layer = columns[0].selectbox(
        t("Layer"),
        list(layers),
        index=len(layers) // 2,
        key=key,
        persist_state="session",
        help=t("Early layers look for edges and colours, late ones for parts of things."),
    )
    most = layers[layer].channels - 1
    if st.session_state.get("ideal_channel_number", 0) > most:
        st.session_state["ideal_channel_number"] = most
    channel = columns[1].number_input(
        t("Channel"), 0, most, key="ideal_channel_number", persist_state="session"
    )
    return ChannelActivation(layer, int(channel))


def tv_weight(preset: str) -> float:
    """Ask for the weight of the total variation; it may be turned while a run goes on."""
    key = f"ideal_tv_{preset}"
    start = PRESETS[preset].settings
    default = start.tv
    marks = TV_MARKS if start.relative else LESSON_TV_MARKS
    weights = sorted({*marks, st.session_state.get(key, default)})
    weight = st.select_slider(
        t("Weight of the total variation"),
        weights,
        value=int(default),
        format_func=lambda weight: number(weight),
        key=remember_choice(key),
        on_change=turn_dials,
        persist_state="session",
        help=t(
            "Total variation is how much neighbouring pixels differ. Without it there is a fine grain; the more of it, the smoother, and too much leaves a pale sheet. You can change it while the picture grows."
        ),
    )
    return float(weight)


def preset_choice() -> str:
    """Ask for a set of dials to begin with."""
    chosen = str(
        st.segmented_control(
            t("Start from these settings"),
            list(PRESET_NAMES),
            format_func=lambda name: t(PRESET_NAMES[name]),
            default="best",
            required=True,
            key=remember_choice("ideal_preset"),
            persist_state="session",
            help=t(
                "At its best: waves instead of pixels, seen from changing places. As in the "
                "lesson: bare pixels, cross-entropy and total variation."
            ),
        )
    )
    if chosen == "lesson":
        st.caption(
            t(
                "The lesson's own picture stays nearly grey, and this is why: cross-entropy "
                "fades as soon as the network is sure, and from then on only total variation "
                "pulls, whatever its weight. “Noise or cat?” has the logit in its place, which "
                "never fades."
            )
        )
    return chosen


def more_dials(preset: str, classifier: Classifier) -> dict[str, Any]:
    """Show the other dials, each with what it does, and give their values by setting."""
    start = PRESETS[preset].settings
    values: dict[str, Any] = {}
    left, middle, right = st.columns(3, gap="large")
    with left:
        values["canvas"] = _choice("canvas", preset, CANVAS_NAMES, start.canvas, t("Canvas"))
        st.caption(
            t(
                "What descent paints with. On pixels it finds noise; on waves it finds shapes. "
                "“Phases only” keeps the contrast of photographs and moves only outlines (MACO)."
            )
        )
        _choice(
            "objective",
            preset,
            OBJECTIVE_NAMES,
            PRESETS[preset].objective_name,
            t("Objective"),
        )
        st.caption(
            t(
                "The logit asks for more of the class. Cross-entropy, the lesson's loss, is also "
                "content with less of all others."
            )
        )
        values["photo"] = _start_photo(preset)
        st.caption(t("From noise everything is the network's own; from a photo it dreams."))
    with middle:
        values["size"] = st.slider(
            t("Size in pixels"),
            160,
            SIZES[1],
            start.size,
            step=32,
            key=f"ideal_size_{preset}",
            persist_state="session",
        )
        st.caption(t("A larger canvas has room for more; the time grows with it only a little."))
        values["learning_rate"] = st.select_slider(
            t("Learning rate"),
            sorted({*RATES, st.session_state.get(f"ideal_rate_{preset}", start.learning_rate)}),
            value=start.learning_rate,
            format_func=short,
            key=remember_choice(f"ideal_rate_{preset}"),
            on_change=turn_dials,
            persist_state="session",
        )
        st.caption(t("How far each step goes. You can change it while the picture grows."))
        values["view"] = _view(preset, start.view)
        st.caption(
            t(
                "The network sees the canvas from a new place at each step. What survives that is "
                "a shape, not noise that fits one grid of pixels."
            )
        )
    with right:
        for name, title, text in (
            (
                "batch_norm",
                t("Weight of the batch-norm prior"),
                t(
                    "Pulls the layers' means and standard deviations towards those of real photos: natural colours and contrast (DeepInversion)."
                ),
            ),
            (
                "l2",
                t("Weight of L2"),
                t("Pulls pixels towards mid-grey, so that only what the class needs stands out."),
            ),
            (
                "blur",
                t("Weight of the blur"),
                t("Punishes whatever a slight blur would take away: fine lines and noise."),
            ),
        ):
            key = f"ideal_{name}_{preset}"
            values[name] = float(
                st.select_slider(
                    title,
                    sorted({*WEIGHTS, st.session_state.get(key, 0)}),
                    value=int(getattr(start, name)),
                    format_func=short,
                    key=remember_choice(key),
                    persist_state="session",
                    disabled=name == "batch_norm" and not classifier.norms,
                )
            )
            st.caption(text)
    if not classifier.norms:
        values["batch_norm"] = 0.0
    return values


def _choice(name: str, preset: str, names: Mapping[Any, str], default: Any, label: str) -> Any:
    options = list(names)
    return st.selectbox(
        label,
        options,
        index=options.index(default),
        format_func=lambda option: t(names[option]),
        key=remember_choice(f"ideal_{name}_{preset}"),
        persist_state="session",
    )


def _view(preset: str, start: View) -> View:
    scale = st.slider(
        t("Enlarged by"),
        0.5,
        3.0,
        start.scale,
        step=0.05,
        format="localized",
        key=f"ideal_scale_{preset}",
        persist_state="session",
    )
    rotation = st.slider(
        t("Turned by at most"),
        0.0,
        45.0,
        start.rotation,
        step=1.0,
        format="%d°",
        key=f"ideal_rotation_{preset}",
        persist_state="session",
    )
    shift = st.toggle(
        t("Shifted about"), start.shift, key=f"ideal_shift_{preset}", persist_state="session"
    )
    return View(scale=(float(scale[0]), float(scale[1])), rotation=rotation, shift=shift)


def _start_photo(preset: str) -> str:
    titles = {"": t("Noise")} | {sample.id: t(sample.title) for sample in photos.SAMPLES}
    titles |= {own_photo_name(image): t("Your photo") for image in session.own_photos().values()}
    return str(
        st.selectbox(
            t("Start from"),
            list(titles),
            format_func=lambda name: titles.get(name, name),
            key=remember_choice(f"ideal_photo_{preset}"),
            persist_state="session",
        )
    )


def own_photo_name(image: Image.Image) -> str:
    """Name a visitor's photo by its content: a recipe must not carry the photo itself."""
    return "own:" + hashlib.sha256(image.tobytes()).hexdigest()[:16]


def start_photo(name: str) -> Image.Image | None:
    """Give the photo of that name; None for noise, or where it is not here."""
    own = {own_photo_name(image): image for image in session.own_photos().values()}
    if name in own:
        return own[name]
    return photos.read_sample(name) if name in {s.id for s in photos.SAMPLES} else None


def formula(objective: Objective, settings: Settings) -> str:
    """Write the loss with the weights that are set now."""
    match objective:
        case ClassLogit():
            terms = [r"-z_{\text{class}}(x)"]
        case CrossEntropy():
            terms = [r"-\log p_{\text{class}}(x)"]
        case Mixture(_, _, share):
            terms = [rf"{_tex(share)}\,L_1(x) + {_tex(1 - share)}\,L_2(x)"]
        case _:
            terms = [r"-\overline{a_{\text{channel}}}(x)"]
    for weight, term in (
        (settings.tv, r"\overline{|\nabla x|}"),
        (settings.l2, r"\overline{(x-\tfrac12)^2}"),
        (settings.blur, r"\overline{(x-\mathrm{blur}(x))^2}"),
        (settings.batch_norm, r"\overline{(\mu-\hat\mu)^2/\hat\sigma^2+(\sigma/\hat\sigma-1)^2}"),
    ):
        if weight:
            terms.append(rf"{_tex(weight)}\,{term}")
    return r"\min_x\;" + " + ".join(terms)


def _tex(value: float) -> str:
    """Write a number within a formula, where a comma alone would be followed by a space."""
    return short(value).replace(",", "{,}")


def stretched(pixels: Pixels) -> Pixels:
    """Stretch a picture's contrast for the eye: its 1st to 99th percentile fill the range."""
    low, high = np.percentile(pixels, (1, 99))
    shares = (pixels - low) / max(1.0, high - low)
    return (shares * 255).clip(0, 255).astype(np.uint8)


def time_lapse(record: Record, contrasted: Callable[[Pixels], Pixels]) -> None:
    """Show a run as a film to scrub through, which stands at its last picture.

    Args:
        record: of the run.
        contrasted: gives a picture as it is to be shown.
    """

    def address(frame: Frame) -> str:
        pixels = np.asarray(Image.open(io.BytesIO(frame.jpeg)).convert("RGB"))
        shown = contrasted(pixels)
        if shown is pixels:
            return "data:image/jpeg;base64," + base64.b64encode(frame.jpeg).decode()
        return live.data_uri(shown)

    *before, last = record.frames
    frames = [{"step": frame.step, "src": address(frame)} for frame in before]
    final = live.data_uri(contrasted(record.synthesis.pixels), 92)
    frames.append({"step": last.step, "src": final})
    _film(
        key="ideal_film",
        data={
            "frames": frames,
            "label": t("Time-lapse"),
            "after": t("step {step}", step="{step}"),
            "play": t("Play"),
            "pause": t("Pause"),
        },
    )


def fingerprint(pixels: Pixels) -> str:
    """Tell two pictures apart, or the same."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def subject(verdict: Verdict) -> tuple[str, ...]:
    """Return what a picture is of: the names of its classes, or its channel's."""
    objective = verdict.synthesis.objective
    if isinstance(objective, ChannelActivation):
        return (f"{objective.layer} · {objective.channel}",)
    return tuple(opinion.target for opinion in verdict.own)


def tell_of(verdict: Verdict, objective: Objective, classifier: Classifier) -> None:
    """Say what a picture is of, and whether that is what is chosen now."""
    drawn, synthesis = verdict.synthesis.objective, verdict.synthesis
    is_same = (
        drawn == objective
        if isinstance(drawn, ChannelActivation)
        else classes_of(drawn) == classes_of(objective)
    )
    known = {entry.name: entry.title for entry in catalogue.ENTRIES}
    network = known.get(synthesis.model, t("★ Your network"))
    name = " + ".join(map(class_name, subject(verdict)))
    made.tell_of(f"{name} · {network}", is_of_now=is_same and synthesis.model == classifier.name)


def keep(verdict: Verdict, take: str = "") -> Keepsake:
    """Put a finished picture first into the gallery, and give it as it is kept there.

    Args:
        verdict: the picture.
        take: which one of a comparison it is, if it is one.
    """
    synthesis = verdict.synthesis
    png = photos.encode_png(synthesis.pixels, recipe.write(synthesis))
    kept = gallery()
    known = next((one for one in kept if one.png == png), None)
    if known:
        return known
    titles = subject(verdict)
    name = save.stem(*titles, take, f"seed{synthesis.settings.seed}")
    settings = recipe.as_drawn(synthesis)
    newest = Keepsake(titles, name, png, synthesis.model, settings, verdict.others, take)
    kept.insert(0, newest)
    del kept[MOST_KEPT:]
    return newest


def receive_recipe(given: Sequence[UploadedFile]) -> None:
    """Set all dials as in a dropped-in picture; a bad one changes nothing.

    Where it was removed, nothing has to come out any more; the dials stay.
    """
    state = st.session_state
    state["ideal_upload_problem"] = None
    if not given:
        state["ideal_expected"] = state["ideal_notice"] = None
        return
    file = given[-1]
    try:
        _restore(uploads.read(file), file.name)
        state["ideal_draw_now"] = True
    except Problem as problem:
        state["ideal_upload_problem"] = problem


def is_to_be_drawn() -> bool:
    """Whether a picture has just been dropped in, which is drawn at once; true a single time."""
    return bool(st.session_state.pop("ideal_draw_now", False))


def upload_notice() -> None:
    """Say below its upload what became of a dropped-in picture."""
    if problem := st.session_state.get("ideal_upload_problem"):
        st.error(say(problem), icon=":material/error:")
    elif st.session_state.get("ideal_expected"):
        st.caption(
            t(
                "All settings are now as for that picture, and it is drawn at the top of the page. If you remove it, the settings stay as they are."
            )
        )


def restore(png: bytes, name: str) -> None:
    """Set all dials as in a picture's recipe, and remember what has to come out."""
    try:
        _restore(png, name)
    except Problem as problem:
        st.session_state["ideal_notice"] = problem


def _restore(png: bytes, name: str) -> None:
    found = recipe.read(photos.read_recipe(png, name))
    _set_dials(found)
    pixels = np.asarray(photos.decode(png, name))
    st.session_state["ideal_expected"] = (found, fingerprint(pixels))
    st.session_state["ideal_notice"] = None


def _set_dials(found: recipe.Recipe) -> None:
    state, settings = st.session_state, found.settings
    if found.model == session.OWN and session.own_classifier() is None:
        raise Problem(
            N_(
                "This picture was drawn with a network that a visitor had trained, and it is not here. Nothing was changed; train or load it first."
            )
        )
    if settings.photo and start_photo(settings.photo) is None:
        raise Problem(
            N_(
                "This picture started from a visitor's own photo, which is not here. Nothing was changed; upload that photo on another page first."
            )
        )
    classifier = session.network_named(found.model)
    found.check(classifier)
    state[session.NETWORK] = found.model
    state["ideal_preset"] = preset = "best"
    classes = len(classifier.labels)
    match found.objective:
        case ChannelActivation(layer, channel):
            state["ideal_target"] = "channel"
            state[f"ideal_layer_{classifier.provenance.network}"] = layer
            state["ideal_channel_number"] = channel
        case Mixture(first, second, share):
            state["ideal_target"] = "two"
            state[f"ideal_class_{classes}"] = first.class_id
            state[f"ideal_second_{classes}"] = second.class_id
            state["ideal_share"] = round(100 * share)
            _set_objective(preset, first)
        case objective:
            state["ideal_target"] = "class"
            state[f"ideal_class_{classes}"] = objective.class_id
            _set_objective(preset, objective)
    state["ideal_steps"], state["ideal_seed"] = settings.steps, settings.seed
    state[f"ideal_tv_{preset}"] = _tidy(settings.tv)
    state[f"ideal_rate_{preset}"] = settings.learning_rate
    state[f"ideal_canvas_{preset}"] = settings.canvas
    state[f"ideal_photo_{preset}"] = settings.photo
    state[f"ideal_size_{preset}"] = settings.size
    state[f"ideal_scale_{preset}"] = settings.view.scale
    state[f"ideal_rotation_{preset}"] = settings.view.rotation
    state[f"ideal_shift_{preset}"] = settings.view.shift
    for name in ("batch_norm", "l2", "blur"):
        state[f"ideal_{name}_{preset}"] = _tidy(getattr(settings, name))


def _set_objective(preset: str, objective: ClassLogit | CrossEntropy) -> None:
    name = "logit" if isinstance(objective, ClassLogit) else "cross_entropy"
    st.session_state[f"ideal_objective_{preset}"] = name


def _tidy(weight: float) -> float:
    """Give whole weights as integers, as the sliders have them."""
    return int(weight) if weight == int(weight) else weight


def planned(
    classifier: Classifier, objective: Objective, settings: Settings
) -> tuple[Objective, Settings]:
    """Give what to draw: as the dials say, or, where they still stand as a recipe set them, that."""
    expected = st.session_state.get("ideal_expected")
    if expected:
        found = expected[0]
        # No dial shows these; as long as the others stand as it set them, they are the recipe's.
        hidden = {
            name: getattr(found.settings, name) for name in ("descent", "schedule", "relative")
        }
        untouched = replace(found.settings, turns=()) == replace(settings, **hidden)
        if untouched and found.model == classifier.name:
            return objective, found.settings
    return objective, settings


def notices(shown: Sequence[Verdict]) -> None:
    """Say what became of a dropped-in picture."""
    if problem := st.session_state.get("ideal_notice"):
        st.error(say(problem), icon=":material/error:")
        return
    expected = st.session_state.get("ideal_expected")
    if not expected:
        return
    found, wanted = expected
    if any(fingerprint(verdict.synthesis.pixels) == wanted for verdict in shown):
        st.success(
            t("Identical, pixel for pixel, to the picture you dropped in."),
            icon=":material/verified:",
        )
    elif not shown:
        st.info(
            t("The settings are as for your picture. Press “Draw” to see it grow again.")
            + (
                ""
                if found.same_versions
                else " "
                + t("It was drawn with other versions, so details may come out differently.")
            ),
            icon=":material/receipt_long:",
        )
