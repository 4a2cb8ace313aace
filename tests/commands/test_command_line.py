"""The command line: one JSON object on stdout, one line on stderr for what a person did wrong."""

from __future__ import annotations

import json
import runpy
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.__main__ import main
from core.data import sources
from core.images import photos
from core.zoo import catalogue, weights

ROOT = Path(__file__).parents[2]


@pytest.fixture
def photo(tmp_path, dalmatian) -> str:
    """A dalmatian in a file, under a name that would confuse careless formatting."""
    path = tmp_path / "spots {0}.png"
    dalmatian.save(path)
    return str(path)


@pytest.fixture
def colours(tmp_path) -> str:
    """A folder with reddish and bluish noise, and one file that is no picture."""
    chance = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        (tmp_path / "colours" / name).mkdir(parents=True)
        for i in range(5):
            noise = chance.integers(0, 100, (32, 32, 3), dtype=np.uint8)
            noise[..., channel] += 150
            Image.fromarray(noise).save(tmp_path / "colours" / name / f"{i}.png")
    (tmp_path / "colours" / "red" / "broken.jpg").write_bytes(b"not a picture")
    return str(tmp_path / "colours")


@pytest.fixture
def run(capsys):
    """Run a verb that must succeed, and give its JSON object."""

    def run_(*arguments: str) -> dict:
        code = main([*arguments, "--json"])
        said = capsys.readouterr()
        assert (code, said.err) == (0, "")
        assert said.out.count("\n") == 1
        answer = json.loads(said.out)
        assert isinstance(answer, dict)
        return answer

    return run_


@pytest.fixture
def refused(capsys):
    """Run a verb that must be refused, and give the one line on stderr."""

    def refused_(*arguments: str) -> str:
        code = main([*arguments, "--json"])
        said = capsys.readouterr()
        # Pages that this process opened in other tests log their numbers once a minute.
        err = "".join(x for x in said.err.splitlines(True) if not x.startswith('{"time"'))
        assert (code, said.out) == (2, "")
        assert err.startswith("core: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        return err

    return refused_


# What the verbs promise


def test_models_lists_every_network_and_which_are_there(run):
    models = run("models")["models"]
    assert [model["name"] for model in models] == [e.name for e in catalogue.ENTRIES]
    assert [model["name"] for model in models if model["present"]] == list(catalogue.BUILT_IN)
    keys = "name title source parameters weights_bytes licence present file"
    assert all(set(model) == set(keys.split()) for model in models)


def test_classify_names_the_dalmatian(run, photo):
    answer = run("classify", photo, "--top", "3")
    assert answer["model"] == "efficientnet_lite0"
    assert [set(p) for p in answer["predictions"]] == [
        {"class_id", "class_name", "probability"}
    ] * 3
    assert answer["predictions"][0]["class_name"] == "dalmatian"
    probabilities = [p["probability"] for p in answer["predictions"]]
    assert probabilities == sorted(probabilities, reverse=True)


def test_classify_takes_another_network(run, photo):
    answer = run("classify", photo, "--model", "lite1")
    assert answer["model"] == "efficientnet_lite1"
    assert len(answer["predictions"]) == 5


def test_features_saves_a_mosaic(run, photo, tmp_path):
    out = tmp_path / "maps.png"
    answer = run("features", photo, "--out", str(out), "--layer", "blocks.2.1", "--channels", "7")
    assert set(answer) == {"model", "layer", "shape", "channels", "file"}
    assert (answer["layer"], answer["shape"]) == ("blocks.2.1", [40, 28, 28])
    assert len(set(answer["channels"])) == 7
    assert answer["file"] == str(out)
    assert photos.decode(out.read_bytes(), "maps").width > 200


def test_features_explains_one_number(run, photo):
    found = run("features", photo, "--explain", "blocks.2.1:3:10:12")
    assert set(found) == {"model", "explain"}
    convolution, added = found["explain"]["operations"]
    assert (convolution["operation"], added["operation"]) == ("convolution", "sum")
    assert len(convolution["channels"]) == 10
    assert convolution["others"]["channels"] == 230
    for channel in convolution["channels"]:  # kernels of 1×1
        product = channel["patch"][0][0] * channel["kernel"][0][0]
        assert channel["contribution"] == pytest.approx(product)
    shown = sum(channel["contribution"] for channel in convolution["channels"])
    together = shown + convolution["others"]["contribution"] + convolution["bias"]
    assert together == pytest.approx(convolution["result"], abs=1e-4)
    assert "blocks.2.0" in [term["from"] for term in added["terms"]]
    value = sum(term["value"] for term in added["terms"])
    assert found["explain"]["value"] == pytest.approx(value, abs=1e-4)

    # What an answer names can be asked for in turn, down to the photo; null is the padding.
    inner = f"{convolution['from']}:{convolution['channels'][0]['channel']}:10:12"
    *_, activation = run("features", photo, "--explain", inner)["explain"]["operations"]
    assert activation["result"] == convolution["channels"][0]["patch"][0][0]
    (corner,) = run("features", photo, "--explain", "conv_stem:3:111:111")["explain"]["operations"]
    assert corner["from"] == "photo"
    assert corner["channels"][0]["patch"][2] == [None, None, None]
    (pixel,) = run("features", photo, "--explain", "photo:0:222:222")["explain"]["operations"]
    (red,) = [channel for channel in corner["channels"] if channel["channel"] == 0]
    assert pixel["result"] == pytest.approx(red["patch"][0][0])


def test_features_tells_what_feeds_a_channel(run, photo):
    found = run("features", photo, "--fed-by", "blocks.2.1:3")["fed_by"]
    assert len(found["contributions"]) == 10
    amounts = [c["amount"] for c in found["contributions"]]
    assert sorted(amounts, key=abs, reverse=True) == amounts
    total = sum(amounts) + found["others"]["amount"] + found["bias"]
    assert total == pytest.approx(found["total"])
    assert found["others"]["channels"] == 240 + 1 - 10  # one comes by the residual connection


def test_features_answers_without_some_channels(run, photo):
    asked = ("--without", "conv_head:3,17", "--without", "blocks.2.1:4", "--without", "conv_head:5")
    found = run("features", photo, *asked)["without"]
    assert found["off"] == [
        {"layer": "conv_head", "channels": [3, 5, 17]},
        {"layer": "blocks.2.1", "channels": [4]},
    ]
    assert found["predictions"] == run("classify", photo)["predictions"]
    assert found["predictions_without"] != found["predictions"]


def test_what_features_tells_is_also_written_for_people(photo, capsys):
    asked = ("--explain", "conv_stem:3:111:111", "--fed-by", "conv_stem:3")
    assert main(["features", photo, *asked, "--without", "conv_stem:3"]) == 0
    said = capsys.readouterr().out
    assert "convolution over 3 channels of photo, from row 222 and column 222" in said
    assert "·" in said
    assert "conv_stem:3 is fed by" in said
    assert "off: conv_stem: 3" in said
    assert said.count("dalmatian") == 2


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ([], "--out"),
        (["--explain", "conv_stem:3:1"], "LAYER:CHANNEL:ROW:COLUMN is meant"),
        (["--explain", "conv_stem:3:1:-1"], "LAYER:CHANNEL:ROW:COLUMN is meant"),
        (["--explain", "conv_stem:32:0:0"], "32 channels of 112×112"),
        (["--explain", "unicorn:0:0:0"], "no layer called unicorn"),
        (["--fed-by", "conv_stem"], "LAYER:CHANNEL is meant"),
        (["--fed-by", "conv_stem:32"], "32 channels"),
        (["--fed-by", "photo:0"], "fed by nothing"),
        (["--fed-by", "global_pool_flatten:0"], "has no maps"),
        (["--without", "conv_stem:3,"], "LAYER:CHANNEL,CHANNEL is meant"),
        (["--without", "conv_stem:1,32"], "32 channels"),
        (["--without", "conv_stem:" + 5000 * "1"], "is meant"),
    ],
    ids=lambda x: " ".join(x)[:40] if isinstance(x, list) else "",
)
def test_features_refuses_a_place_that_is_not_there(refused, photo, asked, told):
    assert told in refused("features", photo, *asked)


def test_ideal_saves_a_picture_with_its_recipe(run, tmp_path):
    out = tmp_path / "cat.png"
    answer = run(
        *("ideal", "--class", "siamese", "--out", str(out)),
        *("--steps", "3", "--size", "64", "--seed", "5", "--tv", "1.5"),
    )
    keys = "model class_id class_name probability opinions seconds ms_per_step file"
    assert set(answer) == set(keys.split())
    assert (answer["class_id"], answer["class_name"]) == (284, "Siamese cat")
    assert [opinion["model"] for opinion in answer["opinions"]] == list(catalogue.BUILT_IN[1:])
    with Image.open(out) as opened:
        recipe = json.loads(opened.text[photos.RECIPE_KEY])
        assert opened.size == (64, 64)
    settings = recipe["settings"]
    assert (settings["steps"], settings["seed"], settings["tv"]) == (3, 5, 1.5)


def test_ideal_draws_the_same_picture_again(run, tmp_path):
    pixels = []
    for name in ("one.png", "two.png"):
        arguments = ("--class", "284", "--steps", "2", "--size", "64", "--preset", "lesson")
        run("ideal", *arguments, "--out", str(tmp_path / name))
        pixels.append(np.asarray(Image.open(tmp_path / name)))
    assert np.array_equal(*pixels)


def test_ideal_draws_from_a_pictures_recipe(run, tmp_path):
    first, again = tmp_path / "first.png", tmp_path / "again.png"
    run(
        *("ideal", "--class", "zebra", "--and", "tabby", "--share", "0.3", "--canvas", "phase"),
        *("--steps", "3", "--size", "64", "--blur", "1", "--scale", "1", "1.2", "--photo", "cat"),
        *("--out", str(first)),
    )
    answer = run("ideal", "--recipe", str(first), "--out", str(again))
    assert answer["identical"] is True
    assert np.array_equal(*(np.asarray(Image.open(path)) for path in (first, again)))


def test_ideal_draws_a_channel_and_its_time_lapse(run, tmp_path):
    film = tmp_path / "film.gif"
    answer = run(
        *("ideal", "--channel", "blocks.1.0:3", "--steps", "5", "--size", "64"),
        *("--out", str(tmp_path / "channel.png"), "--timelapse", str(film)),
    )
    assert answer["class_id"] is None
    assert answer["opinions"] == []
    with Image.open(film) as opened:
        assert opened.n_frames == 3


@pytest.mark.parametrize(
    "wrong",
    [
        ("--channel", "blocks.1.0"),
        ("--channel", "blocks.1.0:99999"),
        ("--channel", "unicorn:1"),
        ("--class", "zebra", "--and", "unicornium"),
        ("--class", "zebra", "--and", "tabby", "--share", "2"),
        ("--class", "zebra", "--photo", "nowhere.jpg"),
        ("--class", "zebra", "--scale", "3", "1"),
        ("--class", "zebra", "--timelapse", "film.mp4"),
    ],
    ids=" ".join,
)
def test_ideal_with_what_cannot_be_drawn(refused, tmp_path, wrong):
    refused("ideal", *wrong, "--steps", "2", "--size", "64", "--out", str(tmp_path / "x.png"))


def test_invert_rebuilds_a_photo_from_a_layer_and_ideal_draws_it_again(run, photo, tmp_path):
    first, film = tmp_path / "first.png", tmp_path / "film.gif"
    answer = run(
        *("invert", photo, "--layer", "conv_stem", "--steps", "5", "--tv", "100"),
        *("--out", str(first), "--timelapse", str(film)),
    )
    keys = "model layer way similarity difference strength steps seconds file"
    assert set(answer) == set(keys.split())
    assert (answer["layer"], answer["way"], answer["steps"]) == ("conv_stem", "rebuild", 5)
    assert 0 < answer["similarity"] < 1
    assert film.stat().st_size
    again = run("ideal", "--recipe", str(first), "--out", str(tmp_path / "again.png"))
    assert again["identical"] is True


def test_invert_makes_a_caricature_without_saving_anything(run):
    answer = run("invert", "cat", "--layer", "blocks.2.1", "--caricature", "--steps", "4")
    assert "file" not in answer
    assert answer["strength"] > 1


@pytest.mark.parametrize(
    "wrong",
    [
        ("nowhere.jpg",),
        ("cat", "--layer", "unicorn"),
        ("cat", "--steps", "0"),
        ("cat", "--timelapse", "film.mp4"),
    ],
    ids=" ".join,
)
def test_invert_with_what_cannot_be_rebuilt(refused, wrong):
    refused("invert", *wrong)


def test_ideal_from_a_picture_without_a_recipe(refused, tmp_path, photo):
    assert "no recipe" in refused("ideal", "--recipe", photo, "--out", str(tmp_path / "x.png"))


def test_attack_saves_the_very_photo_that_it_reports_on(run, photo, tmp_path):
    out = tmp_path / "fooled.png"
    answer = run("attack", photo, "--target", "tabby", "--steps", "15", "--out", str(out))
    keys = "model target before after success success_after_png linf l2 seconds file"
    assert set(answer) == set(keys.split())
    assert answer["success"] is True
    assert answer["success_after_png"] is True
    assert answer["target"] == "tabby"
    assert answer["linf"] <= 4
    saved = run("classify", str(out))["predictions"]
    assert saved[0]["class_name"] == "tabby"
    assert saved[0]["probability"] == pytest.approx(answer["after"][0]["probability"], rel=1e-3)


def test_attack_without_a_target_and_in_l2(run, photo, tmp_path):
    out = tmp_path / "fooled.png"
    answer = run(
        *("attack", photo, "--target", "none", "--out", str(out)),
        *("--norm", "l2", "--eps", "3", "--steps", "6"),
    )
    assert answer["target"] is None
    assert answer["success"] is True
    assert answer["after"][0]["class_name"] != "dalmatian"
    assert answer["l2"] <= 3.5  # rounding to 8 bits may add a little


def test_train_saves_a_network_that_classify_can_use(run, colours, photo, tmp_path):
    out = tmp_path / "mine"
    answer = run("train", colours, "--out", str(out), "--per-class", "3", "--epochs", "5")
    keys = (
        "model classes way ways n_train n_val val_accuracy val_interval_95 seconds skipped folder"
    )
    assert set(answer) == set(keys.split())
    assert answer["classes"] == ["blue", "red"]
    assert answer["n_train"] + answer["n_val"] == 10
    assert answer["val_accuracy"] == 1.0
    (skipped,) = answer["skipped"]
    assert skipped["file"] == "red/broken.jpg"
    assert "not a picture" in skipped["reason"]
    assert Path(answer["folder"]) == out

    reddish = str(Path(colours) / "red" / "0.png")
    seen = run("classify", reddish, "--model", str(out))
    assert seen["model"] == "own"
    assert [p["class_name"] for p in seen["predictions"]] == ["red", "blue"]


def test_data_lists_every_data_set_and_which_are_there(run, torch_home):
    found = run("data")["data"]
    assert [one["name"] for one in found] == [known.name for known in sources.SOURCES]
    assert [one["name"] for one in found if one["present"]] == ["digits", "faces"]
    (ants,) = (one for one in found if one["name"] == "ants-bees")
    assert ants["files"] == "hymenoptera_data.zip"
    assert ants["folder"] == str(torch_home / "datasets")


def test_data_looks_through_a_folder(run, colours):
    found = run("data", str(colours))
    assert [one["name"] for one in found["classes"]] == ["blue", "red"]
    assert len(found["unreadable"]) == 1
    assert found["balance"] == pytest.approx(
        min(one["photos"] for one in found["classes"])
        / max(one["photos"] for one in found["classes"])
    )


def test_train_compares_all_ways_with_tricks(run, colours, tmp_path):
    answer = run(
        *("train", str(colours), "--out", str(tmp_path / "mine"), "--way", "all"),
        *("--epochs", "1", "--blocks", "1", "--optimiser", "momentum", "--dropout", "0.2"),
        *("--clip", "1", "--schedule", "warm-up", "--no-augmentation", "--per-class", "2"),
    )
    assert [way["way"] for way in answer["ways"]] == ["head", "blocks", "scratch"]
    assert answer["way"] in ("head", "blocks", "scratch")
    assert answer["val_accuracy"] == max(way["val_accuracy"] for way in answer["ways"])


def test_train_takes_a_data_set_by_its_name(run, tmp_path):
    answer = run(
        *("train", "--data", "faces", "--most", "5", "--epochs", "5"),
        *("--out", str(tmp_path / "mine")),
    )
    assert answer["classes"] == ["face", "no face"]
    assert (answer["n_train"], answer["n_val"]) == (6, 4)


@pytest.fixture(scope="module")
def zip_file(tmp_path_factory, lite0) -> str:
    """What `train --export` saves of a network that tells red from blue."""
    folder = tmp_path_factory.mktemp("export")
    chance = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        (folder / "colours" / name).mkdir(parents=True)
        for i in range(4):
            noise = chance.integers(0, 100, (32, 32, 3), dtype=np.uint8)
            noise[..., channel] += 150
            Image.fromarray(noise).save(folder / "colours" / name / f"{i}.png")
    arguments = ["train", str(folder / "colours"), "--export", str(folder / "mine.zip")]
    assert main([*arguments, "--epochs", "5", "--json"]) == 0
    return str(folder / "mine.zip")


def test_train_exports_a_zip_with_the_whole_network(zip_file):
    with zipfile.ZipFile(zip_file) as opened:
        assert {"network.onnx", "predict.py", "labels.txt"} <= set(opened.namelist())
        card = opened.read("MODEL_CARD.md").decode()
    assert "| Data | colours |" in card
    assert "| head: epochs | 5 |" in card
    assert str(Path(zip_file).parent) not in card  # where photos lie is nobody's business


def test_every_verb_takes_a_zip(run, zip_file, colours, tmp_path):
    reddish = str(Path(colours) / "red" / "0.png")
    seen = run("classify", reddish, "--network", zip_file)
    assert seen["model"] == "own"
    assert seen["predictions"][0]["class_name"] == "red"
    out = ("--out", str(tmp_path / "x.png"))
    attack = ("--target", "blue", "--steps", "2", "--network", zip_file)
    assert run("attack", reddish, *attack, *out)["target"] == "blue"
    assert run("features", reddish, "--network", zip_file, *out)["model"] == "own"
    ideal = ("--class", "red", "--steps", "1", "--size", "64", "--network", zip_file)
    assert run("ideal", *ideal, *out)["class_name"] == "red"


def test_classify_goes_on_after_a_photo_that_cannot_be_read(run, colours):
    files = [str(Path(colours) / "red" / name) for name in ("0.png", "broken.jpg", "1.png")]
    answer = run("classify", *files, "--top", "2")
    assert [photo["file"] for photo in answer["photos"]] == [files[0], files[2]]
    assert [len(photo["predictions"]) for photo in answer["photos"]] == [2, 2]
    (skipped,) = answer["skipped"]
    assert skipped["file"] == files[1]
    assert "is not a picture" in skipped["reason"]


def test_classify_tells_people_which_photo_is_what(capsys, colours):
    files = [str(Path(colours) / name) for name in ("red/0.png", "red/broken.jpg", "blue/0.png")]
    assert main(["classify", *files, "--top", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"  file={files[0]}" in lines
    assert f"  file={files[2]}" in lines
    assert sum("class_name=" in line for line in lines) == 2
    assert any(line.startswith(f"  file={files[1]}  reason=") for line in lines)


def test_without_json_people_get_lines(capsys, photo):
    assert main(["classify", photo]) == 0
    said = capsys.readouterr()
    assert "class_name=dalmatian" in said.out
    assert said.err == ""


# What people get wrong


def test_a_photo_that_is_not_there(refused, tmp_path):
    assert "nowhere.jpg cannot be read" in refused("classify", str(tmp_path / "nowhere.jpg"))


def test_a_folder_in_place_of_a_photo(refused, tmp_path):
    assert "cannot be read" in refused("classify", str(tmp_path))


def test_a_file_that_is_no_photo(refused, tmp_path):
    (tmp_path / "cat.jpg").write_text("meow")
    assert "cat.jpg is not a picture" in refused("classify", str(tmp_path / "cat.jpg"))


def test_an_unknown_network(refused, photo):
    assert "no network called unicorn" in refused("classify", photo, "--model", "unicorn")


def test_a_folder_that_holds_no_trained_network(refused, photo, tmp_path):
    assert "does not hold a network" in refused("classify", photo, "--model", str(tmp_path))


def test_a_zip_that_holds_no_trained_network(refused, photo, tmp_path):
    (tmp_path / "photos.zip").write_bytes(b"PK and so on")
    said = refused("classify", photo, "--network", str(tmp_path / "photos.zip"))
    assert "photos.zip does not hold a network" in said


def test_training_without_a_place_to_save_to(refused, colours):
    assert "Say where to save the network" in refused("train", colours)


def test_a_network_that_cannot_be_downloaded(refused, photo, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv(weights.MIRROR_VARIABLE, "http://127.0.0.1:9")  # nobody listens there
    said = refused("classify", photo, "--model", "resnet18")
    assert "ResNet-18 could not be downloaded" in said
    assert "resnet18-f37072fd.pth" in said


def test_train_on_a_data_set_that_there_is_not(refused, tmp_path):
    out = ("--out", str(tmp_path / "mine"))
    assert "no data set called unicorns" in refused("train", "--data", "unicorns", *out)
    assert "must lie between" in refused("train", "--data", "faces", "--most", "0", *out)


def test_train_on_a_data_set_without_a_network(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv(sources.MIRROR_VARIABLE, "http://127.0.0.1:9")  # nobody listens there
    said = refused("train", "--data", "cats-dogs", "--out", str(tmp_path / "mine"))
    assert "Cats and dogs could not be downloaded" in said
    assert "here already: Handwritten digits, Faces and no faces." in said


@pytest.mark.parametrize("name", ["crane", "unicornium", "", "1000"])
def test_a_class_that_is_unknown_or_not_the_only_one(refused, tmp_path, name):
    assert "alled" in refused("ideal", "--class", name, "--out", str(tmp_path / "x.png"))


@pytest.mark.parametrize(
    "wrong",
    [
        ("--steps", "0"),
        ("--steps", "1000000"),
        ("--size", "8"),
        ("--tv", "nan"),
        ("--tv", "-1"),
        ("--seed", "99999999999999999999999"),
        ("--seed", "-99999999999999999999999"),
    ],
    ids=" ".join,
)
def test_ideal_with_a_number_out_of_range(refused, tmp_path, wrong):
    refused("ideal", "--class", "284", "--out", str(tmp_path / "x.png"), *wrong)
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--eps", "-1"),
        ("--eps", "nan"),
        ("--eps", "inf"),
        ("--steps", "0"),
        ("--target", "dalmatian"),
        ("--target", "unicornium"),
    ],
    ids=" ".join,
)
def test_attack_with_what_makes_no_sense(refused, photo, tmp_path, wrong):
    arguments = ["attack", photo, "--target", "tabby", "--out", str(tmp_path / "x.png")]
    refused(*arguments, *wrong)
    assert not (tmp_path / "x.png").exists()


def test_a_layer_that_is_not_there(refused, photo, tmp_path):
    arguments = ("features", photo, "--layer", "unicorn", "--out", str(tmp_path / "x.png"))
    assert "no layer called unicorn" in refused(*arguments)


def test_a_place_that_cannot_be_written_to(refused, photo, tmp_path):
    nowhere = tmp_path / "nowhere" / "maps.png"
    assert "cannot be written" in refused("features", photo, "--out", str(nowhere))


@pytest.mark.parametrize(
    "wrong", [("--per-class", "0"), ("--epochs", "0"), ("--epochs", "9999")], ids=" ".join
)
def test_train_with_a_number_out_of_range(refused, colours, tmp_path, wrong):
    refused("train", colours, "--out", str(tmp_path / "mine"), *wrong)


def test_train_on_what_is_no_data_set(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    out = ("--out", str(tmp_path / "mine"))
    assert "found: 0. It takes" in refused("train", str(tmp_path / "empty"), *out)
    assert "There is no folder" in refused("train", str(tmp_path / "nowhere"), *out)
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unicorn"],
        ["classify"],
        ["ideal", "--class", "284"],
        ["ideal", "--class", "284", "--out", "x.png", "--steps", "many"],
        ["attack", "x.png", "--target", "tabby", "--out", "y.png", "--norm", "l7"],
        ["models", "--unicorn"],
        ["train", "--out", "x"],
        ["train", "folder", "--data", "faces", "--out", "x"],
    ],
    ids=" ".join,
)
def test_arguments_that_do_not_parse_end_with_2_as_well(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("core: ")
    assert said.err.count("\n") == 1


# As a program: in this one, since another has to import all again


def as_program(monkeypatch, *arguments: str) -> int:
    """Run `python -m core` with arguments, and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["core", *arguments])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "core" / "__main__.py"), run_name="__main__")
    return end.value.code


def test_the_program_prints_its_answer_and_ends_with_0(monkeypatch, capsys):
    assert as_program(monkeypatch, "models", "--json") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert len(json.loads(said.out)["models"]) == len(catalogue.ENTRIES)


def test_the_program_ends_with_2_and_one_line_where_something_is_wrong(
    tmp_path, monkeypatch, capsys
):
    nowhere = str(tmp_path / "nowhere.jpg")
    assert as_program(monkeypatch, "classify", nowhere) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [f"core: {nowhere} cannot be read: No such file or directory."]
