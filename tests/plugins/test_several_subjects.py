"""Two people in one frame, from the recipe: what it changes, that it learns, and what is read off it."""

import tomllib

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from poserep.core.batches import open_source
from poserep.core.compose import Composition, compose
from poserep.core.errors import ConfigError
from poserep.core.fit import fit, make_state
from poserep.core.geometry import box_iou
from poserep.core.pipeline import Pipeline
from poserep.core.probe import collect, frames_of
from poserep.core.recipe import shipped
from poserep.core.registry import Registry
from poserep.tests.fakes.tiny import TINY

REGISTRY = Registry(installed=())
SMALL = [*(text for text in TINY if not text.startswith("sampler.")), "dataset.cameras=2", "encoder.variant=9"]


def small(*sets: str, uses: tuple[str, ...] = ()) -> Composition:
    return compose("nsd-two", REGISTRY, sets=[*SMALL, *sets], uses=uses)


def test_the_recipe_is_that_of_one_person_but_for_the_number() -> None:
    one, two = (tomllib.loads(shipped()[name].read_text(encoding="utf-8")) for name in ("nsd", "nsd-two"))
    assert two["dataset"].pop("people") == two["detector"].pop("subjects") == 2
    assert two["exchange"].pop("sharpness") == 10
    own = ("name", "summary", "paper", "published")
    assert {key: value for key, value in two.items() if key not in own} == {
        key: value for key, value in one.items() if key not in own
    }


def test_two_people_are_wired_through_every_stage() -> None:
    composition = compose("nsd-two", REGISTRY)
    wires = {wire.role: wire for wire in composition.wires}
    assert wires["detector"].writes == ("box", "depth")
    assert "mix" in wires["exchange"].writes
    assert {"depth", "mix"} <= set(wires["composite"].reads)
    assert composition.context.facts["subjects"] == 2


def test_of_one_person_nothing_is_wired_that_was_not() -> None:
    wires = {wire.role: wire for wire in compose("nsd", REGISTRY).wires}
    assert wires["detector"].writes == ("box",)
    assert not {"depth", "mix"} & {*wires["composite"].reads, *wires["exchange"].writes}


@pytest.mark.parametrize("exchange", ["rotate_view", "none"])
def test_redrawing_two_people_is_learnt(exchange: str) -> None:
    composition = small("training.steps=30", uses=() if exchange == "rotate_view" else ("exchange=none",))
    fabric = Fabric(accelerator="cpu", devices=1)
    state = make_state(composition, fabric)
    found = [step.terms["reconstruction"] for step in fit(composition, open_source(composition), fabric, state)]
    assert np.mean(found[-8:]) < np.mean(found[:8])


def test_an_exchange_that_matches_nobody_is_refused() -> None:
    with pytest.raises(ConfigError, match="permute_invariant is made for one subject in a frame"):
        Pipeline(small(uses=("exchange=permute_invariant",)))


def test_what_a_probe_collects_is_the_clips_own_subject() -> None:
    composition = small()
    source = open_source(composition)
    pipeline = Pipeline(composition)
    with torch.no_grad():  # the box on the left and the box on the right, whatever is seen
        pipeline.detector.regress.weight.zero_()
    draw = frames_of(source.dataset.clips, "test", 3)
    fields = ("variant", "box", "true_box", "true_boxes", "mask")
    found = collect(pipeline, source, draw, fields, until="")
    count = len(draw.clip)
    assert found["variant"].shape == (count, 9)
    assert found["box"].shape == (count, 4)
    assert found["mask"].shape == (count, 1, 32, 32)
    assert torch.equal(found["true_boxes"][:, 0].nan_to_num(), found["true_box"].nan_to_num())
    seen = found["true_box"].isfinite().all(dim=1)
    assert torch.equal(found["box"][seen, 2] > 0, found["true_box"][seen, 2] > 0)
    apart = (found["true_boxes"][:, 0, 2] * found["true_boxes"][:, 1, 2]) < 0  # one on each side
    ious = [float(box_iou(found["box"][apart], found["true_boxes"][apart, who]).mean()) for who in (0, 1)]
    assert ious[0] > ious[1]
