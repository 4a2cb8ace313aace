"""Runs on a cluster: a real local one of two nodes, one of which is killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from core.data.datasets import Dataset, Photo
from core.images import photos
from core.problem import Problem
from core.server import cluster
from core.server.jobs import State
from core.server.parcel import Exchange
from core.server.scheduler import Scheduler
from core.steps import LiveSetting, Step
from core.synthesis.loop import Drawing, Settings
from core.synthesis.objective import ClassLogit
from core.synthesis.verdict import RecordedDrawing
from core.training.embeddings import shared_cache
from core.training.settings import settings_for
from core.zoo import catalogue, weights
from core.zoo.graph import NormStatistics
from core.zoo.labels import Labels
from pages.parts.adversarial_attack.adversarial_training import hardening_run
from pages.parts.fine_tuning.runs import training_run
from pages.parts.shared import registry

LIMIT = 240.0


# Runs, which the workers find in this module


def counting(total: int, seconds: float = 0.01):
    for index in range(1, total + 1):
        time.sleep(seconds)  # work
        yield Step(index, total, scalars={"number": float(index)}, result=os.getpid())


def failing():
    yield Step(1, 2)
    raise Problem("{file} is empty.", file="{cat}.jpg")


def reading(setting: LiveSetting[int]):
    while True:
        time.sleep(0.01)
        yield Step(1, 2, result=setting.read())


def weighing(name: str):
    entry = catalogue.entry(name)
    if not weights.present(entry):
        raise weights.missing(entry)
    yield Step(1, 1, result=weights.path(entry).read_bytes())


# The cluster


@pytest.fixture(scope="module")
def two_nodes(tmp_path_factory):
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Ray's workers give way to all other programs, and the browser's tests want both cores.
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("torch")))
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        sizes = {"object_store_memory": 100 << 20}
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **sizes})
        first = made.add_node(num_cpus=1, **sizes)
        patch.setenv(cluster.ADDRESS, made.address)
        yield made, first, sizes
        ray.shutdown()
        cluster._workers.cache_clear()
        made.shutdown()


@pytest.fixture(autouse=True)
def one_core():
    """What is small is quicker alone than where other programs want the same cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def turns():
    made = Scheduler()
    yield made
    made.close()


def until(job, true):
    snapshot = job.snapshot()
    while not true(snapshot):
        before = snapshot.version
        snapshot = job.wait(before, timeout=LIMIT)
        assert snapshot.version > before, "the job hangs"
        assert not snapshot.state.is_end or true(snapshot), snapshot
    return snapshot


def ended(job):
    snapshot = job.wait(timeout=LIMIT)
    assert snapshot.state.is_end, "the job hangs"
    return snapshot


def test_steps_stream_back_stop_works_and_problems_arrive(two_nodes, turns):
    job = turns.submit(
        "a", "page", cluster.anywhere(partial(counting, 20)), lambda last: last.result
    )
    snapshot = ended(job)
    assert snapshot.state == State.DONE
    assert snapshot.history["number"] == tuple(range(1, 21))
    assert snapshot.result != os.getpid()  # made by another process
    assert snapshot.is_away

    job = turns.submit("a", "page", cluster.anywhere(partial(counting, 10**6)))
    until(job, lambda s: s.history.get("number"))
    job.stop()
    assert ended(job).state == State.STOPPED

    job = turns.submit("a", "page", cluster.anywhere(failing))
    assert str(ended(job).problem) == "{cat}.jpg is empty."


def test_a_setting_is_changed_while_the_run_is_away(two_nodes, turns):
    setting = LiveSetting(1)
    job = turns.submit("a", "page", cluster.anywhere(partial(reading, setting)))
    until(job, lambda s: s.step and s.step.result == 1)
    setting.value = 2
    until(job, lambda s: s.step.result == 2)


def test_the_thread_is_free_while_a_run_is_away(two_nodes, turns):
    away = turns.submit("a", "away", cluster.anywhere(partial(counting, 10**6)))
    until(away, lambda s: s.history.get("number"))
    here = turns.submit("b", "here", partial(counting, 20), lambda last: last.result)
    assert ended(here).result == os.getpid()
    assert not here.snapshot().is_away
    assert not away.snapshot().state.is_end


def test_weights_that_are_only_here_are_brought(two_nodes, turns, torch_home):
    job = turns.submit("a", "page", cluster.anywhere(partial(weighing, "resnet18")))
    assert "not on this machine" in str(ended(job).problem)
    path = weights.path(catalogue.entry("resnet18"))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    run = cluster.anywhere(partial(weighing, "resnet18"))
    assert ended(turns.submit("a", "page", run, lambda last: last.result)).result == b"weights"


@pytest.mark.timeout(900)  # two real runs, of which one begins anew, on however slow a machine
def test_runs_of_a_lost_node_go_on_on_another_and_say_so(two_nodes, turns, lite0):
    """A drawing whose settings are changed, and a training, in the middle of which the node goes."""
    made, first, sizes = two_nodes
    training = turns.submit("b", "train", cluster.anywhere(learning(lite0), "b"), result)
    sitting = RecordedDrawing(
        Drawing(lite0, ClassLogit(284), Settings(size=64, steps=10**3)), 10**3
    )
    job = turns.submit("a", "ideal", cluster.anywhere(sitting.resume, "a"), result)
    until(job, lambda s: s.history.get("probability"))
    sitting.drawing.turn(tv=3.0, learning_rate=0.02)
    until(job, lambda s: s.step.result.synthesis.settings.turns)
    until(job, lambda s: sitting.drawing.done > 0)  # a state has come
    until(training, lambda s: s.step.phase == "fine-tuning the last blocks")

    made.add_node(num_cpus=1, **sizes)
    made.remove_node(first, allow_graceful=False)
    kept = until(job, lambda s: s.step.phase == "a computer was lost, going on from the last state")
    before = sitting.drawing.done
    assert kept.step.result is not None  # what was drawn can be kept meanwhile
    until(job, lambda s: s.step.index > kept.step.index)
    job.stop()
    drawn = ended(job)
    assert drawn.result.synthesis.settings.turns == sitting.drawing.settings.turns
    assert drawn.result.synthesis.settings.turns[0].tv == 3.0
    assert before < drawn.result.synthesis.steps_done <= sitting.drawing.done
    assert len(drawn.history["probability"]) == drawn.step.index  # nothing twice, no gap

    more = RecordedDrawing(sitting.drawing, 3, drawn.result)
    again = ended(turns.submit("a", "ideal", cluster.anywhere(more.resume, "a"), result))
    assert again.result.synthesis.steps_done == more.drawing.done == sitting.drawing.done + 3
    assert [frame.step for frame in again.result.frames][:2] == [1, 4]

    learned = ended(training)
    assert learned.state == State.DONE, learned.problem
    assert len(learned.history["blocks · validation accuracy"]) == 3
    own = learned.result["blocks"].training
    run = Exchange().unpack(Exchange().pack(partial(hardening_run, own, 4)))
    assert run.args[0].validation == own.validation
    network = own.classifier
    assert network.labels[1] == "dog"
    assert network.probabilities(torch.rand(1, 3, 224, 224)).shape == (1, 2)
    # What was found out about the photos is known here, too.
    assert all(shared_cache().get(known(photo)) is not None for photo in photos_of_two().photos)


def result(last: Step):
    return last.result


def known(photo: Photo):
    import hashlib

    return "efficientnet_lite0", "", hashlib.sha256(photo.data).digest()


def photos_of_two() -> Dataset:
    names = ("cat", "dalmatian")
    pictures = [photos.read_sample(name) for name in names]
    return Dataset(
        ("cat", "dog"),
        tuple(
            Photo(f"{label}-{i}.jpg", label, photos.encode_jpeg(np.roll(np.asarray(picture), i, 1)))
            for label, picture in enumerate(pictures)
            for i in range(4)
        ),
    )


def learning(base):
    settings = settings_for("blocks", blocks=1, epochs=3, batch=1, head_epochs=2)
    return partial(training_run, base, {"blocks": settings}, photos_of_two())


# Without a cluster


def test_without_an_address_nothing_of_ray_is_imported():
    code = (
        "import sys; from core.server import cluster; make = lambda: iter(());"
        "assert cluster.anywhere(make) is make; print('ray' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": "."}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr


def test_a_cluster_that_does_not_answer_is_named_in_a_sentence(monkeypatch, turns):
    cluster._workers.cache_clear()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv(cluster.ADDRESS, address)
        job = turns.submit("a", "page", cluster.anywhere(partial(counting, 3)))
        assert f"The cluster at {address} does not answer" in str(ended(job).problem)


def test_a_run_whose_computer_was_lost_waits_for_no_processor_that_may_be_gone(monkeypatch):
    import ray

    monkeypatch.setenv(cluster.ADDRESS, "nowhere:1")
    monkeypatch.setattr(cluster, "_check_that_it_answers", lambda address: None)
    monkeypatch.setattr(ray, "init", lambda **_: None)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})  # one of them is lost
    monkeypatch.setattr(ray, "remote", lambda **_: lambda worker: SimpleNamespace(remote=object))
    workers = cluster._Workers()
    left = workers.place("a", is_lost=True)
    assert workers.place("b", is_lost=True) is left
    assert workers.place("c") is not left


def test_people_share_a_worker_equally_whatever_they_run(monkeypatch):
    """One has three runs, one has long steps, one has a single run of short steps."""
    monkeypatch.setattr(cluster, "_ROUND_SECONDS", 0.1)
    worker = cluster.Worker()
    runs = {
        **{f"many {i}": ("many", 0.001) for i in range(3)},
        "long": ("long", 0.05),
        "short": ("short", 0.001),
    }
    ends = {name: Exchange() for name in runs}
    seconds = dict.fromkeys(["many", "long", "short"], 0.0)
    openings: dict[str, bytes | None] = {
        name: ends[name].pack((partial(counting, 10**6, each), person), is_first=True)
        for name, (person, each) in runs.items()
    }
    for _ in range(12):
        for name, (person, _) in runs.items():
            opening, openings[name] = openings[name], None
            answer = worker.advance(name, ends[name].pack_state([]), opening)
            seconds[person] += ends[name].unpack(answer).seconds
    assert max(seconds.values()) < 1.6 * min(seconds.values()), seconds
    for name in runs:
        assert worker.drop(name) is None


# What travels


def test_what_was_sent_before_is_not_sent_again():
    here, there = Exchange(), Exchange()
    photo, picture = os.urandom(10_000), np.random.default_rng(0).random((50, 50))
    there.unpack(here.pack([photo], is_first=True), is_first=True)
    (brought,) = there._objects.values()
    first = there.pack((brought, picture))
    back, shown = here.unpack(first)
    assert back is photo
    assert np.array_equal(shown, picture)
    again = there.pack((brought, picture, "more"))
    assert len(again) < 200 < len(first)
    assert here.unpack(again)[1] is shown
    here.unpack(there.pack("something else"))  # by now the picture is forgotten at both ends
    assert np.array_equal(here.unpack(there.pack(picture)), picture)
    assert here.unpack(there.pack(brought)) is photo  # but not what the first message brought


@pytest.mark.parametrize(
    "tensor",
    [torch.empty(0, 0), torch.tensor(3), torch.rand(4, 6)[1:3, ::2], torch.ones(2).bool()],
)
def test_tensors_arrive_as_they_were(tensor):
    arrived = Exchange().unpack(Exchange().pack(tensor))
    assert torch.equal(arrived, tensor)
    assert arrived.dtype == tensor.dtype


def test_networks_of_the_catalogue_travel_by_name_and_heads_by_value(lite0, dalmatian):
    picture = photos.prepare(dalmatian, 224)
    message = Exchange().pack(lite0)
    assert len(message) < 5_000
    assert Exchange().unpack(message) is lite0
    small = Exchange().unpack(Exchange().pack(lite0.for_drawing(64)))
    assert (small.input_size, small.layers) == (64, lite0.for_drawing(64).layers)

    head = torch.nn.Linear(1280, 2)
    own = lite0.with_head(head, name="own", title="Own", labels=Labels("ab"), accuracy=0.5)
    arrived = Exchange().unpack(Exchange().pack(own))
    assert torch.equal(arrived(picture), own(picture))
    assert (arrived.provenance, arrived.title, tuple(arrived.labels)) == (
        own.provenance,
        "Own",
        ("a", "b"),
    )
    assert arrived.body is lite0.body  # shared, as here


def test_a_tuned_body_travels_by_value(lite0, dalmatian):
    import copy
    from dataclasses import replace

    body = copy.deepcopy(lite0.body)
    with torch.no_grad():
        for weight in body.parameters():
            weight.mul_(1.001)
    norms = tuple(NormStatistics(n.node, n.mean + 1, n.std) for n in lite0.norms)
    tuned = lite0.with_body(body, norms=norms, origin=replace(lite0.provenance, body="tuned-1"))
    arrived = Exchange().unpack(Exchange().pack(tuned))
    picture = photos.prepare(dalmatian, 224)
    assert torch.equal(arrived(picture), tuned(picture))
    assert not torch.equal(arrived(picture), lite0(picture))
    assert torch.equal(arrived.norms[0].mean, norms[0].mean)


def test_a_drawing_that_has_travelled_is_gone_on_with_as_if_it_had_not(lite0):
    def drawn(sitting: RecordedDrawing, count: int):
        steps = sitting.resume()
        return [next(steps) for _ in range(count)][-1].result

    settings = Settings(size=64, steps=6)
    small = lite0.for_drawing(64)
    stayed, left = (RecordedDrawing(Drawing(small, ClassLogit(284), settings), 6) for _ in range(2))
    expected = drawn(stayed, 6)
    drawn(left, 3)
    here, there = Exchange(), Exchange()
    run = there.unpack(here.pack(left.resume, is_first=True), is_first=True)
    drawn(run.__self__, 2)
    back = here.unpack_state(there.pack_state(run.__self__))
    found = drawn(back, 1)
    assert np.array_equal(found.synthesis.pixels, expected.synthesis.pixels)
    assert [f.step for f in found.frames] == [f.step for f in expected.frames]
    assert back.drawing._wanted is left.drawing._wanted  # its live settings are those of the page


@pytest.fixture
def sent(monkeypatch):
    """The names of the functions that pages would send away; they are packed, and not run."""
    names: list[str] = []

    def packed(run, person):
        made = Exchange().unpack(Exchange().pack(run))
        made = getattr(made, "func", made)
        names.append(made.__name__)
        return nothing

    monkeypatch.setattr(cluster, "anywhere", packed)
    return names


def nothing():
    yield Step(1, 1)


def opened(page: registry.PageInfo) -> AppTest:
    root = Path(__file__).parents[2]
    app = AppTest.from_file(str(root / "app.py"), default_timeout=LIMIT).run()
    return app.switch_page(page.file).run()


@pytest.mark.usefixtures("lite0")
def test_every_run_of_the_pages_can_travel(sent):
    app = opened(registry.IDEAL)
    app.button(key="ideal_start").click().run()
    app.button(key="ideal_lesson").click().run()
    assert sent == ["resume", "noise_or_cat"]

    app.switch_page(registry.ATTACK.file).run()
    app.button(key="attack_start").click().run()
    app.selectbox(key="attack_method").set_value("boundary").run()
    app.button(key="attack_start").click().run()
    for name in ("needed", "curve", "defences", "sticker_run"):
        app.button(key=f"attack_{name}_start").click().run()
    assert sent[2:] == ["run", "run", "needed_run", "curve_run", "defence_run", "sticker_run"]

    app.switch_page(registry.MAPS.file).run()
    app.button(key="maps_ideal").click().run()
    app.segmented_control(key="maps_view").set_value("where").run()
    app.segmented_control(key="maps_view").set_value("tour").run()
    app.button(key="maps_tour_start").click().run()
    assert set(sent[8:]) == {"max_activations", "thumbnail", "explain", "thumbnails"}
    count = len(sent)

    app.switch_page(registry.TRAINING.file).run()
    for name in ("look", "find_rate", "start"):
        app.button(key=f"train_{name}").click().run()
    assert sent[count:] == ["survey", "rate_run", "training_run"]
    assert not app.exception


def test_pages_start_runs_in_one_way_so_none_can_forget_the_cluster():
    pages = Path(__file__).parents[2] / "pages"
    submitting = [
        f"{path.relative_to(pages)}: {line.strip()}"
        for path in sorted(pages.rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if ".submit(" in line
    ]
    assert [line.partition(":")[0] for line in submitting] == ["parts/shared/session.py"] * 2, (
        submitting
    )
