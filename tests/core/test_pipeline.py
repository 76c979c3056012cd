from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from poserep.core.batches import Batches, build_sampler, open_source
from poserep.core.compose import Composition, Wire, compose
from poserep.core.errors import PluginError, ShapeError
from poserep.core.fields import FIELDS, Field
from poserep.core.pipeline import Model, Pipeline, check_written, composite_stage, crop_stage, float_images
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
    sizes = {"B": 2, "T": 4, "K": 4, "H": 32, "W": 32, "h": 16, "w": 16, "V": 8, "I": 4, "J": 17}
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
    with pytest.raises(ShapeError, match=r"box: expected \(B, T, 4\), got \(2, 4\)"):
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
