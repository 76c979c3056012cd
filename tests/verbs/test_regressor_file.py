import json
from pathlib import Path

import pytest
import torch

from poserep.core.compose import Composition, compose
from poserep.core.errors import ConfigError, DataError
from poserep.core.probe import Regressor, Standard, build_head
from poserep.core.skeleton import HUMAN36M_17
from poserep.verbs.regressor_file import describe, load_regressor, read_about, save_regressor, skeleton_of

FEATURES, OUTPUTS = 96, 51


def composed(*sets: str) -> Composition:
    return compose("temporal", sets=["encoder.variant=96", "probe.head.hidden=8", *sets])


@pytest.fixture
def regressor() -> Regressor:
    torch.manual_seed(0)
    features = Standard(torch.randn(FEATURES), torch.rand(FEATURES) + 0.5)
    poses = Standard(torch.randn(OUTPUTS) * 100, torch.rand(OUTPUTS) * 100)
    return Regressor(build_head(composed(), FEATURES, OUTPUTS), features, poses, 17).eval()


def test_a_loaded_regressor_gives_the_very_poses_of_the_saved_one(tmp_path: Path, regressor: Regressor) -> None:
    save_regressor(tmp_path, regressor, describe(composed(), HUMAN36M_17))

    loaded = load_regressor(tmp_path, composed())
    x_NF = torch.randn(5, FEATURES)
    assert loaded is not None
    assert not loaded.training
    torch.testing.assert_close(loaded(x_NF), regressor(x_NF), rtol=0, atol=0)


def test_it_knows_its_joints_and_what_it_was_fitted_on(tmp_path: Path, regressor: Regressor) -> None:
    save_regressor(tmp_path, regressor, describe(composed(), HUMAN36M_17) | {"labels": 500})

    about = read_about(tmp_path)
    assert skeleton_of(about) == HUMAN36M_17
    assert about["labels"] == 500
    assert about["fields"] == {"variant": 96}


def test_its_own_head_is_built_whatever_the_recipe_says_now(tmp_path: Path, regressor: Regressor) -> None:
    save_regressor(tmp_path, regressor, describe(composed(), HUMAN36M_17))

    assert load_regressor(tmp_path, composed("probe.head.hidden=16")) is not None


def test_a_later_one_takes_the_place_of_an_earlier_one(tmp_path: Path, regressor: Regressor) -> None:
    for labels in (100, 500):
        save_regressor(tmp_path, regressor, describe(composed(), HUMAN36M_17) | {"labels": labels})

    assert read_about(tmp_path)["labels"] == 500
    assert [path.name for path in tmp_path.iterdir()] == ["regressor"]


def test_a_run_without_one_has_none(tmp_path: Path) -> None:
    assert load_regressor(tmp_path, composed()) is None


def test_latents_of_another_width_are_refused(tmp_path: Path, regressor: Regressor) -> None:
    save_regressor(tmp_path, regressor, describe(composed(), HUMAN36M_17))

    with pytest.raises(ConfigError, match="reads the latent 'variant' with 96 numbers; 'temporal' has 95"):
        load_regressor(tmp_path, composed("encoder.variant=95"))


@pytest.mark.parametrize("name", ["weights.safetensors", "about.json"])
def test_a_broken_file_is_told(tmp_path: Path, regressor: Regressor, name: str) -> None:
    save_regressor(tmp_path, regressor, describe(composed(), HUMAN36M_17))
    path = tmp_path / "regressor" / name
    path.write_bytes(path.read_bytes()[:20])

    with pytest.raises(DataError, match="the regressor cannot be read") as caught:
        load_regressor(tmp_path, composed())
    assert caught.value.where == str(path)


def test_a_file_without_its_tensors_is_told(tmp_path: Path, regressor: Regressor) -> None:
    save_regressor(tmp_path, regressor, describe(composed(), HUMAN36M_17))
    about = read_about(tmp_path)
    about["head"]["options"]["hidden"] = 9
    (tmp_path / "regressor/about.json").write_text(json.dumps(about))

    with pytest.raises(DataError, match="the regressor cannot be read"):
        load_regressor(tmp_path, composed())
