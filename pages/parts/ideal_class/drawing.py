"""The settings of the ideal class page, and what is shown of a drawing."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from core.images import photos
from core.problem import N_, Problem, Text
from core.setting import asked, changed
from core.steps import Pixels, Steps
from core.synthesis import comparisons, recipe
from core.synthesis.loop import LIVE, Settings
from core.synthesis.objective import (
    ChannelActivation,
    ClassLogit,
    CrossEntropy,
    Mixture,
    Objective,
    OfPhoto,
    classes_of,
)
from core.synthesis.presets import PRESETS, TV_LADDER
from core.synthesis.record import Frame, Record
from core.synthesis.regularisers import REGULARISERS
from core.synthesis.verdict import RecordedDrawing, Verdict
from core.training import hardening
from core.training.loop import Training
from core.zoo import catalogue
from core.zoo.classifier import Classifier
from core.zoo.predictions import RECOGNITIONS, Opinion, Recognition, by_network, recognition
from pages.parts.shared import live, made, pickers, save, session, uploads
from pages.parts.shared.components import component
from pages.parts.shared.language import class_name, number, percent, say, short, t
from pages.parts.shared.settings import by_column, segments, widget

if TYPE_CHECKING:
    from pages.parts.shared.streamlit_internals import UploadedFile

FAVOURITES = ("Siamese cat", "tabby", "zebra", "golden retriever")
PRESET_NAMES = {name: preset.title for name, preset in PRESETS.items() if preset.title}
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
RECOGNITION_NAMES: dict[Recognition, str] = {
    "recognised": N_("recognised by"),
    "unsure": N_("unsure"),
    "not recognised": N_("not recognised by"),
}
_ABOVE = ("tv", "steps", "seed")
"""The settings that the page asks for above the others."""
_WITHOUT_PRESET = ("steps", "seed")
_COLUMNS: tuple[tuple[str, ...], ...] = (
    ("canvas", "objective", "photo"),
    ("size", "learning_rate", "scale", "rotation", "shift"),
    (),
)
"""The others; what is in none of the columns stands in the last one."""
MOST_KEPT = 12

_film = component("time_lapse")


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
    run: Callable[..., Steps[comparisons.Comparison]]
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
        comparisons.noise_or_cat,
        tuple(comparisons.TAKES),
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
        comparisons.ladder,
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
        comparisons.by_both,
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
def in_progress() -> dict[str, RecordedDrawing]:
    """This session's latest drawing, under "drawing": to change its settings and to go on with."""
    return {}


def key(name: str, preset: str) -> str:
    """Return where the session keeps a setting of a preset."""
    return f"ideal_{name}" if name in _WITHOUT_PRESET else f"ideal_{name}_{preset}"


def ask(name: str, preset: str, **how: Any) -> Any:
    """Show the widget of a setting; see `settings.widget`."""
    setting, value = PRESETS[preset].asked[name]
    if name == "tv":
        setting = replace(setting, marks=PRESETS[preset].tv_marks)
    if name == "photo":
        setting = replace(setting, choices=_start_photos())
    changed = change_live if name in LIVE else None
    return widget(setting, value, key(name, preset), on_change=changed, **how)


def change_live() -> None:
    """Let the settings that can be changed on the way act on a running drawing."""
    run, state = in_progress().get("drawing"), st.session_state
    preset = state.get("ideal_preset") or "best"
    if run is not None:
        drawing = run.drawing
        chosen = {n: state.get(key(n, preset), getattr(drawing.settings, n)) for n in LIVE}
        drawing.turn(**{name: float(value) for name, value in chosen.items()})


def target(classifier: Classifier) -> Objective:
    """Ask what the picture is to become.

    A channel comes from the feature map page, or is chosen here.
    """
    kind = segments(t("Draw"), KINDS, "ideal_target", label_visibility="collapsed")
    if kind == "channel":
        return _channel(classifier)
    first = pickers.class_id(t("Class"), classifier.labels, "ideal_class", FAVOURITES)
    preset_name = st.session_state.get("ideal_preset") or "best"
    preset = PRESETS[preset_name]
    chosen = st.session_state.get(key("objective", preset_name))
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


def preset_choice() -> str:
    """Ask for the settings to begin with."""
    chosen = segments(
        t("Start from these settings"),
        PRESET_NAMES,
        "ideal_preset",
        help=t(
            "At its best: waves instead of pixels, seen from changing places. As in the "
            "lesson: bare pixels, cross-entropy and total variation."
        ),
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


def more_settings(preset: str, classifier: Classifier) -> dict[str, Any]:
    """Show the other settings, each with what it does, and return their values by name."""
    columns = by_column(_COLUMNS, PRESETS[preset].asked, _ABOVE)
    values: dict[str, Any] = {}
    for column, names in zip(st.columns(3, gap="large"), columns, strict=True):
        with column:
            for name in names:
                lacks = (
                    name in REGULARISERS and REGULARISERS[name].of_norms and not classifier.norms
                )
                values[name] = ask(name, preset, disabled=lacks)
                if lacks:
                    values[name] = 0.0
    del values["objective"]  # asked for by `target`
    return values


def _start_photos() -> dict[str, str]:
    own = {session.recipe_name(image): N_("Your photo") for image in session.own_photos().values()}
    return {"": N_("Noise")} | {sample.id: sample.title for sample in photos.SAMPLES} | own


def start_photo(name: str) -> Image.Image | None:
    """Return the photo of that name; None for noise, or where it is not here."""
    own = {session.recipe_name(image): image for image in session.own_photos().values()}
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
    for name, regulariser in REGULARISERS.items():
        if weight := getattr(settings, name):
            terms.append(rf"{_tex(weight)}\,{regulariser.formula}")
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
            return photos.data_uri(frame.jpeg)
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
    """Return what tells a picture from others."""
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
    network = catalogue.TITLES.get(synthesis.model, t("★ Your network"))
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
    """Set all settings as in a dropped-in picture; a bad one changes nothing.

    Where it was removed, nothing has to come out any more; the settings stay.
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
    """Set all settings as in a picture's recipe, and remember what has to come out."""
    try:
        _restore(png, name)
    except Problem as problem:
        st.session_state["ideal_notice"] = problem


def _restore(png: bytes, name: str) -> None:
    found = recipe.read(photos.read_recipe(png, name))
    _set_as_in(found)
    pixels = np.asarray(photos.decode(png, name))
    st.session_state["ideal_expected"] = (found, fingerprint(pixels))
    st.session_state["ideal_notice"] = None


def _set_as_in(found: recipe.Recipe) -> None:
    state, settings = st.session_state, found.settings
    if found.model == session.OWN and session.own_classifier() is None:
        raise Problem(
            N_(
                "This picture was drawn with a network that a visitor had trained, and it is not here. Nothing was changed; train or load it first."
            )
        )
    if isinstance(found.objective, OfPhoto):
        raise Problem(
            N_(
                "This picture was rebuilt from what a layer makes of a photo, on the page “Feature maps”. Nothing was changed; `python -m core ideal --recipe` draws it again."
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
    for name, (_, value) in asked(settings).items():
        state[key(name, preset)] = value


def _set_objective(preset: str, objective: ClassLogit | CrossEntropy) -> None:
    name = "logit" if isinstance(objective, ClassLogit) else "cross_entropy"
    st.session_state[key("objective", preset)] = name


def planned(
    classifier: Classifier, objective: Objective, settings: Settings
) -> tuple[Objective, Settings]:
    """Return what to draw: as the page says, or, where all still stands as in a recipe, that."""
    expected = st.session_state.get("ideal_expected")
    if expected:
        found = expected[0]
        # What the page does not ask for is the recipe's as long as the rest stands as it set it.
        on_page = {name: value for name, (_, value) in asked(settings).items()}
        untouched = changed(found.settings, on_page) == found.settings
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
