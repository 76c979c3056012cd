from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric
from torch import Tensor

from poserep.core.batches import open_source
from poserep.core.compose import Composition, compose
from poserep.core.config import Training
from poserep.core.errors import DivergedError
from poserep.core.fit import State, Step, fit, learning_rate, make_state, optimise, optimizer_of, parameters_finite
from poserep.core.registry import Registry
from poserep.tests.fakes.tiny import TINY
from poserep.tests.fakes.toy import RECIPE, toy


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


def train(composition: Composition, fabric: Fabric, until: int = 10**9) -> tuple[State, list[Step]]:
    state = make_state(composition, fabric)
    steps = []
    for step in fit(composition, open_source(composition), fabric, state):
        steps.append(step)
        if step.index == until:
            break
    return state, steps


def weights(state: State) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in state.model.state_dict().items()}


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_loss_of_a_toy_goes_down(tmp_path: Path, fabric: Fabric) -> None:
    _, steps = train(toy(tmp_path, "training.steps=150", "training.learning_rate=0.02"), fabric)
    first, last = (sum(step.total for step in part) / 10 for part in (steps[:10], steps[-10:]))
    assert last < first / 3


def test_the_shipped_method_trains_and_its_loss_goes_down(fabric: Fabric) -> None:
    composition = compose("temporal", Registry(installed=()), sets=(*TINY, "training.steps=25"))
    _, steps = train(composition, fabric)
    reconstruction = [step.terms["reconstruction"] for step in steps]
    assert sum(reconstruction[-5:]) < sum(reconstruction[:5])


def test_what_a_loss_tells_apart_is_recorded_beside_it_and_trains_nothing(tmp_path: Path, fabric: Fabric) -> None:
    composition = toy(tmp_path)
    state, plain = make_state(composition, fabric), make_state(composition, fabric)
    loss: Any = state.model._losses["time"]
    loss.apart = {"near": torch.tensor(2.0), "far": torch.tensor(torch.nan)}
    source = open_source(composition)
    pairs = zip(fit(composition, source, fabric, state), fit(composition, source, fabric, plain), strict=True)
    for told, step in pairs:
        assert told.terms == step.terms | {"time.near": 2.0}  # and nothing of what the step does not have
        assert told.total == step.total == step.terms["time"]
    assert equal(weights(state), weights(plain))


def test_each_step_tells_its_number_phase_terms_and_total(tmp_path: Path, fabric: Fabric) -> None:
    composition = toy(tmp_path, "losses.more.weight=0.5", uses=("losses.more=toy",))
    _, steps = train(composition, fabric)
    assert [step.index for step in steps] == [1, 2, 3, 4, 5, 6]
    for step in steps:
        assert step.phase == "train"
        assert step.total == pytest.approx(step.terms["time"] + 0.5 * step.terms["more"])
        assert 0 <= step.waited_s <= step.seconds


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path, fabric: Fabric) -> None:
    one, other, third = (weights(train(toy(tmp_path, f"training.seed={seed}"), fabric)[0]) for seed in (1, 1, 2))
    assert equal(one, other)
    assert not equal(one, third)


def test_noise_follows_from_the_step_not_from_what_was_drawn_before(tmp_path: Path, fabric: Fabric) -> None:
    composition = toy(tmp_path)
    whole, _ = train(composition, fabric)
    state, _ = train(composition, fabric, until=3)
    torch.rand(17)  # as anything between a stop and going on might
    for _ in fit(composition, open_source(composition), fabric, state):
        pass
    assert state.step == 6
    assert equal(weights(state), weights(whole))


PHASES = """
[phases.first]
steps = 2
losses = ["time"]

[phases.second]
steps = 3
losses = ["contrast"]
sampler = { use = "contrastive", positive_max_s = 0.2, negative_min_s = 0.5 }
"""


def test_each_phase_has_its_own_length_sampler_and_losses(tmp_path: Path, fabric: Fabric) -> None:
    text = RECIPE.replace("[training]", '[losses.contrast]\nuse = "css"\n\n[training]') + PHASES
    _, steps = train(toy(tmp_path, text=text), fabric)
    assert [(step.index, step.phase, *step.terms) for step in steps] == [
        *((index, "first", "time") for index in (1, 2)),
        *((index, "second", "contrast") for index in (3, 4, 5)),
    ]


def test_going_on_inside_a_later_phase_gives_the_same_weights(tmp_path: Path, fabric: Fabric) -> None:
    text = RECIPE.replace("[training]", '[losses.contrast]\nuse = "css"\n\n[training]') + PHASES
    composition = toy(tmp_path, text=text)
    whole, _ = train(composition, fabric)
    state, _ = train(composition, fabric, until=4)
    assert [step.index for step in fit(composition, open_source(composition), fabric, state)] == [5]
    assert equal(weights(state), weights(whole))


@pytest.mark.parametrize(
    ("step", "warmup", "decay", "share"),
    [
        (0, 0, 0.0, 1.0),
        (99, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.1),
        (4, 10, 0.0, 0.5),
        (9, 10, 0.0, 1.0),
        (10, 10, 0.0, 1.0),
        (59, 0, 0.4, 1.0),
        (60, 0, 0.4, 1.0),
        (80, 0, 0.4, 0.5),
        (99, 0, 0.4, 0.025),
        (0, 0, 1.0, 1.0),
        (75, 0, 1.0, 0.25),
        (9, 20, 1.0, 0.5 * 0.91),
    ],
)
def test_the_rate_rises_stays_and_falls(step: int, warmup: int, decay: float, share: float) -> None:
    training = Training(learning_rate=2e-3, warmup_steps=warmup, decay=decay)
    assert learning_rate(step, 100, training) == pytest.approx(2e-3 * share)


@given(steps=st.integers(1, 10**6), warmup=st.integers(0, 10**6), decay=st.floats(0, 1), data=st.data())
def test_the_rate_is_never_zero_and_never_over_its_height(steps: int, warmup: int, decay: float, data: object) -> None:
    step = data.draw(st.integers(0, steps - 1))
    rate = learning_rate(step, steps, Training(learning_rate=1e-3, warmup_steps=warmup, decay=decay))
    assert 0 < rate <= 1e-3


@pytest.mark.parametrize(("step", "share"), [(0, 1.0), (60, 1.0), (80, 0.5), (90, 0.1464466), (70, 0.8535534)])
def test_the_rate_falls_as_half_a_wave_where_it_is_told_to(step: int, share: float) -> None:
    training = Training(learning_rate=2e-3, decay=0.4, fall="cosine")
    assert learning_rate(step, 100, training) == pytest.approx(2e-3 * share)


def test_decay_shrinks_matrices_and_spares_biases() -> None:
    matrix, bias = torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2))
    training = Training(learning_rate=0.1, weight_decay=0.5)
    optimizer = optimizer_of([matrix, bias], training, fused=False)
    (0 * (matrix.sum() + bias.sum())).backward()
    optimizer.step()
    torch.testing.assert_close(matrix.data, torch.full((2, 2), 0.95))  # 1 - rate * decay
    assert torch.equal(bias.data, torch.ones(2))


def test_without_decay_the_optimiser_is_adam_as_it_was() -> None:
    weights = [torch.nn.Parameter(torch.ones(2, 2))]
    assert type(optimizer_of(weights, Training(), fused=False)) is torch.optim.Adam
    assert "weight_decay" not in Training().model_dump()
    assert Training(beta_2=0.95).model_dump()["beta_2"] == 0.95


def test_the_rate_reaches_the_optimiser(tmp_path: Path, fabric: Fabric) -> None:
    state, steps = train(toy(tmp_path, "training.warmup_steps=4"), fabric, until=2)
    assert [step.rate for step in steps] == pytest.approx([0.0025, 0.005])
    assert state.optimizers["main"].param_groups[0]["lr"] == pytest.approx(0.005)


def test_a_loss_that_is_not_a_number_stops_training_before_it_touches_a_weight(tmp_path: Path, fabric: Fabric) -> None:
    composition = toy(tmp_path, "losses.bad.at=3", uses=("losses.bad=nan",))
    state = make_state(composition, fabric)
    steps = fit(composition, open_source(composition), fabric, state)
    assert [next(steps).index for _ in range(2)] == [1, 2]
    before = named(state)
    with pytest.raises(DivergedError) as caught:
        next(steps)
    assert caught.value.what == "losses.bad became nan at step 3"
    assert "lower training.learning_rate or that loss's weight" in caught.value.hint
    assert state.step == 2
    assert moved(state, before) == set()


def test_weights_that_are_not_numbers_are_seen() -> None:
    layer = torch.nn.Linear(2, 2)
    assert parameters_finite(layer)
    with torch.no_grad():
        layer.bias[0] = torch.inf
    assert not parameters_finite(layer)


def adversarial(folder: Path, fabric: Fabric) -> tuple[State, dict[str, object]]:
    composition = toy(folder, uses=("losses.foe=adversary",))
    state = make_state(composition, fabric)
    source = open_source(composition)
    from poserep.core.batches import Batches, build_sampler

    sampler = build_sampler(composition, "sampler", source.dataset, composition.context)
    return state, dict(Batches(source, sampler, 4, 0).at(0))


class Still:
    """An optimiser that does nothing, so that the step of the other can be seen."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.param_groups = optimizer.param_groups

    def zero_grad(self, set_to_none: bool = True) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def step(self) -> None:
        pass


def named(state: State) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in state.model.named_parameters()}


def moved(state: State, before: dict[str, Tensor]) -> set[str]:
    return {name for name, parameter in state.model.named_parameters() if not torch.equal(parameter, before[name])}


def test_the_main_step_changes_no_weight_of_an_adversary(tmp_path: Path, fabric: Fabric) -> None:
    state, batch = adversarial(tmp_path, fabric)
    assert set(state.optimizers) == {"main", "losses.foe"}
    state.optimizers["losses.foe"] = Still(state.optimizers["losses.foe"])
    before = named(state)
    optimise(state, batch, ("time", "foe"), 1e-2, fabric)
    changed = moved(state, before)
    assert any(name.startswith("pipeline.encoder") for name in changed)
    assert not any("adversary" in name for name in changed)


def test_an_adversarys_step_changes_its_own_weights_alone(tmp_path: Path, fabric: Fabric) -> None:
    state, batch = adversarial(tmp_path, fabric)
    state.optimizers["main"] = Still(state.optimizers["main"])
    before = named(state)
    optimise(state, batch, ("time", "foe"), 1e-2, fabric)
    assert moved(state, before) == {name for name in before if "adversary" in name}


def test_an_adversary_rests_in_a_phase_without_its_loss(tmp_path: Path, fabric: Fabric) -> None:
    state, batch = adversarial(tmp_path, fabric)
    before = named(state)
    optimise(state, batch, ("time",), 1e-2, fabric)
    assert not any("adversary" in name for name in moved(state, before))
