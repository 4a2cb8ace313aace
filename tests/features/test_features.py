"""Feature maps equal the original networks' own, and the mosaic shows them all."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image

from core.features.compare import changes, layer_changes
from core.features.diagram import at_depth, blocks, depth_of, first_filters
from core.features.maps import FeatureMaps, find_layer, observe, ranked, receptive_field
from core.features.max_activation import max_activations
from core.features.mosaic import grid, marked, mosaic, overlay, patches, sheet, spotlight, strip
from core.features.tour import stops
from core.images import photos
from core.problem import Problem
from core.steps import finish
from core.synthesis.thumbnail import SIDE, thumbnails
from core.zoo import catalogue, loading, weights
from core.zoo.graph import Layer

SOMEWHERE = Layer("here", "here", 1, 4, 2, 3, 8)
DARKEST, BRIGHTEST = [0x44, 0x01, 0x54], [0xFD, 0xE7, 0x25]


def maps_of(*rows) -> FeatureMaps:
    """Feature maps given as nested lists."""
    return FeatureMaps(SOMEWHERE, np.array(rows, np.float32))


def some_maps(count: int, side: int = 4) -> FeatureMaps:
    values = np.random.default_rng(0).normal(size=(count, side, side))
    return FeatureMaps(SOMEWHERE, np.abs(values).astype(np.float32))


# The maps


def hooked(network, module_path: str, picture: torch.Tensor) -> torch.Tensor:
    """What a module of the original network puts out, listened to with a hook."""
    heard = []
    network.get_submodule(module_path).register_forward_hook(
        lambda module, given, output: heard.append(output)
    )
    with torch.no_grad():
        network(picture)
    return heard[0][0]


def test_the_built_in_networks_maps_are_timms(lite0, dalmatian):
    entry = catalogue.entry("lite0")
    plain = timm.create_model(entry.architecture).eval()
    stored = torch.load(weights.path(entry), weights_only=True)
    # The file names the same tensors in the same order, as its package's own code does.
    plain.load_state_dict(dict(zip(plain.state_dict(), stored.values(), strict=True)))
    normalised = (photos.prepare(dalmatian, 224) - 0.5) / 0.5
    seen = observe(lite0, dalmatian).maps
    for layer in lite0.layers:
        theirs = hooked(
            plain, layer.name.replace("conv_stem", "bn1").replace("conv_head", "bn2"), normalised
        )
        ours = seen[layer.name].maps
        assert ours.shape == (layer.channels, layer.size, layer.size)
        assert np.abs(ours - theirs.numpy()).max() < 1e-2, layer.name  # of 0 to 6


@pytest.mark.parametrize(
    ("name", "module_paths"),
    [
        ("resnet18", {"conv1": "relu", "maxpool": "maxpool", "layer1.0": "layer1.0"}),
        ("mobilenet_v3_large", {"features.0": "features.0", "features.7": "features.7"}),
    ],
)
def test_a_torchvision_networks_maps_are_torchvisions(name, module_paths, dalmatian):
    entry = catalogue.entry(name)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = torchvision.models.get_model(name, weights=None).eval()
    weights.path(entry).parent.mkdir(parents=True)
    torch.save(plain.state_dict(), weights.path(entry))
    network = loading.load(name)
    normalised = torchvision.transforms.functional.normalize(
        photos.prepare(dalmatian, 224), entry.mean, entry.std
    )
    for layer_name, module_path in module_paths.items():
        # One run a hook: torchvision's activations work in place and would change what was heard.
        theirs = hooked(plain, module_path, normalised).numpy()
        ours = observe(network, dalmatian).maps[layer_name].maps
        assert theirs.std() > 0
        assert np.abs(ours - theirs).max() < 1e-3 * np.abs(theirs).max()


def test_any_photo_is_seen_in_its_middle_square(lite0):
    name = lite0.layers[0].name
    wide = Image.new("RGB", (900, 300), "black")
    wide.paste("white", (300, 0, 600, 300))
    white = observe(lite0, Image.new("RGB", (50, 50), "white")).maps[name].maps
    # The stem sees three pixels: only the outermost feel where the square was cut.
    inside = (slice(None), slice(3, -3), slice(3, -3))
    seen = observe(lite0, wide).maps[name].maps
    assert np.allclose(seen[inside], white[inside], atol=1e-3)


def test_a_layer_is_found_by_name_and_the_default_is_an_early_one(lite0):
    assert find_layer(lite0, "blocks.3.0").name == "blocks.3.0"
    assert find_layer(lite0, None).stage == 2


def test_an_unknown_layer_lists_those_that_exist(lite0):
    with pytest.raises(Problem, match=r"has no layer called unicorn.*conv_stem, blocks\.0\.0"):
        find_layer(lite0, "unicorn")


def test_one_pass_sees_all_layers_and_leaves_the_network_alone(lite0, dalmatian):
    seen = observe(lite0, dalmatian).maps
    assert list(seen) == [layer.name for layer in lite0.layers]
    assert not any(parameter.requires_grad for parameter in lite0.body.parameters())
    assert not any(module._forward_hooks for module in lite0.modules())


def test_a_last_layers_evidence_adds_up_to_the_logit(lite0, dalmatian):
    """Behind `conv_head` come a mean and a linear layer: gradient × activation is exact there."""
    logits = lite0(photos.prepare(dalmatian, 224))[0]
    best = int(logits.argmax())
    evidence = observe(lite0, dalmatian).maps["conv_head"].evidence
    expected = float((logits[best] - lite0.head.bias[best]).detach())
    assert evidence.sum() == pytest.approx(expected, rel=1e-3)


# Ranking


def test_channels_go_by_maximum_variance_or_evidence():
    features = maps_of([[5.0, 5.0]], [[0.0, 9.0]], [[1.0, 2.0]])
    assert ranked(features, "maximum") == [1, 0, 2]
    assert ranked(features, "variance") == [1, 2, 0]
    with pytest.raises(ValueError, match="no evidence"):
        ranked(features, "evidence")
    spoken = FeatureMaps(SOMEWHERE, features.maps, np.array([-1, 0, 2], np.float32))
    assert ranked(spoken, "evidence") == [2, 1, 0]


def test_channels_keep_the_networks_order_or_go_by_strength():
    features = maps_of([[0.1, -0.1]], [[-3.0, 3.0]], [[1.0, 1.0]])
    assert ranked(features, "network") == [0, 1, 2]
    assert ranked(features, "strength") == [1, 2, 0]


def test_equally_strong_channels_keep_the_networks_order():
    assert ranked(maps_of([[1.0]], [[2.0]], [[1.0]], [[1.0]]), "strength") == [1, 0, 2, 3]


# The mosaic


def tiles(picture: np.ndarray, columns: int, rows: int, gap: int) -> list[np.ndarray]:
    """Cut a mosaic into its tiles, by the geometry that its docstring promises."""
    cell = (picture.shape[1] - gap) // columns - gap
    assert picture.shape == (rows * (cell + gap) + gap, columns * (cell + gap) + gap, 3)
    return [
        picture[top : top + cell, left : left + cell]
        for top in range(gap, picture.shape[0] - gap, cell + gap)
        for left in range(gap, picture.shape[1] - gap, cell + gap)
    ]


def test_the_grid_holds_all_and_its_last_row_is_full_where_it_can_be():
    for count in range(1, 300):
        columns, rows = grid(count)
        assert (rows - 1) * columns < count <= rows * columns
        widest = math.ceil(math.sqrt(3 * count))
        shapes = [n for n in range(1, widest + 1) if n**2 >= count]
        assert columns in shapes
        assert -count % columns == min(-count % n for n in shapes)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (1, 1)), (2, (2, 1)), (32, (8, 4)), (64, (8, 8)), (1280, (40, 32))]
)
def test_usual_numbers_of_channels_fill_a_rectangle(count, expected):
    assert grid(count) == expected


@pytest.mark.parametrize("count", [1, 2, 7, 40, 112])
@pytest.mark.parametrize("gap", [0, 3])
def test_maps_lie_in_rows_with_white_gaps_between(count, gap):
    features = some_maps(count)
    columns, rows = grid(count)
    picture = mosaic(features, list(range(count)), width=600, gap=gap)
    assert picture.shape[1] <= 600
    cut = tiles(picture, columns, rows, gap)
    for tile, values in zip(cut, features.maps, strict=False):
        peak = np.unravel_index(values.argmax(), values.shape)
        place = [int((at + 0.5) * len(tile) / len(values)) for at in peak]
        assert tile[tuple(place)].tolist() == BRIGHTEST
    assert all((tile == 255).all() for tile in cut[count:])
    inked = sum(tile.shape[0] * tile.shape[1] for tile in cut[:count])
    assert (picture != 255).any(axis=2).sum() == inked


def test_the_mosaic_shows_the_channels_it_was_given_in_their_order():
    features = maps_of([[0.0, 1.0]], [[1.0, 0.0]], [[0.0, 0.0]])
    first, second = tiles(mosaic(features, [1, 0]), 2, 1, 3)
    assert first[0, 0].tolist() == second[0, -1].tolist() == BRIGHTEST
    assert first[0, -1].tolist() == second[0, 0].tolist() == DARKEST


def test_own_scale_stretches_each_map_and_common_scale_lets_them_be_compared():
    features = maps_of([[0.0, 1.0]], [[0.0, 4.0]])
    own = tiles(mosaic(features, [0, 1], scale="own"), 2, 1, 3)
    assert np.array_equal(own[0], own[1])
    weak, strong = tiles(mosaic(features, [0, 1], scale="common"), 2, 1, 3)
    assert strong[0, -1].tolist() == BRIGHTEST
    assert DARKEST != weak[0, -1].tolist() != BRIGHTEST


def test_maps_shown_beside_others_have_the_same_colours_for_the_same_values():
    before, after = maps_of([[0.0, 1.0]], [[0.0, 8.0]]), maps_of([[1.0, 2.0]], [[0.0, 4.0]])
    weak, strong = (
        tiles(mosaic(f, [0, 1], beside=g), 2, 1, 3) for f, g in ((before, after), (after, before))
    )
    assert weak[0][0, -1].tolist() == strong[0][0, 0].tolist()  # both are 1
    assert strong[0][0, -1].tolist() == weak[1][0, -1].tolist() == BRIGHTEST
    assert DARKEST != strong[1][0, -1].tolist() != BRIGHTEST


@pytest.mark.parametrize("scale", ["own", "common"])
@pytest.mark.parametrize("value", [0.0, 7.0, -7.0])
def test_flat_maps_are_dark_and_not_nan(scale, value):
    features = FeatureMaps(SOMEWHERE, np.full((2, 4, 4), value, np.float32))
    with np.errstate(all="raise"):
        picture = mosaic(features, [0, 1], scale=scale)
    assert {tuple(colour) for colour in picture.reshape(-1, 3)} == {tuple(DARKEST), (255,) * 3}


def test_brighter_means_more():
    features = FeatureMaps(SOMEWHERE, np.linspace(0, 5, 64, dtype=np.float32).reshape(1, 8, 8))
    (tile,) = tiles(mosaic(features, [0], width=166), 1, 1, 3)
    luminance = tile[10::20, 10::20].reshape(64, 3) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


def test_signed_maps_are_white_at_zero_red_above_and_blue_below():
    features = maps_of([[-1.0, 0.0, 1.0]])
    (tile,) = tiles(mosaic(features, [0], width=186), 1, 1, 3)
    below, zero, above = (tile[0, len(tile) * part // 6].astype(int) for part in (1, 3, 5))
    assert zero.min() > 240
    assert below[2] > below[0] + 30
    assert above[0] > above[2] + 30


def test_the_overlay_is_brightest_at_the_most_active_spot():
    """Also where the channel is far below zero elsewhere; that is the opposite of active."""
    for values in ([[-45.7, 0.0], [1.0, 4.3]], [[-9.0, -5.0], [-7.0, -2.0]]):
        features = maps_of(values)
        lit = overlay(features, 0, np.full((40, 40, 3), 200, np.uint8))[..., 0]
        assert lit[30:, 30:].mean() == max(
            lit[top : top + 10, left : left + 10].mean() for top in (0, 30) for left in (0, 30)
        )
        assert lit[:10, :10].mean() < lit[30:, 30:].mean()


def test_the_overlay_lights_the_photo_where_the_channel_is_active():
    features = maps_of([[0.0, 1.0]])
    lit = overlay(features, 0, np.full((40, 40, 3), 200, np.uint8))
    assert lit[20, 39, 0] == 200
    assert lit[20, 0, 0] < 80


def test_the_strip_of_the_lesson_has_a_column_for_each_channel_and_a_row_for_each_place():
    features = some_maps(512, side=7)
    rows = strip(features, cell=(1, 1))
    assert rows.shape == (49, 512, 3)
    assert strip(features, cell=(2, 3)).shape == (98, 1536, 3)
    channel, place = np.unravel_index(features.maps.reshape(512, -1).argmax(), (512, 49))
    assert rows[place, channel].tolist() == BRIGHTEST


def test_a_sheet_has_each_picture_in_its_place_and_white_around():
    small, large = np.zeros((4, 5, 3), np.uint8), np.full((6, 8, 3), 9, np.uint8)
    whole = sheet([[small, large], [large]], gap=2)
    assert whole.shape == (2 * (6 + 2) + 2, 2 * (8 + 2) + 2, 3)
    assert (whole[2:6, 2:7] == 0).all()
    assert (whole[2:8, 12:20] == 9).all()
    assert (whole[10:16, 2:10] == 9).all()
    assert (whole == 255).all(axis=2).sum() == 18 * 22 - 20 - 2 * 48


def test_filters_are_colour_patches_and_grey_is_no_weight():
    filters = np.zeros((2, 3, 3, 3), np.float32)
    filters[0, 0] = 0.5  # a red one
    red, none = tiles(patches(filters, cell=30), 2, 1, 3)
    assert red[0, 0].tolist() == [255, 128, 128]
    assert (none == 128).all()


def test_the_first_filters_are_the_first_convolutions(lite0):
    assert first_filters(lite0).shape == (32, 3, 3, 3)


# One channel


def test_a_receptive_field_is_what_the_gradient_reaches(lite0):
    """The box of the receptive field, edge for edge, where it lies inside the photo."""
    photo = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    for name in ("conv_stem", "blocks.1.1", "blocks.2.1", "blocks.3.0"):
        layer = lite0.layer(name)
        middle = layer.size // 2
        picture = photo.clone().requires_grad_()
        maps = lite0.look([name], answer=False)(picture).maps[name]
        (gradient,) = torch.autograd.grad(maps[0, :, middle, middle].sum(), picture)
        rows, columns = gradient[0].abs().sum(dim=0).nonzero().unbind(dim=1)
        values = np.zeros((1, layer.size, layer.size), np.float32)
        values[0, middle, middle] = 1
        box = receptive_field(FeatureMaps(layer, values), 0, 224)
        seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert box == tuple(int(edge) for edge in seen), name


def test_a_box_ends_at_the_edge_of_the_photo(lite0, dalmatian):
    maps = observe(lite0, dalmatian).maps["conv_head"]
    assert receptive_field(maps, 5, 224) == (0, 0, 224, 224)


def test_the_spot_is_marked_on_the_photo():
    box = receptive_field(maps_of(np.eye(8)[:1].repeat(8, 0).tolist()), 0, 16)
    seen = np.full((16, 16, 3), 100, np.uint8)
    picture = marked(seen, box)
    assert (picture == [213, 94, 0]).all(axis=2).any()
    assert picture[15, 15, 0] == 55


# The network as a picture


def test_the_diagrams_parameters_add_up_to_the_networks(lite0):
    head = 1280 * 1000 + 1000
    assert sum(block.parameters for block in blocks(lite0)) + head == sum(
        parameter.numel() for parameter in lite0.parameters()
    )
    assert blocks(lite0)[0].parameters == 32 * 3 * 9 + 32


def test_a_relative_depth_leads_to_a_layer_and_back(lite0):
    assert at_depth(lite0, 0).name == "conv_stem"
    assert at_depth(lite0, 1).name == "conv_head"
    for layer in lite0.layers:
        assert at_depth(lite0, depth_of(lite0, layer.name)) == layer


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_shapes_of_vgg_are_torchvisions(name):
    """Measured on shapes alone: half a gigabyte of weights would tell no more."""
    from core.zoo.graph import cut_head, measure_layers, trace

    with torch.device("meta"):
        plain = torchvision.models.get_model(name, weights=None).eval()
        picture = torch.zeros(1, 3, 224, 224)
        expected = {}
        for index, module in enumerate(plain.features):
            picture = module(picture)
            expected[f"features.{index}"] = picture.shape
        body = trace(torchvision.models.get_model(name, weights=None).eval())
        cut_head(body)
        layers = measure_layers(body, catalogue.entry(name).blocks, 224)
    for layer in layers:
        assert expected[layer.name] == (1, layer.channels, layer.size, layer.size)
    assert (layers[-1].channels, layers[-1].size) == (512, 7)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_shapes_of_the_built_in_networks_are_timms_features_only(number):
    network = loading.shared(f"lite{number}")
    entry = catalogue.entry(f"lite{number}")
    plain = timm.create_model(entry.architecture, features_only=True).eval()
    with torch.no_grad():
        theirs = plain(torch.zeros(1, 3, entry.input_size, entry.input_size))
    for info, maps in zip(plain.feature_info.get_dicts(), theirs, strict=True):
        # timm names a whole stage; its output is that of its last block.
        layer = [one for one in network.layers if one.name.startswith(f"{info['module']}.")][-1]
        assert maps.shape == (1, layer.channels, layer.size, layer.size)


# What excites a channel, what it looks for


def test_the_photo_that_excites_a_channel_most_comes_first(lite0, dalmatian):
    black = Image.new("RGB", (224, 224))
    found = finish(max_activations(lite0, {"black": black, "dog": dalmatian}))
    maps = observe(lite0, dalmatian).maps["blocks.2.1"].maps
    ranking = dict(found.ranking("blocks.2.1", 4))
    assert ranking["dog"] == pytest.approx(float(maps[4].max()), rel=1e-3)
    assert found.ranking("blocks.2.1", 4)[0][1] == max(ranking.values())


def test_an_ideal_picture_excites_its_channel_more_than_any_photo(lite0, dalmatian):
    place = ("blocks.2.1", 4)
    drawn = finish(thumbnails(lite0, [place]))[place]
    assert drawn.shape == (SIDE, SIDE, 3)
    own, photo = (
        observe(lite0, seen).maps[place[0]].maps[place[1]].mean()
        for seen in (Image.fromarray(drawn), dalmatian)
    )
    assert own > 2 * photo
    assert not any(module._forward_hooks for module in lite0.modules())


def test_a_silent_channel_can_be_drawn_too(tiny, make_tiny):
    """Behind a ReLU it would give no gradient."""
    silent = torch.nn.Conv2d(3, 2, 3, padding=1)
    torch.nn.init.constant_(silent.bias, -50)
    network = make_tiny(
        torch.nn.Sequential(
            silent,
            torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            torch.nn.Linear(2, 2),
        )
    )
    (name,) = {layer.name for layer in network.layers} - {"0"} or {"0"}
    small = network.for_drawing(16)
    picture = torch.full((1, 3, 16, 16), 0.5).requires_grad_()
    seen = small.look([name], answer=False)(picture).maps[name]
    (gradient,) = torch.autograd.grad(seen[:, 0].mean(), picture)
    assert gradient.abs().max() > 0


def test_the_tour_goes_from_the_first_layer_to_the_last_by_the_most_varied_channels(
    lite0, dalmatian
):
    observation = observe(lite0, dalmatian)
    halts = stops(lite0, observation)
    assert [stop.maps.layer.name for stop in halts][::4] == ["conv_stem", "conv_head"]
    assert len(halts) == 5
    for stop in halts:
        assert list(stop.channels) == ranked(stop.maps, "variance")[:3]


def test_a_spotlight_lights_where_a_channel_is_active_and_nothing_else():
    values = np.zeros((1, 8, 8), np.float32)
    values[0, :4, :4] = 1.0
    values[0, 4:, 4:] = -9.0  # much less than nothing is no activity
    seen = np.full((64, 64, 3), (200, 100, 50), np.uint8)
    lit = spotlight(maps_of(*values), 0, seen)
    assert np.array_equal(lit[8, 8], seen[8, 8])
    assert np.ptp(lit[40:, 40:]) == 0  # grey
    assert lit[40:, 40:].max() < 40


def test_a_spotlight_lights_all_of_the_greatest_value_where_an_activation_is_clipped():
    values = np.zeros((1, 8, 8), np.float32)
    values[0, :5] = 6.0  # ReLU6
    values[0, 5] = 5.0
    seen = np.full((64, 64, 3), (200, 100, 50), np.uint8)
    lit = spotlight(maps_of(*values), 0, seen)
    assert np.array_equal(lit[8, 8], seen[8, 8])
    assert np.ptp(lit[56:]) == 0  # grey
    nothing = spotlight(maps_of(*np.full((1, 8, 8), 6.0)), 0, seen)
    assert np.ptp(nothing) == 0


def test_the_map_that_changed_most_is_found():
    before = maps_of([[1.0, 1.0]], [[2.0, 2.0]])
    after = maps_of([[1.0, 1.0]], [[2.0, 5.0]])
    assert changes(before, after).tolist() == [0, 1]
    with pytest.raises(ValueError, match="maps of"):
        changes(before, some_maps(2))


def test_layers_that_were_frozen_did_not_change_and_those_behind_them_did(lite0, dalmatian):
    body = copy.deepcopy(lite0.body)
    with torch.no_grad():
        body.get_submodule("conv_head").weight.mul_(1.5)
    own = lite0.with_body(body, norms=lite0.norms, origin=lite0.provenance)
    before, after = observe(lite0, dalmatian), observe(own, dalmatian)
    changed = layer_changes(before, after)
    assert list(changed) == [layer.name for layer in own.layers]
    *frozen, last = changed.values()
    assert max(frozen) < 1e-4
    assert last > 0.1
    # The shapes that the diagram of one's own network shows are those of its maps.
    for layer in own.layers:
        assert after.maps[layer.name].maps.shape == (layer.channels, layer.size, layer.size)


def test_without_the_answer_no_layer_behind_the_wanted_one_is_computed(lite0, dalmatian):
    picture = photos.prepare(dalmatian, 224)
    alone = lite0.look(["blocks.2.1"], answer=False)(picture)
    whole = lite0.look(["blocks.2.1"])(picture)
    assert torch.allclose(alone.maps["blocks.2.1"], whole.maps["blocks.2.1"], atol=1e-3)
    assert alone.logits.shape == (1, 0)


def test_one_pass_gives_the_answer_too(lite0, dalmatian):
    from core.zoo.predictions import top

    ours, asked = observe(lite0, dalmatian).predictions, top(lite0, dalmatian)
    assert ours[0].class_id == asked[0].class_id
    assert [p.probability for p in ours] == pytest.approx([p.probability for p in asked], abs=1e-3)
