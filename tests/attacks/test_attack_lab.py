"""How much is needed, what helps and what goes through it, where one may paint, and stickers."""

from __future__ import annotations

import csv
import io
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from core.__main__ import main
from core.attacks import defences, foolbox_adapter, robustness, sticker
from core.attacks.defences import DEFENCES, Defended
from core.attacks.goal import Goal
from core.attacks.loop import Settings, attack
from core.attacks.mask import background, mask_for
from core.attacks.starting_points import at_hand, starting_point
from core.data import album
from core.images import photos
from core.problem import Problem
from core.steps import finish, returned


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def noise() -> torch.Tensor:
    return torch.rand(6, 3, 16, 16, generator=seeded(3))


@pytest.fixture
def answers(tiny, noise) -> list[int]:
    return tiny.probabilities(noise).argmax(-1).tolist()


@pytest.fixture(scope="module")
def prepared(dalmatian) -> torch.Tensor:
    return photos.prepare(dalmatian, 224)


# How much is needed


def test_the_smallest_epsilon_does_and_the_failed_one_does_not(tiny, noise, answers):
    goal, settings = Goal(answers[0], targeted=False), Settings(steps=10)
    needed = finish(robustness.smallest_epsilon(tiny, noise[:1], goal, settings, most=255))
    assert needed.epsilon is not None
    assert needed.failed < needed.epsilon
    assert (needed.epsilon - needed.failed) / needed.epsilon <= 0.125
    assert robustness.holds_when_saved(tiny, needed.attempt)
    less = replace(settings, epsilon=needed.failed, stop_early=True)
    failed = finish(attack(tiny, noise[:1], goal, less))
    assert not robustness.holds_when_saved(tiny, failed)
    # Before rounding it may be less, or more: rounding makes a whole step of most of one.
    assert needed.unrounded is not None
    just = replace(settings, epsilon=needed.unrounded, stop_early=True)
    assert finish(attack(tiny, noise[:1], goal, just)).success


def test_a_photo_that_is_seen_as_wanted_needs_nothing(tiny, noise, answers):
    goal = Goal(answers[0], targeted=True)
    needed = finish(robustness.smallest_epsilon(tiny, noise[:1], goal, Settings()))
    assert needed.epsilon == 0
    assert torch.equal(needed.attempt.adversarial, noise[:1])


def test_what_does_not_suffice_is_said(tiny, noise, answers):
    goal = Goal(answers[0], targeted=False)
    search = robustness.smallest_epsilon(tiny, noise[:1], goal, Settings(steps=2), most=0.4)
    needed = finish(search)
    assert needed.epsilon is None
    assert needed.failed == needed.most == 0.4


def test_accuracy_falls_with_epsilon_and_agrees_with_single_attacks(tiny, noise, answers):
    wrong = [*answers[:-1], (answers[-1] + 1) % 5]
    settings = Settings(steps=6)
    points = finish(
        robustness.accuracy_under_attack(tiny, noise, wrong, settings, (8, 0, 0.25, 128))
    )
    assert [p.epsilon for p in points] == [0, 0.25, 8, 128]
    assert points[0].accuracy == points[0].accuracy_saved == pytest.approx(5 / 6)
    # Changes of less than half a step of 8 bits are rounded away.
    saved = noise.mul(255).round().div(255)
    still = (tiny.probabilities(saved).argmax(-1) == torch.tensor(wrong)).float().mean()
    assert points[1].accuracy_saved <= still
    for values in ([p.accuracy for p in points], [p.accuracy_saved for p in points]):
        assert values == sorted(values, reverse=True)
    for point in points[2:]:
        held = 0
        for picture, true in zip(noise, wrong, strict=True):
            chosen = replace(settings, epsilon=point.epsilon, stop_early=True)
            goal = Goal(true, targeted=False)
            attempt = finish(attack(tiny, picture[None], goal, chosen))
            held += not robustness.holds_when_saved(tiny, attempt)
        assert point.accuracy_saved <= held / 6


def test_the_sample_album_knows_what_it_shows(lite0):
    found = album.read(lite0, album.samples())
    assert found.pictures.shape == (20, 3, 224, 224)
    assert not found.from_network
    assert found.classes[16] == 251


def save(path, size=(20, 20), mode="RGB", **options):
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.new(mode, size, 128).save(path, **options)


def test_a_folder_is_read_with_its_class_names_and_bad_files_are_told(tiny, tmp_path):
    save(tmp_path / "class 1" / "a.png")
    save(tmp_path / "class 3" / "one.png", (1, 1))
    (tmp_path / "class 3" / "broken.jpg").write_bytes(b"no picture")
    found = album.read(tiny, album.in_folder(tmp_path))
    assert found.classes == (1, 3)
    assert not found.from_network
    assert [name for name, _ in found.skipped] == ["class 3/broken.jpg"]


def test_without_class_names_the_network_is_asked(tiny, tmp_path):
    save(tmp_path / "grey.png", mode="L")
    save(tmp_path / "clear.png", mode="RGBA")
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    found = album.read(tiny, album.in_folder(tmp_path))
    assert found.from_network
    assert len(found.names) == 3
    assert found.classes == tuple(tiny.probabilities(found.pictures).argmax(-1).tolist())


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_photos_is_refused(tiny, tmp_path, there):
    folder = tmp_path if there else tmp_path / "nowhere"
    with pytest.raises(Problem, match=r"no photo|no folder"):
        album.read(tiny, album.in_folder(folder))


# What helps


@pytest.mark.parametrize("name", DEFENCES)
@pytest.mark.parametrize("side", [1, 3, 16])
def test_every_defence_keeps_size_and_range_and_lets_gradients_through(name, side):
    pictures = torch.rand(2, 3, side, side, generator=seeded(), requires_grad=True)
    changed = DEFENCES[name].apply(pictures, seeded(1))
    assert changed.shape == pictures.shape
    assert changed.min() >= -1e-6
    assert changed.max() <= 1 + 1e-6
    (gradient,) = torch.autograd.grad(changed.square().sum(), pictures)
    assert gradient.abs().sum() > 0


def test_jpeg_is_that_of_the_saved_file():
    pictures = torch.rand(1, 3, 16, 16, generator=seeded())
    saved = photos.encode_jpeg(photos.to_pixels(pictures), 75)
    expected = photos.to_tensor(Image.open(io.BytesIO(saved)))
    assert torch.equal(DEFENCES["jpeg"].apply(pictures, seeded()), expected)


def test_blur_is_scipys():
    from scipy.ndimage import gaussian_filter

    pictures = torch.rand(1, 3, 20, 20, generator=seeded())
    ours = defences.Blur(1.0).apply(pictures, seeded())[0]
    theirs = gaussian_filter(pictures[0].numpy(), (0, 1, 1), radius=(0, 3, 3), mode="mirror")
    assert np.abs(ours.numpy() - theirs).max() < 1e-5


def test_past_a_defence_without_gradient_the_gradient_is_passed_on():
    pictures = torch.rand(1, 3, 8, 8, generator=seeded(), requires_grad=True)
    weights = torch.rand(1, 3, 8, 8, generator=seeded(1))
    changed = DEFENCES["bits"].apply(pictures, seeded())
    (gradient,) = torch.autograd.grad((weights * changed).sum(), pictures)
    assert torch.equal(gradient, weights)


def test_dice_are_averaged_as_probabilities(tiny, noise):
    defended = Defended(tiny, DEFENCES["crops"], draws=3, seed=5)
    generator = seeded(5)
    drawn = [tiny(DEFENCES["crops"].apply(noise, generator)).softmax(-1) for _ in range(3)]
    assert torch.allclose(defended(noise).softmax(-1), torch.stack(drawn).mean(0), atol=1e-4)


def test_an_adaptive_attack_goes_through_what_stops_an_unaware_one(lite0, prepared):
    goal = Goal(281, targeted=True, true_id=251)
    settings = Settings(epsilon=4, steps=8)
    found = finish(defences.compare(lite0, prepared, [251], settings, names=["blur"], goals=[goal]))
    none, blur = found
    assert none.clean == blur.clean == 1
    assert none.fooled == none.fooled_adaptive == 1
    assert blur.fooled == 0  # the unaware attacker's change is blurred away …
    assert blur.fooled_adaptive == 1  # … and the adaptive one's is not


# Attacks from foolbox


@pytest.fixture
def brightest(make_tiny):
    """Says which of red, green and blue is the brightest."""
    network = nn.Sequential(
        nn.Conv2d(3, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3)
    )
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(3)[..., None, None])
        network[3].weight.copy_(10 * torch.eye(3))
        for layer in (network[0], network[3]):
            layer.bias.zero_()
    return make_tiny(network)


@pytest.mark.parametrize("name", foolbox_adapter.METHODS)
def test_foolboxs_attacks_fool_with_the_saved_picture(brightest, name):
    reddish = torch.full((1, 3, 16, 16), 0.4)
    reddish[:, 0] = 0.6
    rounds = {"boundary": 60, "hopskipjump": 2}.get(name)
    goal = Goal(0, targeted=False)
    steps = list(foolbox_adapter.attack(brightest, reddish, goal, name, rounds=rounds))
    found = steps[-1].result
    assert found.success
    assert robustness.holds_when_saved(brightest, found)
    length = torch.linalg.vector_norm(found.adversarial - found.original).item()
    assert found.settings.epsilon == pytest.approx(length, rel=1e-5)
    assert len(steps) > 1
    assert found.adversarial.min() >= 0
    assert found.adversarial.max() <= 1


def test_what_the_adapter_finds_is_what_foolbox_finds(tiny, noise, answers):
    import foolbox

    goal = Goal((answers[0] + 1) % 5, targeted=True)
    criterion = foolbox.criteria.TargetedMisclassification(torch.tensor([goal.class_id]))
    model = foolbox.PyTorchModel(tiny, bounds=(0, 1))
    theirs = foolbox.attacks.DDNAttack(steps=30).run(model, noise[:1], criterion)
    ours = list(foolbox_adapter.attack(tiny, noise[:1], goal, "ddn", rounds=30))[-2].result
    assert torch.allclose(ours.adversarial, theirs, atol=1e-3)


def test_what_cannot_be_aimed_says_so(tiny, noise):
    with pytest.raises(Problem, match="only lead away"):
        next(foolbox_adapter.attack(tiny, noise[:1], Goal(1, targeted=True), "deepfool"))


def plain_file(name: str, colour: str) -> album.PhotoFile:
    pixels = np.asarray(Image.new("RGB", (16, 16), colour))
    return album.PhotoFile(name, lambda: photos.encode_png(pixels))


@pytest.mark.parametrize(("name", "rounds"), [("boundary", 60), ("hopskipjump", 2)])
def test_answers_alone_lead_to_a_class_from_a_photo_of_it(brightest, name, rounds):
    reddish = torch.full((1, 3, 16, 16), 0.4)
    reddish[:, 0] = 0.6
    goal = Goal(2, targeted=True, true_id=0)
    files = [plain_file("far", "blue"), plain_file("near", "#404050"), plain_file("no", "green")]
    begin = returned(starting_point(brightest, reddish, goal, files))
    assert begin[0, :, 0, 0].mul(255).round().tolist() == [0x40, 0x40, 0x50]
    steps = foolbox_adapter.attack(brightest, reddish, goal, name, rounds=rounds, start=begin)
    found = finish(steps)
    assert found.success
    assert robustness.holds_when_saved(brightest, found)
    assert (found.adversarial - reddish).norm() < (begin - reddish).norm()


def test_without_a_photo_of_the_class_the_classes_that_there_are_get_named(brightest):
    goal = Goal(2, targeted=True, true_id=0)
    files = [plain_file("a", "red"), plain_file("b", "lime")]
    with pytest.raises(Problem, match=r"takes for class 2 already.*there is: class 1\."):
        returned(starting_point(brightest, torch.zeros(1, 3, 16, 16), goal, files))


def test_the_photos_at_hand_are_those_of_the_app(lite0):
    files = at_hand()
    assert len({file.name for file in files}) == len(files) > 20
    seen = album.read(lite0, [file for file in files if file.name == "cat"])
    assert "cat" in lite0.labels[seen.classes[0]]


def test_of_too_many_photos_some_of_every_part_are_read(tiny):
    files = [plain_file(str(i), "red") for i in range(10)]
    found = returned(album.reading(tiny, files, most=3))
    assert found.names == ("0", "3", "6")


def test_nothing_that_can_be_read_is_said(tiny):
    broken = album.PhotoFile("x.png", lambda: b"no picture")
    with pytest.raises(Problem, match="no photo that can be read"):
        album.read(tiny, [broken])


def test_networks_are_compared_on_the_same_photos(tiny, brightest, noise, answers):
    networks = {"one": tiny, "other": brightest}
    settings, epsilons = Settings(steps=3), (0, 8)
    steps = list(robustness.accuracy_by_network(networks, noise, [1] * 6, settings, epsilons))
    for name, network in networks.items():
        alone = robustness.accuracy_under_attack(network, noise, [1] * 6, settings, epsilons)
        assert steps[-1].result[name] == finish(alone)
    assert steps[-1].index == steps[-1].total


def test_leaving_an_attack_ends_foolboxs_thread(tiny, noise, answers):
    goal = Goal(answers[0], targeted=False)
    steps = foolbox_adapter.attack(tiny, noise[:1], goal, "boundary", rounds=500)
    for _ in range(5):
        next(steps)
    steps.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("foolbox")]


def test_a_photo_that_is_wrong_already_needs_no_change(tiny, noise, answers):
    goal = Goal((answers[0] + 1) % 5, targeted=False)
    for name in ("deepfool", "ddn"):
        found = list(foolbox_adapter.attack(tiny, noise[:1], goal, name, rounds=5))[-1].result
        assert found.success


# Masks


def test_masks_cover_what_they_say(tiny, noise):
    def mask(name, **options):
        return mask_for(name, tiny, noise[:1], **options)

    assert mask("everywhere") is None
    patch = mask("patch", place=(0.5, 0.0), side=0.25)
    assert patch.sum() == 16
    assert patch[..., :4, 8:12].all()
    corner = mask("patch", place=(1, 1), side=0.5)
    assert corner[..., 8:, 8:].all()
    frame = mask("frame")
    assert frame[..., 0, :].all()
    assert not frame[..., 8, 8].any()
    assert mask_for("frame", tiny, torch.zeros(1, 3, 1, 1)).shape == (1, 1, 1, 1)


def test_the_background_is_not_where_the_dog_is(lite0, prepared):
    mask = background(lite0, prepared)
    assert mask.shape == (1, 1, 224, 224)
    assert set(mask.unique().tolist()) == {0, 1}
    assert mask[..., 80:144, 80:144].mean() < mask.mean()
    edges = torch.cat([mask[..., :20, :].flatten(), mask[..., -20:, :].flatten()])
    assert edges.mean() > 0.7


# Stickers


def test_a_sticker_lies_where_it_was_put():
    red = torch.zeros(1, 3, 64, 64)
    red[:, 0] = 1
    place = sticker.Placement(x=0.75, y=0.25, size=0.5, degrees=0)
    laid = sticker.lay(red, torch.zeros(1, 3, 80, 80), [place])[0, 0]
    assert laid[20, 60].item() == pytest.approx(1, abs=1e-4)
    assert laid[40:].max() == 0
    assert laid[:, :39].max() == 0
    area = torch.pi * 20**2
    assert laid.sum().item() == pytest.approx(area, rel=0.03)


def test_a_turn_turns_the_sticker():
    half = torch.zeros(1, 3, 64, 64)
    half[..., :32, :] = 1  # bright above
    black = torch.zeros(1, 3, 64, 64)
    turned = sticker.lay(half, black, [sticker.Placement(0.5, 0.5, 0.9, 180)])[0, 0]
    assert turned[48, 32].item() == pytest.approx(1, abs=1e-4)
    assert turned[16, 32].item() == pytest.approx(0, abs=1e-4)


def test_gradients_flow_to_the_sticker_only_inside_the_disc():
    sticker_ = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    place = sticker.Placement(0.5, 0.5, 0.8, 10)
    laid = sticker.lay(sticker_, torch.zeros(1, 3, 64, 64), [place])
    (gradient,) = torch.autograd.grad(laid.sum(), sticker_)
    assert gradient[..., 16, 16].min() > 0
    assert F.relu(gradient[..., 0, 0]).max() == 0


def test_a_sticker_gets_better_at_its_class(tiny, noise, answers):
    rare = (answers[0] + 1) % 5
    settings = sticker.StickerSettings(steps=30, sizes=(0.7, 0.9))
    steps = list(sticker.make(tiny, noise, rare, settings))
    shares = [step.scalars["probability"] for step in steps]
    assert np.mean(shares[-5:]) > np.mean(shares[:5])
    made = steps[-1].result
    assert made.success is not None
    assert made.example.shape == (16, 16, 3)
    again = list(sticker.make(tiny, noise, rare, settings))[-1].result
    assert (again.pixels == made.pixels).all()


def test_a_sticker_is_printed_round_and_in_its_size():
    png = sticker.printable(np.full((128, 128, 3), 200, np.uint8), centimetres=5.08)
    printed = Image.open(io.BytesIO(png))
    assert printed.size == (600, 600)
    assert printed.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    alpha = np.asarray(printed)[..., 3]
    assert alpha[0, 0] == 0
    assert alpha[300, 300] == 255


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"sizes": (0.5, 0.3)}, {"degrees": 400}, {"seed": -1}], ids=str
)
def test_a_sticker_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(Problem, match="must lie between"):
        sticker.StickerSettings(**wrong)


# On the command line


@pytest.fixture
def photo(dalmatian, tmp_path) -> str:
    path = tmp_path / "dalmatian.png"
    dalmatian.save(path)
    return str(path)


@pytest.fixture
def command(capsys):
    def run(*arguments: str) -> dict:
        assert main([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_the_command_writes_the_ledger_of_the_picture_it_saves(command, photo, tmp_path):
    out, table = tmp_path / "x.png", tmp_path / "ledger.csv"
    answer = command(
        *("attack", photo, "--target", "tabby", "--out", str(out), "--ledger", str(table)),
        *("--method", "mifgsm", "--steps", "6", "--stop-early"),
    )
    (row,) = csv.DictReader(io.StringIO(table.read_text("utf-8-sig")))
    assert row["attack"] == "mifgsm"
    assert row["success"] == "True"
    assert row["after"] == answer["after"][0]["class_name"] == "tabby"
    assert row["linf_255"] == str(answer["linf"])


def test_the_command_attacks_through_a_defence_in_a_patch(command, photo, tmp_path):
    out = tmp_path / "x.png"
    answer = command(
        *("attack", photo, "--target", "none", "--out", str(out), "--eps", "255"),
        *("--steps", "6", "--mask", "patch", "--patch", "0.3", "0.3", "0.4", "--through", "jpeg"),
    )
    assert answer["success_through_defence"]
    before = photos.to_pixels(photos.prepare(photos.read_sample("dalmatian"), 224)).astype(int)
    change = np.abs(np.asarray(Image.open(out)).astype(int) - before)
    assert change[70:150, 70:150].max() > 0
    assert change[:60].max() == change[:, :60].max() == 0


def test_the_command_finds_the_smallest_epsilon(command, photo, tmp_path):
    answer = command(
        *("attack", photo, "--target", "none", "--out", str(tmp_path / "x.png")),
        *("--smallest", "--steps", "5"),
    )
    assert 0 < answer["smallest_eps"] < 4
    assert answer["success_after_png"]


def test_the_command_uses_foolboxs_attacks(command, photo, tmp_path):
    answer = command(
        *("attack", photo, "--target", "none", "--out", str(tmp_path / "x.png")),
        *("--method", "ddn", "--steps", "8"),
    )
    assert answer["success_after_png"]
    assert answer["l2"] < 2


def test_the_command_aims_from_answers_alone_and_asks_another_network(command, photo, tmp_path):
    begin = tmp_path / "strawberries.png"
    photos.read_sample("strawberries").save(begin)
    answer = command(
        *("attack", photo, "--target", "strawberry", "--out", str(tmp_path / "x.png")),
        *("--method", "boundary", "--steps", "3", "--start", str(begin)),
        *("--others", "efficientnet_lite2"),
    )
    assert answer["success_after_png"]
    assert answer["after"][0]["class_name"] == "strawberry"
    assert answer["ledger"]["transfer"].startswith("efficientnet_lite2: ")


def test_the_command_measures_a_folder(command, tmp_path):
    folder = tmp_path / "photos" / "dalmatian"
    folder.mkdir(parents=True)
    photos.read_sample("dalmatian").save(folder / "a.png")
    save(tmp_path / "photos" / "dalmatian" / "b.png", (1, 1))
    answer = command("robustness", str(tmp_path / "photos"), "--eps", "0", "2", "--steps", "4")
    assert answer["photos"] == 2
    assert answer["classes_from"] == "names"
    assert [p["accuracy"] for p in answer["curve"]] == [0.5, 0]


def test_the_command_makes_a_sticker(command, tmp_path):
    folder, out = tmp_path / "photos", tmp_path / "sticker.png"
    save(folder / "a.png")
    answer = command(
        *("sticker", str(folder), "--target", "toaster", "--out", str(out)),
        *("--steps", "2", "--centimetres", "2"),
    )
    assert answer["target"] == "toaster"
    assert Image.open(out).mode == "RGBA"


@pytest.mark.parametrize(
    "wrong",
    [
        ("attack", "PHOTO", "--target", "tabby", "--method", "deepfool"),
        ("attack", "PHOTO", "--target", "tabby", "--method", "hopskipjump"),  # no tabby at hand
        ("attack", "PHOTO", "--target", "tabby", "--method", "ddn", "--smallest"),
        ("attack", "PHOTO", "--target", "tabby", "--mask", "patch", "--patch", "2", "0", "1"),
        ("attack", "PHOTO", "--target", "tabby", "--method", "pgd", "--restarts", "99"),
        ("robustness", "/nowhere"),
        ("robustness", "--eps", "-1"),
        ("sticker", "--target", "unicornium"),
        ("sticker", "--target", "tabby", "--steps", "0"),
        ("sticker", "--target", "tabby", "--centimetres", "0"),
    ],
    ids=" ".join,
)
def test_the_command_refuses_in_one_line(wrong, photo, tmp_path, capsys):
    arguments = [photo if a == "PHOTO" else a for a in wrong]
    out = [] if wrong[0] == "robustness" else ["--out", str(tmp_path / "x.png")]
    assert main([*arguments, *out]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "x.png").exists()
