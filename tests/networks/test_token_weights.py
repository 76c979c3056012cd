"""Weights from elsewhere: each layout's names, what is told about them, and what is refused."""

import logging
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from poserep.core.errors import ConfigError, DataError
from poserep.core.interfaces import Context, Roles
from poserep.networks import token_weights
from poserep.networks.positions import resized
from poserep.networks.token_weights import load_tokens, renamed
from poserep.plugins.decoders.cross_attention import CrossAttentionOptions
from poserep.plugins.decoders.cross_attention import build as build_decoder
from poserep.plugins.encoders.vit import ViTOptions, facts
from poserep.plugins.encoders.vit import build as build_encoder

SMALL: dict[str, Any] = {"preset": "tiny", "width": 16, "depth": 2, "heads": 2}


def encoder(weights: str = "random", crop: int = 32, **options: Any) -> Any:
    return build_encoder(ViTOptions(**SMALL | options, weights=weights), Context(crop))


def decoder(weights: str = "random", **options: Any) -> Any:
    context = Context(32, dict(facts(ViTOptions(**SMALL))))
    return build_decoder(CrossAttentionOptions(**SMALL | options, weights=weights), context)


def released(seed: int = 0, crop: int = 32) -> dict[str, Tensor]:
    """A file as the authors of cross-view completion lay it out."""
    torch.manual_seed(seed)
    state = encoder(crop=crop).state_dict() | decoder().state_dict()
    tables = {"enc_pos_embed": torch.rand((crop // 8) ** 2, 16), "dec_pos_embed": torch.rand(1, 16, 16)}
    del state["positions.table"]
    return state | tables


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "released.pth"
    torch.save({"model": released(), "args": Namespace(lr=1e-4), "epoch": 400}, path)
    return path


def timm_state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    model = timm.create_model(
        "vit_tiny_patch16_224", img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=3
    )
    return dict(model.state_dict())


def test_the_released_layout_gives_both_halves_their_weights(file: Path) -> None:
    torch.manual_seed(1)
    wanted, halves = released(), (encoder(str(file)), decoder(str(file)))
    for part, table in zip(halves, ("enc_pos_embed", "dec_pos_embed"), strict=True):
        for name, tensor in part.state_dict().items():
            true = wanted[table].flatten(0, -2) if name == "positions.table" else wanted[name]
            assert torch.equal(tensor, true), name


def test_what_matched_is_told(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="poserep"):
        encoder(str(file))
    count = len(encoder().state_dict())
    assert caplog.messages == [
        f"encoder: weights of released.pth: {count} tensors matched; missing: none; unused: none"
    ]


def test_a_timm_checkpoint_loses_its_class_token_positions_and_head(tmp_path: Path) -> None:
    path, state = tmp_path / "timm.safetensors", timm_state()
    save_file(state, path)
    part = encoder()
    report = load_tokens(part, str(path), "encoder")
    assert report is not None
    assert set(report.unused) == {"cls_token", "pos_embed", "head.weight", "head.bias"}
    assert report.missing == ("positions.table",)
    assert torch.equal(part.enc_blocks[1].attn.qkv.weight, state["blocks.1.attn.qkv.weight"])
    assert torch.equal(part.patch_embed.proj.weight, state["patch_embed.proj.weight"])
    assert torch.equal(part.enc_norm.bias, state["norm.bias"])


def test_a_timm_name_is_looked_up_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save_file(timm_state(), path)
    asked: list[str] = []
    monkeypatch.setattr(token_weights, "hub_file", lambda name: asked.append(name) or path)
    part = encoder("vit_base_patch16_224.dino")
    assert asked == ["vit_base_patch16_224.dino"]
    assert torch.equal(part.enc_norm.weight, timm_state()["norm.weight"])


def test_a_runs_checkpoint_gives_each_half_its_own(tmp_path: Path) -> None:
    torch.manual_seed(2)
    one, two = encoder(variant=6), decoder()
    state = {f"pipeline.encoder.{name}": value for name, value in one.state_dict().items()}
    state |= {f"pipeline.decoder.{name}": value for name, value in two.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors")
    again, other = encoder(str(tmp_path / "model.safetensors"), variant=6), decoder(str(tmp_path / "model.safetensors"))
    for part, same in ((one, again), (two, other)):
        assert all(torch.equal(value, same.state_dict()[name]) for name, value in part.state_dict().items())


def test_positions_of_other_crops_are_stretched_and_rotary_ones_need_none(tmp_path: Path) -> None:
    path, state = tmp_path / "larger.pth", released(crop=64)
    torch.save(state, path)
    assert torch.equal(encoder(str(path)).positions.table, resized(state["enc_pos_embed"], 4))
    encoder(str(path), positions="rope")
    roles, crop = Roles(("frame",)), torch.rand(1, 1, 3, 64, 64)
    assert encoder(str(path), crop=64)(crop=crop, roles=roles)["tokens"].shape == (1, 1, 64, 16)


def test_names_are_mapped_by_their_beginnings() -> None:
    one = torch.ones(1)
    found, unused = renamed({"prediction_head.proj.weight": one, "enc_norm.bias": one, "other": one}, "decoder")
    assert set(found) == {"prediction_head.weight"}
    assert unused == ("other",)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"width": 24}, r"tensors have other sizes, among them .*\(16,.* in the file, \(24,"),
        ({"depth": 3}, "the file lacks 12 of the encoder's 41 tensors, among them enc_blocks.2.norm1.weight"),
        ({"depth": 1}, "the file has 12 tensors of blocks that the encoder has no place for"),
    ],
)
def test_another_size_is_refused(file: Path, options: dict[str, int], told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        encoder(str(file), **options)
    assert "encoder.preset" in caught.value.hint


def test_unknown_names_missing_files_and_half_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there are no weights 'vit_bas_patch16_224\.dino'") as caught:
        encoder("vit_bas_patch16_224.dino")
    assert "vit_base_patch16_224.dino" in caught.value.hint
    with pytest.raises(ConfigError, match=r"there are no weights 'vit_base_patch16_224\.dino' for a decoder"):
        decoder("vit_base_patch16_224.dino")
    with pytest.raises(DataError, match="there is no such weight file"):
        encoder(str(tmp_path / "none.pth"))
    save_file(timm_state(), tmp_path / "timm.safetensors")
    with pytest.raises(DataError, match="the file lacks"):
        decoder(str(tmp_path / "timm.safetensors"))


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "touched",))

    torch.save({"model": Harmful()}, tmp_path / "harmful.pth")
    with pytest.raises(DataError, match="the weight file cannot be read"):
        encoder(str(tmp_path / "harmful.pth"))
    assert not (tmp_path / "touched").exists()
