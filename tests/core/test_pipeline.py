from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from poserep.core.batches import Batches, build_sampler, open_source
from poserep.core.compose import Composition, Wire, compose
from poserep.core.errors import ConfigError, DataError, PluginError, ShapeError
from poserep.core.fields import FIELDS, Field
from poserep.core.pipeline import Model, Pipeline, check_written, composite_stage, crop_stage, float_images, mixed
from poserep.core.registry import Registry
from poserep.tests.fakes.tiny import TINY
from poserep.tests.fakes.toy import toy


@pytest.fixture(scope="module")
def composition() -> Composition:
    return compose("temporal", Registry(installed=()), sets=TINY)


@pytest.fixture(scope="module")
def batch(composition: Composition) -> Mapping[str, Any]:
    source = open_source(composition)
    sampler = build_sampler(composition, "sampler", source.dataset, composition.context)
    return Batches(source, sampler, 2, seed=0).at(0)


def test_the_record_holds_every_field_with_the_axes_of_the_vocabulary(
    composition: Composition, batch: Mapping[str, Any]
) -> None:
    record = Pipeline(composition)(batch)
    sizes = {"B": 2, "T": 4, "N": 4, "K": 4, "M": 4, "H": 32, "W": 32, "h": 16, "w": 16, "V": 8, "I": 4, "J": 17}
    for name, value in record.items():
        if isinstance(value, Tensor):
            assert value.shape == tuple(sizes.get(axis) or int(axis) for axis in FIELDS[name].axes.split()), name
    assert {"redrawn", "mask", "variant", "box"} <= set(record)


def test_a_record_can_end_at_any_stage(composition: Composition, batch: Mapping[str, Any]) -> None:
    pipeline = Pipeline(composition)
    assert "variant" not in pipeline(batch, until="corruption")
    assert set(pipeline.observe(batch)) == set(pipeline(batch, until="encoder"))


def test_latents_can_be_decoded_in_the_place_of_others(composition: Composition, batch: Mapping[str, Any]) -> None:
    pipeline = Pipeline(composition).eval()
    with torch.no_grad():
        whole = pipeline(batch)
        again = pipeline.redraw(pipeline.observe(batch), whole["variant"], whole["invariant"])
    torch.testing.assert_close(again["redrawn"], whole["redrawn"])


def test_every_loss_gives_a_scalar_with_gradient(composition: Composition, batch: Mapping[str, Any]) -> None:
    model = Model(composition)
    terms, _ = model(batch, ("reconstruction", "contrast", "box"))
    assert list(terms) == ["reconstruction", "contrast", "box"]
    assert all(term.shape == () and term.requires_grad for term in terms.values())
    assert list(model(batch, ("box",))[0]) == ["box"]


def test_the_same_seed_gives_the_same_weights(composition: Composition) -> None:
    models = []
    for _ in range(2):
        torch.manual_seed(3)
        models.append(Model(composition).state_dict())
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_bytes_become_shares_and_numbers_stay() -> None:
    record = float_images({"frame": torch.tensor([0, 255], dtype=torch.uint8), "time": torch.ones(2), "roles": "x"})
    assert record["frame"].tolist() == [0.0, 1.0]
    assert record["time"].tolist() == [1.0, 1.0]
    assert record["roles"] == "x"


def test_the_whole_frame_cropped_and_composited_by_a_full_mask_is_the_frame() -> None:
    frame = torch.rand(2, 3, 3, 8, 8)
    box = torch.tensor([1.0, 1.0, 0.0, 0.0]).expand(2, 3, 4)
    crop = crop_stage(8)(frame=frame, box=box)["crop"]
    target = torch.tensor([[2, 0], [1, 1]])
    chosen = torch.stack([crop[0, [2, 0]], crop[1, [1, 1]]])
    out = composite_stage(
        crop_decoded=chosen,
        mask_decoded=torch.ones(2, 2, 1, 8, 8),
        box=box,
        target=target,
        background=torch.zeros_like(frame),
    )
    torch.testing.assert_close(out["redrawn"], chosen)
    torch.testing.assert_close(out["mask"], torch.ones(2, 2, 1, 8, 8))


def test_an_empty_mask_leaves_the_background_of_the_target() -> None:
    background = torch.rand(1, 2, 3, 8, 8)
    out = composite_stage(
        crop_decoded=torch.rand(1, 1, 3, 4, 4),
        mask_decoded=torch.zeros(1, 1, 1, 4, 4),
        box=torch.tensor([0.5, 0.5, 0.0, 0.0]).expand(1, 2, 4),
        target=torch.tensor([[1]]),
        background=background,
    )
    torch.testing.assert_close(out["redrawn"], background[:, [1]])


WIRE = Wire("detector", "own", ("frame",), ("box",))


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({}, "detector (own) declares that it writes box, but wrote nothing"),
        ({"bocks": torch.zeros(1)}, "detector (own) declares that it writes box, but wrote bocks"),
    ],
)
def test_a_part_that_writes_other_fields_than_it_declares_is_told(written: dict[str, Tensor], told: str) -> None:
    with pytest.raises(PluginError) as caught:
        check_written(WIRE, written)
    assert caught.value.what == told


def test_a_part_that_writes_a_wrong_shape_is_told() -> None:
    with pytest.raises(ShapeError, match=r"box: expected \(B, N, 4\), got \(2, 4\)"):
        check_written(WIRE, {"box": torch.zeros(2, 4)})


def test_a_packages_own_field_is_held_to_the_axes_that_it_describes() -> None:
    fields = {"own:depth": Field("own:depth", "B T", "mm", "distance")}
    wire = Wire("detector", "own", ("frame",), ("own:depth",))
    check_written(wire, {"own:depth": torch.zeros(2, 4)}, fields)
    with pytest.raises(ShapeError, match=r"own:depth: expected \(B, T\), got \(2, 4, 1\)"):
        check_written(wire, {"own:depth": torch.zeros(2, 4, 1)}, fields)


def test_a_loss_may_bear_the_name_of_a_method(tmp_path: Path) -> None:
    model = Model(toy(tmp_path, uses=("losses.train=toy", "losses.type=toy", "losses.main=adversary")))
    assert set(model.weights) == {"time", "train", "type", "main"}
    assert list(model.adversaries()) == ["losses.main"]


def test_an_adversarys_loss_sends_no_gradient_to_the_pipeline(tmp_path: Path) -> None:
    composition = toy(tmp_path, uses=("losses.time=adversary",))
    model = Model(composition)
    source = open_source(composition)
    sampler = build_sampler(composition, "sampler", source.dataset, composition.context)
    _, record = model(Batches(source, sampler, 2, 0).at(0), ("time",))
    (term,) = model.adversary_terms(record, ("time",)).values()
    term.backward()
    assert all(parameter.grad is None for parameter in model.pipeline.parameters())
    assert all(parameter.grad is not None for parameter in model.adversaries()["losses.time"].parameters())
    assert model.adversary_terms(record, ()) == {}


# ---------------------------------------------------------------- several subjects


@pytest.fixture(scope="module")
def two() -> Composition:
    """Two boxes in each frame, of a studio with two people, and no losses but the reconstruction and the prior."""
    kept = [text for text in TINY if not text.startswith("sampler.negative")]
    sets = [*kept, "dataset.people=2", "dataset.cameras=2", "encoder.variant=9"]
    return compose("nsd-two", Registry(installed=()), sets=sets)


@pytest.fixture(scope="module")
def pair(two: Composition) -> Mapping[str, Any]:
    source = open_source(two)
    sampler = build_sampler(two, "sampler", source.dataset, two.context)
    return Batches(source, sampler, 2, seed=0).at(0)


SIDES = torch.tensor([[0.5, 1.0, -0.5, 0.0], [0.5, 1.0, 0.5, 0.0]])  # left and right half of a frame


def halves(**several: Tensor) -> dict[str, Tensor]:
    """A red and a green crop, opaque, for the left and the right half of one frame of two; blue behind it."""
    colours = torch.eye(3)[:2, :, None, None].expand(1, 2, 3, 8, 8)
    return composite_stage(
        crop_decoded=colours.reshape(1, 2, 3, 8, 8),
        mask_decoded=torch.ones(1, 2, 1, 8, 8),
        box=SIDES.repeat(2, 1)[None],
        target=torch.tensor([[1]]),
        background=torch.eye(3)[2, :, None, None].expand(1, 2, 3, 8, 8),
        **several,
    )


def test_a_record_of_two_subjects_has_two_boxes_for_each_frame(two: Composition, pair: Mapping[str, Any]) -> None:
    record = Pipeline(two)(pair, everybody=True)
    sizes = {"B": 2, "T": 4, "N": 8, "K": 4, "M": 8, "S": 2, "H": 32, "W": 32, "h": 16, "w": 16, "V": 9, "I": 4}
    assert {"depth", "mix", "mask", "redrawn"} <= set(record)
    for name, value in record.items():
        if isinstance(value, Tensor):
            assert value.shape == tuple(sizes.get(axis) or int(axis) for axis in FIELDS[name].axes.split()), name


def test_the_crops_of_a_frame_are_those_of_its_boxes() -> None:
    frame = torch.rand(2, 3, 3, 8, 8)
    box = SIDES.repeat(3, 1).expand(2, 6, 4)
    crop = crop_stage(4)(frame=frame, box=box)["crop"]
    left = crop_stage(4)(frame=frame, box=SIDES[0].expand(2, 3, 4))["crop"]
    assert torch.equal(crop[:, ::2], left)
    with pytest.raises(ShapeError, match="got 4 boxes for 3 frames"):
        crop_stage(4)(frame=frame, box=box[:, :4])


def test_each_subject_is_pasted_where_its_box_is() -> None:
    out = halves(depth=torch.zeros(1, 4))
    assert out["redrawn"].shape == (1, 1, 3, 8, 8)
    assert out["mask"].shape == (1, 2, 1, 8, 8)
    # 0.8644 of an opaque subject, the rest is the blue background
    torch.testing.assert_close(out["redrawn"][0, 0, :, 4, 0], torch.tensor([0.8644, 0.0, 0.1356]), atol=1e-4, rtol=0)
    torch.testing.assert_close(out["redrawn"][0, 0, :, 4, 7], torch.tensor([0.0, 0.8644, 0.1356]), atol=1e-4, rtol=0)


def test_boxes_show_the_decoded_crops_as_they_are_mixed() -> None:
    swapped = torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]])
    one, other = halves(depth=torch.zeros(1, 4)), halves(depth=torch.zeros(1, 4), mix=swapped)
    torch.testing.assert_close(other["redrawn"], one["redrawn"].flip(-1))
    x = torch.tensor([[1.0, 3.0, 10.0, 20.0]])  # two frames of two crops
    share = torch.tensor([[[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.25, 0.75]]]])
    torch.testing.assert_close(mixed(x, share), torch.tensor([[1.0, 2.0, 20.0, 17.5]]))


def test_several_boxes_without_a_depth_are_refused() -> None:
    with pytest.raises(ShapeError, match="2 boxes in a frame need a depth each"):
        halves()


def test_one_subject_is_composited_by_equation_1_whatever_its_depth() -> None:
    frame = torch.rand(1, 2, 3, 8, 8)
    given: dict[str, Tensor] = {
        "crop_decoded": torch.rand(1, 2, 3, 4, 4),
        "mask_decoded": torch.rand(1, 2, 1, 4, 4),
        "box": torch.tensor([0.5, 0.5, 0.0, 0.0]).expand(1, 2, 4),
        "target": torch.tensor([[0, 1]]),
        "background": frame,
    }
    plain, with_depth = composite_stage(**given), composite_stage(**given, depth=torch.randn(1, 2))
    assert torch.equal(plain["redrawn"], with_depth["redrawn"])


def test_what_is_read_off_is_the_clips_own_subject(two: Composition, pair: Mapping[str, Any]) -> None:
    pipeline = Pipeline(two).eval()
    everybody = pipeline(pair, everybody=True)
    own = pipeline(pair)
    assert own["box"].shape == (2, 4, 4)
    assert own["mask"].shape == (2, 4, 1, 32, 32)
    away = (everybody["box"].unflatten(1, (4, 2)) - pair["true_box"][:, :, None])[..., 2:].norm(dim=-1)
    second = (away[..., 1] < away[..., 0]).long()
    rows = torch.arange(4) * 2 + second
    for name in ("box", "variant", "crop", "mask"):
        assert torch.equal(own[name], torch.stack([everybody[name][b, rows[b]] for b in range(2)])), name
    assert torch.equal(own["redrawn"], everybody["redrawn"])


def test_the_own_subject_is_redrawn_alone(two: Composition, pair: Mapping[str, Any]) -> None:
    pipeline = Pipeline(two).eval()
    with torch.no_grad():
        own = pipeline(pair)
        again = pipeline.redraw(own, own["variant"], own["invariant"])
        both = pipeline(pair, everybody=True)
        all_again = pipeline.redraw(both, both["variant"], both["invariant"])
    assert again["mask"].shape == (2, 4, 1, 32, 32)
    torch.testing.assert_close(all_again["redrawn"], both["redrawn"])


def test_whose_box_is_whose_must_be_told(two: Composition, pair: Mapping[str, Any]) -> None:
    assert "true_box" in two.wanted
    unlabelled = {name: value for name, value in pair.items() if name != "true_box"}
    with pytest.raises(DataError, match="which of the 2 boxes in a frame is the clip's subject"):
        Pipeline(two)(unlabelled)


def test_every_loss_of_two_subjects_gives_a_scalar_with_gradient(two: Composition, pair: Mapping[str, Any]) -> None:
    model = Model(two)
    terms, _ = model(pair, ("reconstruction", "box"))
    assert all(term.shape == () and term.requires_grad for term in terms.values())
    terms["reconstruction"].backward()
    detector = model.pipeline.detector
    assert bool((detector.to_depth.bias.grad != 0).any())
    assert bool((detector.regress.bias.grad.abs() > 0).all())


@pytest.mark.parametrize("part", ["losses.contrast=css", "losses.contrast=gravity", "losses.contrast=dsl"])
def test_a_part_made_for_one_subject_is_refused_where_there_are_two(part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose("temporal", Registry(installed=()), uses=[part], sets=["detector.subjects=2"])
    name = part.rpartition("=")[2]
    what = f"losses.contrast ({name}) is made for one subject in a frame, but the detector finds several"
    assert what in [problem.what for problem in caught.value.problems]
