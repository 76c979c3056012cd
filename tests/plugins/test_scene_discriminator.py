import copy
import functools
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file
from torch import Tensor

from poserep.core.batches import Batches, build_sampler, open_source
from poserep.core.checkpoint import complete_checkpoints
from poserep.core.compose import compose
from poserep.core.errors import ConfigError, ShapeError
from poserep.core.fit import State, fit, make_state, optimise
from poserep.core.interfaces import Context
from poserep.core.registry import Registry
from poserep.core.run import Run
from poserep.plugins.losses.scene_discriminator import SceneDiscriminatorOptions, build
from poserep.plugins.losses.scene_discriminator_net import (
    PATIENCE,
    Discriminator,
    SceneDiscriminator,
    entropy_cost,
    label_cost,
    pair_kinds,
)
from poserep.tests.fakes.tiny import TINY
from poserep.tests.fakes.two import in_two_processes

CLIPS = torch.arange(4)[:, None].expand(4, 3)
LOG_2 = math.log(2)
DRNET = [text for text in TINY if "negative_min_s" not in text] + ["dataset.subjects=3"]


def scene(latent: int = 6, width: int = 16) -> SceneDiscriminator:
    torch.manual_seed(0)
    return build(SceneDiscriminatorOptions(width=width), Context(crop_size=8, facts={"variant": latent}))


# ---------------------------------------------------------------- equations


def test_each_label_costs_minus_the_log_of_what_is_said_of_it() -> None:
    logit = torch.tensor(math.log(3.0))  # C = 3/4
    assert float(label_cost(logit, True)) == pytest.approx(-math.log(3 / 4))
    assert float(label_cost(logit, False)) == pytest.approx(-math.log(1 / 4))


def test_the_encoders_side_is_least_at_one_half_and_log_2_there() -> None:
    logit = torch.linspace(-4, 4, 81)
    cost = entropy_cost(logit)
    assert float(cost.min()) == pytest.approx(LOG_2)
    assert float(logit[cost.argmin()]) == pytest.approx(0, abs=1e-5)
    assert float(entropy_cost(torch.tensor(math.log(3.0)))) == pytest.approx(-(math.log(3 / 4) + math.log(1 / 4)) / 2)
    assert torch.allclose(cost, cost.flip(0))


def test_pairs_are_of_one_clip_or_of_two_and_a_frame_is_none_with_itself() -> None:
    same, other = pair_kinds(torch.tensor([[5, 5], [9, 9], [5, 5]]))
    assert same.int().tolist()[:3] == [[0, 1, 0, 0, 1, 1], [1, 0, 0, 0, 1, 1], [0, 0, 0, 1, 0, 0]]
    assert torch.equal(~(same | other), torch.eye(6, dtype=torch.bool))


def test_the_halves_of_the_first_layer_are_one_layer_on_both_latents() -> None:
    torch.manual_seed(0)
    net, one, two = Discriminator(3, 5), torch.randn(2, 3), torch.randn(4, 3)
    weight = torch.cat([net.first.weight, net.second.weight], dim=1)
    pairs = torch.cat([one[:, None].expand(2, 4, 3), two.expand(2, 4, 3)], dim=-1)
    assert torch.allclose(net(one, two), net.rest(pairs @ weight.T + net.first.bias)[..., 0], atol=1e-6)


def test_both_kinds_weigh_half_however_many_pairs_there_are() -> None:
    part = scene()
    with torch.no_grad():
        part.adversary.rest[-1].weight.zero_()
        part.adversary.rest[-1].bias.fill_(math.log(3.0))
    for clip in (CLIPS, torch.tensor([[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 1, 1]])):
        cost = part.adversary_loss(variant=torch.randn(4, 3, 6), clip=clip)
        assert cost.item() == pytest.approx(-(math.log(3 / 4) + math.log(1 / 4)) / 2)


def test_a_discriminator_at_chance_leaves_the_encoder_at_log_2_without_gradient() -> None:
    part, variant = scene(), torch.randn(4, 3, 6, requires_grad=True)
    torch.nn.init.zeros_(part.adversary.rest[-1].weight)
    torch.nn.init.zeros_(part.adversary.rest[-1].bias)
    loss = part(variant=variant, clip=CLIPS)
    loss.backward()
    assert loss.item() == pytest.approx(LOG_2)
    assert float(variant.grad.abs().max()) == 0


def test_gradient_of_the_encoders_side_goes_through_the_first_latent_alone() -> None:
    part = scene().double()
    variant = torch.randn(1, 2, 6, dtype=torch.float64, requires_grad=True)
    part(variant=variant, clip=CLIPS[:1, :2]).backward()
    one, two = variant.detach()[0].unbind()
    for mine, held, grad in ((one, two, variant.grad[0, 0]), (two, one, variant.grad[0, 1])):
        moving = mine.clone().requires_grad_()
        entropy_cost(part.adversary(moving[None], held[None])).sum().backward()
        assert torch.allclose(grad, moving.grad / 2)


def test_gradient_of_the_discriminators_side_is_right() -> None:
    torch.manual_seed(0)
    logit = torch.randn(5, dtype=torch.float64, requires_grad=True)
    for same in (True, False):
        assert torch.autograd.gradcheck(lambda x, same=same: label_cost(x, same), logit)
    assert torch.autograd.gradcheck(entropy_cost, logit)


def test_the_order_of_frames_in_a_tuple_and_names_of_clips_do_not_matter() -> None:
    part, variant = scene(), torch.randn(4, 3, 6)
    for side in (part, part.adversary_loss):
        before, after = side(variant=variant, clip=CLIPS), side(variant=variant.flip(1), clip=7 - CLIPS)
        assert before.item() == pytest.approx(after.item(), rel=1e-5)


@pytest.mark.parametrize("clip", [torch.zeros(4, 3), torch.arange(12).view(4, 3)], ids=["one clip", "no pair"])
def test_without_pairs_of_both_kinds_nothing_blows_up(clip: Tensor) -> None:
    part, variant = scene(), torch.randn(4, 3, 6, requires_grad=True)
    (part(variant=variant, clip=clip) + part.adversary_loss(variant=variant, clip=clip)).backward()
    assert all(bool(weight.grad.isfinite().all()) for weight in part.parameters())


def test_other_shapes_and_lonely_frames_are_refused() -> None:
    for side in (scene(), scene().adversary_loss):
        with pytest.raises(ShapeError, match="clip: expected"):
            side(variant=torch.zeros(4, 3, 6), clip=torch.zeros(4, 2))
        with pytest.raises(ConfigError, match="tuples of one frame"):
            side(variant=torch.zeros(4, 1, 6), clip=torch.zeros(4, 1))


def test_batch_after_batch_of_one_clip_is_refused_and_one_other_clip_is_enough() -> None:
    one, two = torch.zeros(2, 3), torch.tensor([[0, 0, 0], [1, 1, 1]])
    part, fields = scene(), {"variant": torch.zeros(2, 3, 6)}
    for clip in (*[one] * (PATIENCE - 1), two, *[one] * (PATIENCE - 1)):
        part(**fields, clip=clip)
    with pytest.raises(ConfigError, match="20 batches in a row were of one clip alone") as caught:
        part(**fields, clip=one)
    assert "more clips" in caught.value.hint


# ---------------------------------------------------------------- the game


def frames(tells: float, seed: int) -> tuple[Tensor, Tensor]:
    """Latents of 16 clips by 4 frames, of which the first numbers tell the clip, as far as ``tells`` says."""
    generator = torch.Generator().manual_seed(seed)
    of_clip = 2 * torch.randn(16, 1, 6, generator=generator)
    variant = tells * of_clip + torch.randn(16, 4, 6, generator=generator) * 0.3
    return variant, torch.arange(16)[:, None].expand(16, 4)


@functools.cache
def taught(tells: float) -> SceneDiscriminator:
    """Trained on frozen latents; shared by the tests."""
    part = scene(width=32)
    optimizer = torch.optim.Adam(part.adversary.parameters(), lr=1e-2)
    for step in range(150):
        variant, clip = frames(tells, step)
        optimizer.zero_grad()
        part.adversary_loss(variant=variant, clip=clip).backward()
        optimizer.step()
    return part


def accuracy(part: SceneDiscriminator, tells: float) -> float:
    """Share of pairs of clips never seen that it labels rightly, both kinds with half the weight."""
    variant, clip = frames(tells, 10_000)
    same, other = pair_kinds(clip)
    said = part.adversary(variant.flatten(0, 1), variant.flatten(0, 1)) > 0
    return float((said[same].float().mean() + (~said)[other].float().mean()) / 2)


def test_the_discriminator_finds_out_a_frozen_encoder_whose_latents_tell_the_clip() -> None:
    assert accuracy(taught(1.0), 1.0) > 0.9


def test_the_discriminator_stays_at_chance_where_latents_tell_nothing() -> None:
    part = taught(0.0)
    variant, clip = frames(0.0, 10_000)
    assert accuracy(part, 0.0) == pytest.approx(0.5, abs=0.05)
    assert part(variant=variant, clip=clip).item() == pytest.approx(LOG_2, abs=0.02)


def test_an_encoder_that_may_choose_stops_to_tell_the_clip() -> None:
    part, share = copy.deepcopy(taught(1.0)), torch.tensor(1.0, requires_grad=True)
    theirs = torch.optim.Adam(part.adversary.parameters(), lr=1e-2)
    ours = torch.optim.Adam([share], lr=2e-2)
    for step in range(150):
        generator = torch.Generator().manual_seed(step)
        variant = share * 2 * torch.randn(16, 1, 6, generator=generator) + torch.randn(16, 4, 6, generator=generator)
        clip = torch.arange(16)[:, None].expand(16, 4)
        for side, optimizer in ((part, ours), (part.adversary_loss, theirs)):
            optimizer.zero_grad()
            side(variant=variant, clip=clip).backward(retain_graph=True)
            optimizer.step()
    assert abs(share.item()) < 0.4


# ---------------------------------------------------------------- in the recipe


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


def stepped(fabric: Fabric, *resting: str) -> tuple[State, set[str]]:
    """A step of the recipe in which some optimisers rest; the names of the weights that moved."""
    composition = compose("drnet", Registry(installed=()), sets=[*DRNET, "training.batch=6"])
    state, source = make_state(composition, fabric), open_source(composition)
    batch = Batches(source, build_sampler(composition, "sampler", source.dataset, composition.context), 6, 0).at(0)
    assert len(batch["clip"].unique()) > 1
    for name in resting:
        state.optimizers[name].step = lambda: None
    before = {name: value.detach().clone() for name, value in state.model.named_parameters()}
    optimise(state, batch, tuple(state.model.weights), 1e-2, fabric)
    return state, {name for name, value in state.model.named_parameters() if not torch.equal(value, before[name])}


def test_both_optimisers_step_and_each_moves_its_own_weights_alone(fabric: Fabric) -> None:
    state, both = stepped(fabric)
    theirs = {name for name, _ in state.model.named_parameters() if ".adversary." in name}
    assert set(state.optimizers) == {"main", "losses.scene"}
    assert len(theirs) == 7
    assert theirs <= both
    assert any(name.startswith("pipeline.encoder") for name in both)
    assert stepped(fabric, "main")[1] == theirs
    assert not stepped(fabric, "losses.scene")[1] & theirs


def test_the_discriminators_step_leaves_the_encoder_without_gradient(fabric: Fabric) -> None:
    composition = compose("drnet", Registry(installed=()), sets=DRNET)
    state, source = make_state(composition, fabric), open_source(composition)
    batch = Batches(source, build_sampler(composition, "sampler", source.dataset, composition.context), 4, 0).at(0)
    roles = tuple(state.model.weights)
    _, record = state.model(batch, roles)
    sum(state.model.adversary_terms(record, roles).values()).backward()
    given = {name for name, weight in state.model.named_parameters() if weight.grad is not None}
    assert given
    assert all(".adversary." in name for name in given)


def test_the_recipe_trains_some_steps(fabric: Fabric) -> None:
    composition = compose("drnet", Registry(installed=()), sets=DRNET)
    state = make_state(composition, fabric)
    steps = list(fit(composition, open_source(composition), fabric, state))
    assert len(steps) == 4
    assert set(steps[0].terms) == {"reconstruction", "content", "scene", "box"}
    assert steps[0].terms["scene"] == pytest.approx(LOG_2, abs=0.1)


def test_the_recipes_differ_from_the_full_methods_in_sampler_and_losses_alone() -> None:
    for name in ("", "-full"):
        ours, theirs = (
            compose(recipe + name, Registry(installed=())).experiment.model_dump() for recipe in ("temporal", "drnet")
        )
        changed = {key for key in ours if ours[key] != theirs[key]}
        assert changed - {"published"} == {"name", "summary", "paper", "sampler", "losses"}
        assert set(ours["losses"]) & set(theirs["losses"]) == {"reconstruction", "box"}
        assert all(ours["losses"][role] == theirs["losses"][role] for role in ("reconstruction", "box"))


# ---------------------------------------------------------------- processes

SHARED = """
from poserep.core.interfaces import Context
from poserep.plugins.losses.scene_discriminator import SceneDiscriminatorOptions, build


def measure(rows):
    torch.manual_seed(0)
    loss = build(SceneDiscriminatorOptions(width=8), Context(crop_size=8, facts={"variant": 5}))
    variant = torch.randn(4, 3, 5)[rows].requires_grad_()
    clip = torch.tensor([[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 1, 1]])[rows]  # pairs are unequally many
    value = loss(variant=variant, clip=clip)
    value.backward()
    ours = [weight.grad for weight in loss.parameters()]
    loss.zero_grad()
    other = loss.adversary_loss(variant=variant, clip=clip)
    other.backward()
    return value.detach(), other.detach(), *ours, *(weight.grad for weight in loss.parameters()), variant.grad
"""


def test_two_processes_compare_each_others_clips(tmp_path: Path) -> None:
    in_two_processes(tmp_path, SHARED)


def trained(folder: Path, devices: str) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    """Losses at each step of a run, and the state of both optimisers after the last."""
    sets = [*DRNET, "training.batch=4", "training.learning_rate=1e-5", "losses.scene.weight=1.0"]
    program = [sys.executable, "-c", "from poserep.cli import main; main()", "train", "drnet", "--run", str(folder)]
    words = [word for text in sets for word in ("--set", text)]
    machine = ["--accelerator", "cpu", "--threads", "1", "--devices", devices]
    subprocess.run([*program, *words, *machine], check=True, cwd=folder.parent, capture_output=True, timeout=300)
    files = sorted(complete_checkpoints(folder)[-1].glob("optimizer*.safetensors"))
    state = {f"{file.name} {name}": value for file in files for name, value in load_file(file).items()}
    return [row["terms"] for row in Run(folder).steps()], state


@pytest.mark.slow
def test_two_processes_train_both_sides_as_one_does(tmp_path: Path) -> None:
    (alone, one), (shared, two) = (trained(tmp_path / devices, devices) for devices in ("1", "2"))
    assert len(alone) == len(shared) == 4
    for mine, whole in zip(shared, alone, strict=True):
        assert mine == pytest.approx(whole, rel=1e-5, abs=1e-5)
    assert any("scene" in name for name in one)
    assert one.keys() == two.keys()
    for name, value in one.items():  # in the mean, for rounding may turn single units of a ReLU on or off
        assert float((two[name] - value).abs().mean()) <= 1e-3 * float(value.abs().max()) + 1e-9, name
