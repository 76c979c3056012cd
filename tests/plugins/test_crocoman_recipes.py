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
from poserep.networks.patches import own_scale, patchify, standardised
from poserep.tests.fakes.pairs import SMALL

TINY = (*SMALL, 'dataset.actions=["gait"]', "training.steps=4")


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


def tokens_of_a_step(composition: Composition) -> list[int]:
    """How many tokens the encoder's blocks compute of one training batch, frames after frames."""
    model, counts = Model(composition).train(), []
    encoder: Any = model.pipeline.encoder
    encoder.enc_blocks[0].register_forward_pre_hook(lambda _block, given: counts.append(given[0][..., 0].numel()))
    terms, _ = model(batch_of(composition), tuple(composition.experiment.losses))
    sum(terms.values()).backward()
    return counts


def test_without_a_use_for_it_the_reference_is_never_encoded() -> None:
    masked, whole = 4 * 4, 4 * 16  # of four targets 4 of 16 patches each, and four references
    assert tokens_of_a_step(composed()) == [whole, masked]
    assert tokens_of_a_step(composed("decoder.reference=false")) == [masked]
    assert tokens_of_a_step(composed("decoder.reference=false", uses=("losses.pose=pose2d",))) == [whole, masked]
    assert tokens_of_a_step(composed(uses=("decoder=cat_attention",))) == [whole, masked]


def test_without_a_reference_frames_are_still_read_off_whole() -> None:
    composition = composed("decoder.reference=false")
    pipeline, source = Pipeline(composition), open_source(composition)
    draw = Draw(torch.zeros(2, 2, dtype=torch.int64).numpy(), torch.arange(4).view(2, 2).numpy())
    pair = pipeline.eval()(source.read(draw) | {"roles": Roles(("target", "reference"))})
    assert pair["tokens"].shape == (2, 2, 16, 16)
    torch.testing.assert_close(pair["variant"], pair["tokens"].mean(2))


def test_steps_tell_views_and_poses_apart() -> None:
    composition = composed("losses.completion.weight=2.0", "losses.completion.pose=0.5", "training.batch=8")
    fabric, source = Fabric(accelerator="cpu", devices=1), open_source(composition)
    step = next(fit(composition, source, fabric, make_state(composition, fabric)))
    assert list(step.terms) == ["completion", "completion.view", "completion.pose"]
    view, pose = step.terms["completion.view"], step.terms["completion.pose"]
    assert step.terms["completion"] == pytest.approx(view + 0.5 * pose)
    assert step.total == pytest.approx(2 * step.terms["completion"])  # parts of a term are not counted twice


def test_of_views_alone_nothing_is_told_of_poses() -> None:
    composition = composed("sampler.p_view=1.0")
    fabric, source = Fabric(accelerator="cpu", devices=1), open_source(composition)
    for step in fit(composition, source, fabric, make_state(composition, fabric)):
        assert list(step.terms) == ["completion", "completion.view"]
        assert step.terms["completion.view"] == step.terms["completion"]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["crocoman", "crocoman-full"])
def test_people_are_cropped_as_squares_and_never_stretched(name: str, training: bool) -> None:
    composition = compose(name, Registry(installed=()))
    chosen = composition.parts["detector"]
    detector = chosen.component.build(chosen.options, composition.context).train(training)
    true_box = torch.tensor([0.2, 0.7, 0.1, 0.0]).expand(3, 2, 4)
    box = detector(true_box=true_box, frame=torch.zeros(3, 2, 3, 60, 90))["box"]
    torch.testing.assert_close(box[..., 0] * 90, box[..., 1] * 60)
    sizes = (box[..., 1] / (0.7 * 1.25)).flatten()
    own = training and name == "crocoman-full"  # target and reference each in its own way
    assert len(sizes.unique()) == (6 if own else 1)
    assert bool(((sizes - 1).abs() <= 0.1 + 1e-6).all())


def test_the_patches_to_predict_are_in_the_colours_that_the_encoder_sees() -> None:
    composition = composed("corruption.colour=0.9")
    model = Model(composition).train()
    batch = batch_of(composition)
    plain = Pipeline(composition).eval()(batch, until="crop")["crop"]
    torch.manual_seed(1)
    record = model.pipeline(batch)
    assert not torch.allclose(record["crop"].mean(), plain.mean(), atol=1e-3)
    perfect = patchify(standardised(record["crop"][:, :1]), 8)
    mean, std = own_scale(perfect, composition.parts["losses.completion"].options.eps)
    fields = dict(record) | {"patches_decoded": (perfect - mean) / std}
    loss = model._losses["completion"]
    assert float(loss(**{name: fields[name] for name in model.reads["completion"]})) == pytest.approx(0, abs=1e-6)


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
