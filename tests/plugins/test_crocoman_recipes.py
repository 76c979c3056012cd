"""Completion as a whole: its recipe trains, goes on as if never stopped, and latents are read off as any other's."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

from poserep.core.batches import Batches, build_sampler, open_source
from poserep.core.compose import Composition, compose
from poserep.core.errors import ConfigError
from poserep.core.fields import FIELDS
from poserep.core.fit import fit, make_state
from poserep.core.interfaces import Draw, Roles
from poserep.core.pipeline import Model, Pipeline
from poserep.core.probe import collect
from poserep.core.registry import Registry

TINY = (
    "dataset.subjects=1",
    "dataset.test_subjects=1",
    "dataset.validation_subjects=0",
    "dataset.seconds=3.0",
    "dataset.cameras=2",
    "dataset.size=32",
    'dataset.actions=["gait"]',
    "sampler.angle_max_deg=180.0",
    "sampler.change_min=0.0",
    "encoder.width=16",
    "encoder.depth=2",
    "encoder.heads=2",
    "decoder.width=16",
    "decoder.depth=1",
    "decoder.heads=2",
    "crop_size=32",
    "training.batch=4",
    "training.steps=4",
    "training.warmup_steps=0",
)


def composed(*more: str, uses: tuple[str, ...] = ()) -> Composition:
    return compose("crocoman", Registry(installed=()), sets=(*TINY, *more), uses=uses)


def batch_of(composition: Composition) -> Mapping[str, Any]:
    source = open_source(composition)
    sampler = build_sampler(composition, "sampler", source.dataset, composition.context)
    return Batches(source, sampler, 4, seed=0).at(0)


def test_the_record_has_the_axes_of_the_vocabulary_and_nothing_is_pasted() -> None:
    composition = composed("encoder.invariant=4")
    record = Pipeline(composition).train()(batch_of(composition))
    sizes = {"B": 4, "T": 2, "N": 2, "K": 1, "M": 1, "R": 1, "P": 16, "S": 4, "D": 16, "V": 16, "I": 4}
    sizes |= {"Q": 192, "H": 32, "W": 32, "h": 32, "w": 32}
    for name, value in record.items():
        if isinstance(value, Tensor):
            assert value.shape == tuple(sizes.get(axis) or int(axis) for axis in FIELDS[name].axes.split()), name
    assert {"patches_decoded", "memory", "invariant"} <= set(record)
    assert "composite" not in [wire.role for wire in composition.wires]


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("encoder.positions='rope'",),
        ("decoder.reference=false",),
        ("corruption.policy='background_hidden'", "losses.completion.loss_on='masked_foreground'"),
        ("corruption.paint=true",),
    ],
)
def test_every_weight_learns_and_a_term_comes_out(more: tuple[str, ...]) -> None:
    composition = composed(*more)
    model = Model(composition).train()
    terms, _ = model(batch_of(composition), ("completion",))
    assert math.isfinite(terms["completion"].item())
    terms["completion"].backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_a_resumed_run_hides_what_it_would_have_hidden() -> None:
    composition = composed()
    fabric, source = Fabric(accelerator="cpu", devices=1), open_source(composition)
    straight = make_state(composition, fabric)
    wanted = [step.total for step in fit(composition, source, fabric, straight)]
    halves = make_state(composition, fabric)
    found = []
    for _ in range(2):
        for step in fit(composition, source, fabric, halves):
            found.append(step.total)
            if step.index == 2:
                break
    assert found == wanted
    assert len(wanted) == 4


def test_pose_is_read_off_the_mean_of_all_tokens() -> None:
    composition = composed()
    pipeline, source = Pipeline(composition), open_source(composition)
    draw = Draw(torch.zeros(3, 1, dtype=torch.int64).numpy(), torch.arange(3)[:, None].numpy())
    found = collect(pipeline, source, draw, ("variant", "tokens"))
    torch.testing.assert_close(found["variant"], found["tokens"].mean(1))
    assert found["tokens"].shape == (3, 16, 16)
    whole = pipeline.eval()(source.read(draw) | {"roles": Roles(("frame",))})
    assert whole["patches_decoded"].shape == (3, 0, 16, 192)


def test_the_other_encoders_see_the_painted_crop() -> None:
    composition = compose(
        "temporal",
        Registry(installed=()),
        sets=("corruption.patch=8", "corruption.paint=true", "corruption.policy='uniform'"),
        uses=("corruption=patch_mask",),
    )
    reads = next(wire.reads for wire in composition.wires if wire.role == "encoder")
    assert "crop_corrupted" in reads


def test_the_temporal_losses_take_a_transformer() -> None:
    composition = compose(
        "temporal",
        Registry(installed=()),
        sets=("encoder.preset='tiny'", "encoder.variant=32", "encoder.invariant=16"),
        uses=("encoder=vit",),
    )
    wire = next(wire for wire in composition.wires if wire.role == "encoder")
    assert wire.reads == ("crop", "crop_corrupted", "roles")
    assert composition.context.facts["variant"] == 32


def test_a_sampler_without_a_target_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        compose("crocoman", Registry(installed=()), uses=("sampler=temporal",))
    told = [problem.what for problem in caught.value.problems]
    assert any("needs frames in the roles target" in what for what in told)


def test_the_papers_size_composes() -> None:
    composition = compose("crocoman-full", Registry(installed=()))
    assert composition.context.facts["tokens"] == 768
    assert composition.experiment.crop_size == 224
