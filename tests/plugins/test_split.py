"""The split encoder with a residual perceptron before its output layers, and features without any layer."""

import pytest
import torch

from poserep.core.compose import compose
from poserep.core.config import complete
from poserep.core.errors import ConfigError, ShapeError
from poserep.core.interfaces import Context
from poserep.core.registry import Registry
from poserep.plugins.encoders import pooled
from poserep.plugins.encoders.split import Residual, SplitOptions, build

SMALL = {"model": "resnet10t", "weights": "random", "network": {"channels": (8, 8, 8, 8)}}
CONTEXT = Context(crop_size=32)


def encoder(residual: Residual | None = None, **options: int) -> torch.nn.Module:
    torch.manual_seed(0)
    chosen = SplitOptions(**SMALL, variant=6, invariant=4, residual=residual, **options)
    return build(chosen, CONTEXT).eval()


def test_latents_are_output_layers_on_the_residual_perceptron() -> None:
    part, crop = encoder(Residual(width=12, blocks=1, dropout=0.0)), torch.rand(2, 3, 3, 32, 32)
    found = part(crop_corrupted=crop, crop=crop.flip(0))
    first, block = part.between
    h = first(part.trunk(crop.flatten(0, 1)))
    h = h + block.layers(h)  # the block's input is added to its output
    torch.testing.assert_close(found["variant"].flatten(0, 1), part.to_variant(h))
    assert found["invariant"].shape == (2, 3, 4)


def test_the_papers_perceptron_has_three_blocks_of_1024() -> None:
    part = encoder(Residual())
    weights = [tuple(p.shape) for p in part.between.parameters() if p.ndim == 2]
    assert weights == [(1024, 8), *[(1024, 1024)] * 6]
    assert part.to_variant.weight.shape == (6, 1024)


def test_each_latent_sees_its_own_crop_through_the_perceptron() -> None:
    part, one, other = encoder(Residual(width=12, blocks=1)), *torch.rand(2, 1, 1, 3, 32, 32)
    apart, same = part(crop_corrupted=one, crop=other), part(crop_corrupted=one, crop=one)
    torch.testing.assert_close(apart["variant"], same["variant"])
    assert not torch.allclose(apart["invariant"], same["invariant"])


def test_gradients_pass_the_perceptron_to_the_trunk() -> None:
    part, crop = encoder(Residual(width=12, blocks=1)).train(), torch.rand(2, 2, 3, 32, 32)
    sum(latent.square().sum() for latent in part(crop_corrupted=crop, crop=crop).values()).backward()
    assert all(weight.grad is not None for weight in part.parameters())


def test_without_it_weights_and_config_are_as_they_were() -> None:
    part = encoder()
    assert part.between is None
    assert not [name for name in part.state_dict() if name.startswith("between")]
    recipe = complete(compose("temporal", Registry(installed=())).resolved)
    assert "residual" not in recipe["encoder"]  # run folders without it keep their config


def test_a_recipe_asks_for_it_with_a_table() -> None:
    composition = compose("temporal", Registry(installed=()), sets=["encoder.residual={width=64, blocks=2}"])
    assert composition.parts["encoder"].options.residual == Residual(width=64, blocks=2)
    with pytest.raises(ConfigError, match="blocs"):
        compose("temporal", Registry(installed=()), sets=["encoder.residual={blocs=2}"])


def pooled_encoder(variant: int = 8) -> torch.nn.Module:
    torch.manual_seed(0)
    return pooled.build(pooled.PooledOptions(**SMALL, variant=variant), CONTEXT)


def test_pooled_features_are_the_trunks_and_each_frames_own() -> None:
    part, crop = pooled_encoder().eval(), torch.rand(2, 3, 3, 32, 32)
    found = part(crop_corrupted=crop)["variant"]
    torch.testing.assert_close(found, part.trunk(crop.flatten(0, 1)).unflatten(0, (2, 3)))
    torch.testing.assert_close(part(crop_corrupted=crop[:1, 1:2])["variant"], found[:1, 1:2])
    assert all(name.startswith("trunk.") for name, _ in part.named_parameters())


def test_another_width_than_the_networks_is_refused_with_the_right_one() -> None:
    with pytest.raises(ConfigError) as caught:
        pooled_encoder(variant=9)
    assert (caught.value.what, caught.value.hint) == ("resnet10t has 8 features, not 9", "set encoder.variant = 8")
    with pytest.raises(ShapeError, match="crop_corrupted: expected"):
        pooled_encoder()(crop_corrupted=torch.zeros(1, 3, 32, 32))
