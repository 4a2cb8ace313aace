"""Adversarial attack: a photo is changed, within ε, until the network sees something else."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from core.attacks import defences, foolbox_adapter, loop, sticker
from core.attacks.norm import NORMS
from core.attacks.report import Report, amplify
from core.export import attack_script as takeaway
from core.images import photos
from core.server.jobs import Job, Snapshot
from core.steps import Pixels
from pages.parts.adversarial_attack import attack, laboratory
from pages.parts.shared import (
    entry,
    layout,
    live,
    made,
    pickers,
    plots,
    questions,
    save,
    scenes,
    session,
    wall,
)
from pages.parts.shared.language import (
    class_name,
    number,
    percent,
    photo_title,
    plain,
    short,
    t,
    tn,
)
from pages.parts.shared.language import sentence as first_large
from pages.parts.shared.registry import ATTACK, TRAINING

entry.only_through_app()

JOB = "attack"
FAVOURITES = ("tabby", "Siamese cat", "zebra")
STICKERS = ("toaster", "tabby", "zebra")
_TO_NEEDED = "attack_to_needed_clicks"

layout.heading(t(ATTACK.title), t(ATTACK.promise))
classifier = session.classifier()
layout.network_line(classifier)
photo = session.photo(ATTACK.default_photo)
photo_name = session.photo_name(ATTACK.default_photo)
job = session.job(JOB)

# A scene is about what an attack does: its settings are made.
place = layout.dials(folded=bool(scenes.question(ATTACK)))
controls = place.columns([5, 4, 4, 2], gap="medium")
with controls[0]:
    seen_as = attack.seen_as(classifier, photo)
    chosen = pickers.class_id(
        t("To be seen as"),
        classifier.labels,
        "attack_class",
        FAVOURITES,
        avoid=seen_as,
    )
    anything = st.checkbox(
        t("Anything else will do (untargeted)"), key="attack_untargeted", persist_state="session"
    )
with controls[1]:
    method = attack.method()
    possible = anything or attack.aiming(method, classifier, chosen, seen_as)
epsilon_place, steps_place = controls[2].container(), controls[3].container()
buttons = st.container()
with st.expander(t("More settings"), icon=":material/tune:"):
    values, beside = attack.more_settings(method, classifier)
from_foolbox = foolbox_adapter.METHODS.get(method)
with epsilon_place:
    epsilon = attack.epsilon(values["norm"], beside["mask"], disabled=from_foolbox is not None)
with steps_place:
    if from_foolbox:
        steps = st.number_input(
            t("Rounds"),
            1,
            loop.MAX_STEPS,
            from_foolbox.rounds,
            key=f"attack_rounds_{method}",
            persist_state="session",
            help=t(
                "In each round the network is asked many times; while it runs, these questions are counted."
            ),
        )
    else:
        steps = attack.ask("steps", disabled="steps" in loop.METHODS[method].fixed)
with buttons:
    stop_early = attack.ask("stop_early", disabled=from_foolbox is not None)


def planned() -> attack.Plan:
    """Return what is chosen."""
    most = min(int(steps), loop.MAX_STEPS)
    if from_foolbox:
        settings = loop.Settings(norm="l2", steps=most, seed=values["seed"])
    else:
        settings = loop.settings_for(
            method, **values, epsilon=epsilon, stop_early=stop_early, steps=most
        )
    return attack.Plan(method, None if anything else chosen, settings, **beside)


plan = planned()
running = attack.live_epsilon()
if running.get("kind") == (plan.settings.norm, plan.mask) and plan.bounded:
    running["epsilon"].value = epsilon  # an attack that runs goes on within it


def start() -> None:
    """Submit the attack; the one before it, if any, is replaced."""
    make, conclude = attack.starter(classifier, photo, photo_name, plan)
    session.start_job(JOB, make, conclude)


with buttons:
    live.start_and_stop("attack", job, start, t("Attack"), disabled=not possible)
progress, verdict = st.container(), st.container(key="attack_verdict")
with progress:
    layout.in_sight(live.run_number(job), "attack_buttons")
before, change, after = st.container(key="attack_pictures").columns(3, gap="medium")
with before:
    original_place = st.empty()
with change:
    change_place = st.empty()
with after:
    result_place = st.empty()
curve_place = st.empty()


def show(place: st.delta_generator.DeltaGenerator, pixels: Pixels, caption: str) -> None:
    """Put a picture with its caption into a place."""
    place.image(live.data_uri(pixels, quality=92), caption=caption, width="stretch", alt=caption)


drawn: dict[str, Pixels] = {}
"""What stays while a run is watched."""


def show_change(original: Pixels, changed: Pixels) -> None:
    """Show the change of a photo, amplified, and the changed photo."""
    difference, factor = amplify(original, changed)
    amplified = attack.written_on(difference, factor)
    show(change_place, amplified, t("The change, ×{factor}", factor=factor))
    show(result_place, changed, t("The changed photo"))


def draw(snapshot: Snapshot) -> None:
    """Show the photo as it is being changed, and both probabilities as lines."""
    if snapshot.step is None or snapshot.step.result is None or snapshot.state.is_end:
        return
    found = snapshot.step.result
    if "original" not in drawn:
        drawn["original"] = photos.to_pixels(found.original)
        show(original_place, drawn["original"], t("The photo"))
    show_change(drawn["original"], snapshot.step.picture)
    plots.live_numbers(curve_place, live_numbers(found, snapshot))


def line_names(found: loop.Attempt) -> dict[str, str]:
    """Return the names of the lines: of what is wanted, and of what the photo was seen as."""
    goal = found.goal
    names = {
        "probability": t("Probability of {name}", name=class_name(classifier.labels[goal.class_id]))
        if goal.targeted
        else t("Probability of the strongest other class")
    }
    if goal.true_id is not None:
        true = t("Probability of {name}", name=class_name(classifier.labels[goal.true_id]))
        names["probability of the true class"] = true
    return names


def live_numbers(found: loop.Attempt, snapshot: Snapshot) -> list[plots.LiveNumber]:
    """Return the lines as they move with the run."""
    return [
        plots.LiveNumber(label, percent(curve[-1], 1), curve, True)
        for name, label in line_names(found).items()
        if (curve := snapshot.history.get(name))
    ]


def show_outcome(outcome: attack.Outcome, snapshot: Snapshot) -> None:
    """Show both photos with what the network says of each, and the measures of the change."""
    kind = (outcome.report.attempt.settings.norm, outcome.plan.mask)
    same_kind = kind == (plan.settings.norm, plan.mask) and plan.bounded
    found = attack.within(outcome, epsilon) if same_kind else outcome.report
    goal = found.attempt.goal
    show(original_place, found.original, t("The photo"))
    show_change(found.original, found.adversarial)
    with before:
        layout.prediction_bars(found.before, highlight=goal.class_id)
    with after:
        layout.prediction_bars(found.after, highlight=goal.class_id)
    with change:
        show_measures(outcome, found)
    with verdict:
        show_verdict(found, bounded=outcome.plan.bounded)
    if found is not outcome.report:
        st.caption(
            t(
                "Brought back from ε = {before} to ε = {after}, without a further step.",
                before=short(outcome.report.attempt.settings.epsilon),
                after=short(epsilon),
            ),
        )
        st.button(
            t("Add it to the ledger"),
            icon=":material/playlist_add:",
            on_click=attack.enter,
            args=(outcome, found),
            key="attack_enter",
        )
    slider, plain_change, curves = st.columns([3, 3, 5], gap="medium")
    with slider:
        attack.compare(found)
        st.caption(t("Drag to compare before and after."))
    with plain_change:
        difference = found.adversarial.astype(np.int16) - found.original
        flat = (128 + difference).clip(0, 255).astype(np.uint8)
        caption = t("The change as it is, ×1, around grey")
        layout.picture(attack.written_on(flat, 1), caption, caption)
    with curves:
        attack.probability_chart(snapshot.history, line_names(found.attempt))


def show_measures(outcome: attack.Outcome, found: Report) -> None:
    """Say how large the change is, and offer the picture."""
    settings = found.attempt.settings
    unit = NORMS[settings.norm].unit_name
    st.markdown(
        t(
            "- greatest change of a pixel (L∞): **{linf}/255**\n"
            "- length of the change (L2): **{l2}**\n"
            "- allowed was ε = {epsilon}{unit}\n"
            "- saved as PNG and read back: **{survives}**",
            linf=found.linf,
            l2=number(found.l2, 2),
            epsilon=short(settings.epsilon) if outcome.plan.bounded else "∞",
            unit=unit if outcome.plan.bounded else "",
            survives=t("still fools it") if found.success_after_png else t("does not fool it"),
        )
    )
    st.download_button(
        t("Download PNG"),
        lambda: photos.encode_png(found.adversarial),
        file_name=save.stem(outcome.row.photo, "as", outcome.row.after[0].class_name) + ".png",
        mime="image/png",
        icon=":material/download:",
        on_click="ignore",
    )
    save.code(partial(_script, outcome, found), "attack", "attack_code")
    wall.send(found, outcome.classifier.name, "attack_wall")


def _script(outcome: attack.Outcome, found: Report) -> str:
    attempt, planned_then = found.attempt, outcome.plan
    by_foolbox = foolbox_adapter.METHODS.get(planned_then.method)
    if by_foolbox:
        return takeaway.foolbox_script(
            outcome.classifier,
            attempt.goal,
            planned_then.method,
            planned_then.settings.steps,
        )
    return takeaway.script(
        outcome.classifier,
        attempt.goal,
        attempt.settings,
        mask=planned_then.mask,
        place=planned_then.place,
        side=planned_then.side,
    )


def _to_needed() -> None:
    """Open the part of the laboratory that finds the smallest ε, and bring it into sight."""
    st.session_state["attack_part"] = "needed"
    layout.count(_TO_NEEDED)


def show_verdict(found: Report, *, bounded: bool) -> None:
    """Say in one sentence what came of it, and what else can be tried.

    Args:
        found: what came of it.
        bounded: whether the method keeps within ε.
    """
    goal = found.attempt.goal
    if found.success_after_png:
        told = {
            "after": plain(class_name(found.after[0].class_name)),
            "share": percent(found.after[0].probability, 1),
        }
        sentence = (
            t(
                "The network now takes it for **{after}** ({share}), but this change can be seen.",
                **told,
            )
            if found.linf > attack.VISIBLE
            else t(
                "The network now takes it for **{after}** ({share}); your eye still sees the photo "
                "on the left.",
                **told,
            )
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.success(sentence, icon=":material/check_circle:", width="stretch")
            st.button(
                t("How much is needed"),
                icon=":material/arrow_downward:",
                on_click=_to_needed,
                key="attack_to_needed",
                help=t("Opens, further down, the search for the smallest ε."),
            )
    elif not bounded:
        name = plain(class_name(classifier.labels[goal.class_id]))
        sentence = (
            t(
                "Not fooled: no picture was found that the network takes for {name}. Try more rounds or another method.",
                name=name,
            )
            if goal.targeted
            else t(
                "Not fooled: no picture was found that the network takes for anything but {name}. Try more rounds or another method.",
                name=name,
            )
        )
        st.info(sentence, icon=":material/shield:")
    elif goal.targeted:
        sentence = t(
            "Not fooled: with this little change the network does not say {name}. Allow a greater "
            "ε or more steps.",
            name=plain(class_name(classifier.labels[goal.class_id])),
        )
        st.info(sentence, icon=":material/shield:")
    else:
        sentence = t(
            "Not fooled: with this little change the network still says {name}. Allow a greater "
            "ε or more steps.",
            name=plain(class_name(classifier.labels[goal.class_id])),
        )
        st.info(sentence, icon=":material/shield:")


snapshot = job.snapshot() if job else None
outcome: attack.Outcome | None = snapshot.result if snapshot else None
if outcome and not attack.is_of(outcome, classifier, photo):
    outcome = None  # another network or photo has been chosen since
is_over = snapshot is None or (snapshot.state.is_end and outcome is None and not snapshot.problem)
with st.container():  # so that what follows stays where it is
    if outcome and snapshot:
        show_outcome(outcome, snapshot)
    elif not live.is_running(job):
        seen = photos.to_pixels(photos.prepare(photo, classifier.input_size))
        show(original_place, seen, t("The photo"))
        change_place.caption(t("Here you will see the change, amplified."))
        result_place.caption(
            t("Here you will see the photo that the network takes for something else.")
        )

part = st.session_state.get("attack_part", "ledger")
with st.container(key="attack_laboratory"):
    is_asked_for = part != "ledger" and not questions.awaits_prediction(ATTACK)
    opening = f"{scenes.opened()} {layout.counted(_TO_NEEDED)}".strip()
    layout.in_sight(opening if is_asked_for else "", "attack_laboratory")
    files = laboratory.photo_files()
    # A scene is opened at the part that it speaks of: for another part they are other tabs.
    in_ledger, in_needed, in_helps, in_sticker = st.tabs(
        list(map(t, laboratory.PARTS.values())),
        default=t(laboratory.PARTS[part]),
        key=f"attack_tabs_{part}",
    )
watched: list[tuple[Job, st.delta_generator.DeltaGenerator]] = []


def experiment(
    name: str,
    label: str,
    make: laboratory.Making,
    chosen: made.Ingredients,
    disabled: bool = False,
) -> Snapshot | None:
    """Show a button for a run of the laboratory, and give what is known of it.

    Args:
        name: of the run.
        label: of the button.
        make: gives the run.
        chosen: what it would be made with now.
        disabled: whether it cannot be begun.
    """
    key = f"attack_{name}"
    run = session.job(key)

    def begin() -> None:
        made.note(key, chosen)
        session.start_job(key, make, lambda last: last.result)

    layout.in_sight(live.run_number(run), f"{key}_buttons")
    with st.container(horizontal=True, key=f"{key}_buttons"):
        st.button(
            label,
            icon=":material/play_arrow:",
            on_click=begin,
            disabled=live.is_running(run) or disabled,
            key=f"{key}_start",
        )
        if run and live.is_running(run):
            stop = t("Stop run")
            st.button(stop, icon=":material/stop:", on_click=run.stop, key=f"{key}_stop")
    place = st.container()
    if run is None:
        return None
    if live.is_running(run) or run.snapshot().problem:
        watched.append((run, place))
    if run.snapshot().result:
        made.tell(key, chosen)
    return run.snapshot()


on_photo = laboratory.Chosen(classifier, (photo_title(photo_name), attack.photo_key(photo)))
on_files = laboratory.Chosen(
    classifier,
    (
        tn("{count} photo", "{count} photos", len(files)),
        tuple(file.name for file in files),
    ),
)


with in_ledger:
    attack.ledger_table(attack.book())
    if outcome:
        st.markdown(t("**Does it fool the other networks, which nobody attacked?**"))
        attack.transfer_lines(outcome.row)

with in_needed:
    st.markdown(
        t(
            "The attack is repeated: ε is doubled until it succeeds, and then the gap is halved again and again. So it is found how much it takes, for this photo and this target."
        )
    )
    name = None if anything else classifier.labels[chosen]
    asked = [
        n for n in beside["others"] if name is None or attack.labels_of(n).called(name) is not None
    ]
    if left_out := [attack.network_title(n) for n in beside["others"] if n not in asked]:
        st.caption(
            t(
                "Not asked, since none of its classes is called {name}: {networks}. “Anything else” asks all.",
                name=plain(class_name(str(name))),
                networks=", ".join(left_out),
            )
        )
    bounded = replace(plan.settings, restarts=1) if plan.bounded else loop.Settings()
    found = experiment(
        "needed",
        t("Find the smallest ε"),
        partial(laboratory.needed_run, classifier, attack.networks(asked), photo, name, bounded),
        on_photo.with_more(
            class_name(name) if name else t("anything else"),
            bounded.norm,
            tuple(asked),
        ),
    )
    if found and found.result:
        laboratory.needed_chart(found.result)
        needed = found.result.get(classifier.name)
        if needed and needed.epsilon and needed.attempt.settings.norm == "linf":
            rounded_up = min(16.0, math.ceil(2 * needed.epsilon) / 2)

            def use() -> None:
                """Set ε to what was found."""
                st.session_state["attack_epsilon_linf"] = rounded_up

            label = t("Attack with ε = {epsilon}", epsilon=short(rounded_up))
            st.button(label, on_click=use, key="attack_use_needed", icon=":material/tune:")
    st.markdown(
        t(
            "And over many photos: how many does the network still see rightly, if each was "
            "attacked within ε?"
        )
    )
    found = experiment(
        "curve",
        t("Draw the curve"),
        partial(laboratory.curve_run, classifier, files),
        on_files.with_more(),
        disabled=not files,
    )
    if found and found.result:
        laboratory.show_curve(found.result)

with in_helps:
    st.markdown(
        t(
            "Something is done to every picture before the network sees it. Against an attacker who does not know, that helps. One who does attacks **through** it: around what has no gradient (BPDA), and averaged over what is random (EOT). What is then left of the gain is what the defence is worth."
        )
    )
    switches = st.columns(len(defences.DEFENCES))
    names = [
        key
        for column, (key, defence) in zip(switches, defences.DEFENCES.items(), strict=True)
        if column.toggle(
            first_large(t(defence.title)),
            value=True,
            key=f"attack_defence_{key}",
            persist_state="session",
        )
    ]
    samples = st.checkbox(
        t("On all the photos chosen above (some minutes), not only on this one"),
        key="attack_defence_samples",
        persist_state="session",
    )
    defended = plan if plan.bounded else replace(plan, settings=loop.Settings())
    found = experiment(
        "defences",
        t("Measure"),
        partial(
            laboratory.defence_run, classifier, photo, defended, names, files if samples else ()
        ),
        (on_files if samples else on_photo).with_more(
            t("anything else") if anything else class_name(classifier.labels[chosen]),
            tuple(names),
            defended.settings,
        ),
        disabled=not names or (samples and not files),
    )
    if found and found.result:
        laboratory.defence_table(found.result)
        st.caption(
            t(
                "All of it on pictures saved in 8 bits. “Fooled” counts what the attacker wanted; "
                "what is neither right nor fooled is seen as something else."
            )
        )

    layout.label(t("Adversarial training"))
    st.markdown(
        t(
            "Each photo is attacked before the network learns from it (FGSM; Madry et al., 2018). This has to be learned, so it takes a network of your own: the same photos are learned from twice, with it and without, and both networks are attacked on the photos that they did not learn from."
        )
    )
    if own := session.training():
        within = st.select_slider(
            t("Trained against attacks within ε, in 1/255"),
            laboratory.HARDENED_WITHIN,
            laboratory.hardened_within(own),
            key="attack_hardening_epsilon",
            persist_state="session",
        )
        found = experiment(
            "hardening",
            t("Train twice, and attack both (some minutes)"),
            partial(laboratory.hardening_run, own, within),
            laboratory.Chosen(own.classifier, (f"ε = {within}/255", within)).with_more(),
        )
        if found and found.result:
            laboratory.show_hardening(found.result)
    else:
        st.caption(
            t("Train a network of your own first, on the page “{page}”.", page=t(TRAINING.title))
        )

with in_sticker:
    st.markdown(
        t(
            "A sticker is not made for one photo: it is made to win wherever it lies, however large and however turned (Brown et al., 2017). Print it and hold it before the camera."
        )
    )
    wanted = pickers.class_id(t("A sticker for"), classifier.labels, "attack_sticker", STICKERS)
    sticker_steps = st.number_input(
        t("Steps"), 20, 2000, 200, step=20, key="attack_sticker_steps", persist_state="session"
    )
    prepared = photos.prepare(photo, classifier.input_size)
    found = experiment(
        "sticker_run",
        t("Make a sticker"),
        partial(laboratory.sticker_run, classifier, wanted, int(sticker_steps), prepared, files),
        on_files.with_more(class_name(classifier.labels[wanted])),
        disabled=not files,
    )
    sticker_place = st.empty()
    if found and isinstance(found.result, sticker.Sticker):
        with sticker_place.container():
            laboratory.show_sticker(found.result)

layout.why(
    t("Why does it work?"),
    t(
        "The gradient tells for every pixel which way makes the wrong answer likelier. Each such "
        "step is too small to be seen, but there are 150,000 of them and they all pull in the same "
        "direction. After each step the change is brought back to within ε, so the photo can "
        "never drift away."
    ),
    r"x \leftarrow \Pi_{\varepsilon}\big(x - \alpha\,\mathrm{sign}\,\nabla_x\, L(f(x), \text{target})\big)",
    [loop.descend],
)


def draw_laboratory(snapshot: Snapshot) -> None:
    """Show the sticker while it is made; the others show their results at the end."""
    step = snapshot.step
    if step and isinstance(step.result, sticker.Sticker) and step.picture is not None:
        with sticker_place.container():
            pair = st.columns(3)
            layout_pair = ((step.result.pixels, t("The sticker")), (step.picture, t("On a photo")))
            for column, (pixels, caption) in zip(pair, layout_pair, strict=False):
                show(column, pixels, caption)


if job and not is_over and (live.is_running(job) or not watched):
    live.watch(job, draw, place=progress)
elif watched:
    live.watch(watched[0][0], draw_laboratory, place=watched[0][1])
