"""What every shipped part must keep to, whatever it does; new parts are found by walking the registry."""

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import BaseModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from poserep.core.fields import FIELDS, expect, known
from poserep.core.interfaces import KINDS, Component, Context, Options, Roles, declared
from poserep.core.registry import Registry

REGISTRY = Registry(installed=())
KEYS = sorted(REGISTRY.entries)
NETWORK = {"model": "resnet10t", "weights": "random", "network": {"channels": (8, 8, 8, 8)}}

# Options that make a part small, or that it cannot do without.
SMALL: dict[str, dict[str, Any]] = {
    "dataset.video": {"path": "clips"},
    "dataset.frames": {"path": "clips", "fps": 25.0},
    "detector.stn": {**NETWORK, "input_size": 32},
    "encoder.split": {**NETWORK, "variant": 6, "invariant": 4},
    "decoder.upsampling": {"channels": (8, 8, 8)},
    "head.mlp": {"hidden": 8},
    "head.resnet_mlp": {"width": 8, "blocks": 1},
    "loss.pose2d": {"width": 8, "blocks": 1},
}
SIZES = {"T": 4, "K": 2, "H": 32, "W": 32, "h": 16, "w": 16, "V": 6, "I": 4, "J": 17}
CONTEXT = Context(16, {"variant": 6, "invariant": 4, "joints": 17, "features": 6, "outputs": 51})
STAGES = ("detector", "corruption", "encoder", "exchange", "decoder")
RUN = [key for key in KEYS if key.split(".")[0] in (*STAGES, "loss")]
TUPLES = (1, 2, 5)


def component(key: str) -> Component:
    return REGISTRY.get(*key.split("."))


def options(key: str) -> Options:
    """Small ones if the table has any, else the defaults."""
    return component(key).options.model_validate(SMALL.get(key, {}))


def make(key: str, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return component(key).build(options(key), CONTEXT)


def field(name: str, tuples: int, roles: tuple[str, ...]) -> Any:
    """A plausible value of a field."""
    if name == "roles":
        return Roles(roles)
    shape = [tuples if axis == "B" else SIZES.get(axis) or int(axis) for axis in FIELDS[name].axes.split()]
    if name == "target":
        return torch.arange(2).expand(tuples, 2).clone()
    if name in ("box", "true_box"):
        return torch.cat((0.3 + 0.4 * torch.rand(*shape[:-1], 2), 0.4 * torch.rand(*shape[:-1], 2) - 0.2), dim=-1)
    if name == "time":
        return torch.rand(shape).cumsum(-1)
    return torch.rand(shape) if "[0, 1]" in FIELDS[name].unit else torch.randn(shape)


def inputs(key: str, tuples: int = 2, seed: int = 0) -> dict[str, Any]:
    torch.manual_seed(seed)
    part = component(key)
    roles = declared(part.roles, options(key)) or ("reference", "positive", "intermediate", "negative")
    names = {name.rstrip("?") for name in declared(part.reads, options(key))}
    return {name: field(name, tuples, roles) for name in sorted(names)}


def run(part: Any, fields: Mapping[str, Any], key: str) -> dict[str, Tensor]:
    torch.manual_seed(1)
    out = part(**fields)
    return {"loss": out} if key.startswith("loss.") else dict(out)


def with_gradient(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.requires_grad_() if isinstance(value, Tensor) and value.is_floating_point() else value
        for name, value in fields.items()
    }


def pull(out: Mapping[str, Tensor]) -> None:
    """Send a gradient back from everything that can carry one."""
    torch.manual_seed(2)
    parts = [(value * torch.rand_like(value)).sum() for value in out.values() if value.requires_grad]
    torch.stack(parts).sum().backward()


# ---------------------------------------------------------------- what it declares


@pytest.mark.parametrize("key", KEYS)
def test_its_name_is_short_lower_case_and_it_says_what_it_does(key: str) -> None:
    entry = REGISTRY.entries[key]
    assert entry.kind in KINDS
    assert re.fullmatch(r"[a-z][a-z0-9_]{1,29}", entry.name)
    assert 10 <= len(entry.summary) <= 120
    assert not entry.summary.endswith(".")
    assert entry.module.startswith(f"poserep.plugins.{entry.kind}s.".replace("losss", "losses"))


@pytest.mark.parametrize("key", KEYS)
def test_its_module_says_where_it_comes_from(key: str) -> None:
    doc = importlib.import_module(REGISTRY.entries[key].module).__doc__
    assert doc
    if REGISTRY.entries[key].paper:
        assert re.search(r"arXiv:\d{4}\.\d{5}", doc)


def documented(model: type[BaseModel]) -> None:
    assert model.__doc__
    for name, option in model.model_fields.items():
        assert option.description, f"{model.__name__}.{name}"
        assert option.description.rstrip().endswith((".", "`", ")")), f"{model.__name__}.{name}"
        if isinstance(option.annotation, type) and issubclass(option.annotation, BaseModel):
            documented(option.annotation)


@pytest.mark.parametrize("key", KEYS)
def test_every_option_is_documented(key: str) -> None:
    assert issubclass(component(key).options, Options)
    documented(component(key).options)


@pytest.mark.parametrize("key", KEYS)
def test_its_defaults_are_valid_unless_it_asks_for_something(key: str) -> None:
    if not any(option.is_required() for option in component(key).options.model_fields.values()):
        assert component(key).options()
    assert options(key)


@pytest.mark.parametrize("key", KEYS)
def test_what_it_reads_and_writes_is_in_the_vocabulary(key: str) -> None:
    part = component(key)
    for names in (part.reads, part.writes):
        listed = declared(names, options(key))
        assert all(known(name.rstrip("?")) for name in listed)
        assert len(set(listed)) == len(listed)
    if part.kind == "sampler":
        assert declared(part.roles, options(key))


@pytest.mark.parametrize("key", [key for key in KEYS if key.startswith("sampler.")])
def test_a_sampler_draws_the_roles_that_it_declares(key: str) -> None:
    assert make(key).roles == declared(component(key).roles, options(key))


@pytest.mark.parametrize("key", KEYS)
def test_its_facts_are_numbers(key: str) -> None:
    facts = component(key).facts(options(key))
    assert all(isinstance(value, int) and not isinstance(value, bool) for value in facts.values())


# ---------------------------------------------------------------- what it does


@pytest.mark.parametrize("tuples", TUPLES)
@pytest.mark.parametrize("key", RUN)
def test_it_writes_what_it_declares_for_every_number_of_tuples(key: str, tuples: int) -> None:
    part = make(key)
    if isinstance(part, nn.Module) and tuples == 1:
        part.eval()  # batch norm cannot learn from one row
    out = run(part, inputs(key, tuples), key)
    if key.startswith("loss."):
        assert out["loss"].shape == ()
        return
    assert set(out) == {name.rstrip("?") for name in declared(component(key).writes, options(key))}
    expect(*((name, value, FIELDS[name].axes) for name, value in out.items()))
    assert all(len(value) == tuples for value in out.values())


@pytest.mark.parametrize("key", RUN)
def test_tuples_do_not_see_each_other_in_evaluation(key: str) -> None:
    part = make(key)
    if isinstance(part, nn.Module):
        part.eval()
    if key.startswith("loss."):
        return  # a mean over the batch
    fields = inputs(key, 4)
    whole = run(part, fields, key)
    one = run(part, {name: v[1:2] if isinstance(v, Tensor) else v for name, v in fields.items()}, key)
    for name, value in one.items():
        torch.testing.assert_close(value, whole[name][1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("key", RUN)
def test_the_same_seed_gives_the_same_weights_and_numbers(key: str) -> None:
    first, second = (run(make(key, seed=4), inputs(key), key) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("key", RUN)
def test_gradients_reach_every_weight_that_learns(key: str) -> None:
    part = make(key)
    out = run(part, with_gradient(inputs(key)), key)
    if any(value.requires_grad for value in out.values()):
        pull(out)
    weights = dict(part.named_parameters()) if isinstance(part, nn.Module) else {}
    for name, weight in weights.items():
        if weight.requires_grad:
            assert weight.grad is not None, name
            assert weight.grad.isfinite().all(), name


@pytest.mark.parametrize("key", [key for key in RUN if key.startswith("loss.")])
def test_a_loss_sends_finite_gradients_to_something_that_it_reads(key: str) -> None:
    fields = with_gradient(inputs(key))
    run(make(key), fields, key)["loss"].backward()
    grads = [value.grad for value in fields.values() if isinstance(value, Tensor) and value.grad is not None]
    assert any(bool(grad.abs().sum() > 0) for grad in grads)
    assert all(bool(grad.isfinite().all()) for grad in grads)


@pytest.mark.parametrize("key", [key for key in RUN if not key.startswith("loss.")])
def test_its_weights_survive_a_file(key: str, tmp_path: Path) -> None:
    part = make(key)
    if not isinstance(part, nn.Module):
        return
    save_file({name: value.contiguous() for name, value in part.state_dict().items()}, tmp_path / "a.safetensors")
    other = make(key, seed=9)
    other.load_state_dict(load_file(tmp_path / "a.safetensors"))
    before, after = (run(module.eval(), inputs(key), key) for module in (part, other))
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("key", RUN)
def test_it_works_in_half_precision(key: str) -> None:
    fields = with_gradient(inputs(key))
    with torch.autocast("cpu", torch.bfloat16):
        out = run(make(key), fields, key)
    assert all(value.isfinite().all() for value in out.values())
    if any(value.requires_grad for value in out.values()):
        pull(out)


def hard(fields: dict[str, Any], case: str) -> dict[str, Any]:
    """Inputs at which divisions and roots go wrong."""
    found = dict(fields)
    for name, value in fields.items():
        if not isinstance(value, Tensor) or not value.is_floating_point():
            continue
        if name in ("box", "true_box"):
            border = torch.tensor([1.0, 1.0, 0.8, -0.8]).expand_as(value)
            found[name] = border.clone() if case == "box at the border" else value
        elif case == "equal frames":
            found[name] = value[:, :1].expand_as(value).clone()
        elif case == "zeros":
            found[name] = torch.zeros_like(value)
        elif case == "ones":
            found[name] = torch.ones_like(value)
    return found


@pytest.mark.parametrize("case", ["equal frames", "zeros", "ones", "box at the border"])
@pytest.mark.parametrize("key", RUN)
def test_it_stays_finite_on_hard_inputs(key: str, case: str) -> None:
    part = make(key)
    fields = with_gradient(hard(inputs(key), case))
    out = run(part, fields, key)
    assert all(value.isfinite().all() for value in out.values())
    if not any(value.requires_grad for value in out.values()):
        return
    pull(out)
    grads = [value.grad for value in fields.values() if isinstance(value, Tensor) and value.grad is not None]
    grads += (
        [weight.grad for weight in part.parameters() if weight.grad is not None] if isinstance(part, nn.Module) else []
    )
    assert all(bool(grad.isfinite().all()) for grad in grads)


@pytest.mark.parametrize("key", [key for key in KEYS if key.startswith("head.")])
def test_a_head_maps_features_to_outputs_and_learns(key: str) -> None:
    head = make(key)
    out = head(torch.randn(8, 6))
    assert out.shape == (8, 51)
    out.square().mean().backward()
    assert all(weight.grad is not None for weight in head.parameters())
    assert head.eval()(torch.randn(1, 6)).shape == (1, 51)


@pytest.mark.parametrize("key", [key for key in KEYS if key.startswith("sampler.")])
def test_a_sampler_follows_from_its_generator(key: str) -> None:
    from poserep.core.interfaces import Clip

    clips = [Clip(f"c{n}", "a", "a", "left", "train", np.arange(200) / 10) for n in range(3)]
    draws = []
    for _ in range(2):
        sampler = make(key)
        sampler.prepare(clips, np.array([0, 2]))
        draws.append(sampler.draw(np.random.default_rng(3), 50))
    assert np.array_equal(draws[0].clip, draws[1].clip)
    assert np.array_equal(draws[0].frame, draws[1].frame)
    assert draws[0].clip.shape == (50, len(make(key).roles))
    assert set(np.unique(draws[0].clip)) <= {0, 2}
    assert 0 <= draws[0].frame.min() <= draws[0].frame.max() < 200
