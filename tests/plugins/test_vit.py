"""The vision transformer: what it computes, what it cannot see, and its latents."""

from typing import Any

import pytest
import timm
import torch
from torch import Tensor

from poserep.core.errors import ConfigError, ShapeError
from poserep.core.interfaces import Context, Roles
from poserep.networks.patches import patchify, standardised, unpatchify
from poserep.plugins.encoders.vit import SIZES, ViTOptions, build, facts
from poserep.plugins.encoders.vit_net import ViT

ROLES = Roles(("target", "reference"))
SMALL: dict[str, Any] = {"preset": "tiny", "width": 16, "depth": 2, "heads": 2}
VISIBLE = torch.tensor([[[1, 4, 7]], [[0, 2, 15]]])


def encoder(crop_size: int = 32, extra: dict[str, int] | None = None, **options: Any) -> ViT:
    torch.manual_seed(0)
    made = build(ViTOptions(**SMALL | options), Context(crop_size, extra or {}))
    assert isinstance(made, ViT)
    return made


def crops(seed: int = 0) -> Tensor:
    return torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("positions", ["sincos", "rope"])
def test_visible_tokens_do_not_depend_on_hidden_pixels(positions: str) -> None:
    part, crop = encoder(positions=positions), crops()
    patches, other = patchify(crop[:, 0], 8), patchify(crops(1)[:, 0], 8)
    for b in range(2):
        other[b, VISIBLE[b, 0]] = patches[b, VISIBLE[b, 0]]
    changed = torch.stack((unpatchify(other, 8), crop[:, 1]), dim=1)
    one, two = (part(crop=given, roles=ROLES, visible=VISIBLE) for given in (crop, changed))
    for name in one:
        assert torch.equal(one[name], two[name]), name
    again = part(crop=changed, roles=ROLES)
    assert not torch.allclose(again["variant"][:, 0], one["variant"][:, 0])


def test_hidden_patches_are_never_computed() -> None:
    part, rows = encoder(), []
    for module in (part.patch_embed, *part.enc_blocks):
        module.register_forward_pre_hook(lambda _module, given: rows.append(tuple(given[0].shape[:2])))
    part(crop=crops(), roles=ROLES, visible=VISIBLE)
    # two reference frames of 16 patches, then two targets of which 3 patches are visible
    assert rows == [(2, 16)] * 3 + [(2, 3)] * 3


def test_whole_frames_beside_masked_ones_are_left_out_where_nobody_needs_them() -> None:
    torch.manual_seed(0)
    unread = {"memory": 0, "variant": 0, "tokens": 1}
    part = build(ViTOptions(**SMALL), Context(32, readers=unread))
    assert isinstance(part, ViT)
    rows: list[tuple[int, ...]] = []
    for module in (part.patch_embed, *part.enc_blocks):
        module.register_forward_pre_hook(lambda _module, given: rows.append(tuple(given[0].shape[:2])))
    out, wanted = (one(crop=crops(), roles=ROLES, visible=VISIBLE) for one in (part, encoder()))
    assert rows == [(2, 3)] * 3  # two targets of which 3 patches are visible, and no reference
    assert torch.equal(out["tokens_visible"], wanted["tokens_visible"])
    assert out["tokens"].shape == (2, 0, 16, 16)
    assert torch.equal(out["variant"][:, 0], wanted["variant"][:, 0])
    assert not out["variant"][:, 1].any()
    whole, same = (one(crop=crops(), roles=ROLES) for one in (part, encoder()))
    assert torch.equal(whole["tokens"], same["tokens"])  # where nothing is masked, everything is computed


@pytest.mark.parametrize(
    "readers",
    [
        {},
        {"memory": 1, "variant": 0, "tokens": 1},
        {"memory": 0, "variant": 1, "tokens": 1},
        {"memory": 0, "variant": 0, "invariant": 1, "tokens": 1},
        {"memory": 0, "variant": 0, "tokens": 2},
    ],
)
def test_whoever_reads_of_whole_frames_gets_them(readers: dict[str, int]) -> None:
    part = build(ViTOptions(**SMALL), Context(32, readers=readers))
    assert isinstance(part, ViT)
    assert part(crop=crops(), roles=ROLES, visible=VISIBLE)["tokens"].shape == (2, 1, 16, 16)


def test_masked_and_whole_frames_are_told_apart_by_their_roles() -> None:
    part, crop = encoder(), crops()
    out = part(crop=crop.flip(1), roles=Roles(("reference", "target")), visible=VISIBLE)
    wanted = part(crop=crop, roles=ROLES, visible=VISIBLE)
    torch.testing.assert_close(out["tokens_visible"], wanted["tokens_visible"])
    torch.testing.assert_close(out["tokens"], wanted["tokens"])
    torch.testing.assert_close(out["variant"], wanted["variant"].flip(1))


def test_both_images_have_one_set_of_weights() -> None:
    part, crop = encoder(), crops()
    everything = torch.arange(16).expand(2, 1, 16)
    seen = part(crop=crop, roles=ROLES, visible=everything)["tokens_visible"]
    torch.testing.assert_close(seen, part(crop=crop, roles=ROLES)["tokens"][:, :1])


def test_latents_are_the_mean_of_the_computed_tokens_through_their_layers() -> None:
    part, crop = encoder(variant=6, invariant=4), crops()
    out = part(crop=crop, roles=ROLES, visible=VISIBLE)
    mean = torch.stack((out["tokens_visible"][:, 0].mean(1), out["tokens"][:, 0].mean(1)), dim=1)
    torch.testing.assert_close(out["variant"], part.to_variant(mean))
    torch.testing.assert_close(out["invariant"], part.to_invariant(mean))
    plain = encoder()
    found = plain(crop=crop, roles=ROLES)
    assert set(found) == {"tokens_visible", "tokens", "variant"}
    torch.testing.assert_close(found["variant"], found["tokens"].mean(2))
    assert facts(ViTOptions(**SMALL, positions="rope")) == {
        "variant": 16,
        "invariant": 0,
        "tokens": 16,
        "patch": 8,
        "rotary": 1,
    }


def test_pose_is_read_from_the_corrupted_crop_and_looks_from_the_clean_one() -> None:
    part, crop, other = encoder(invariant=4), crops(), crops(1)
    apart, same = (part(crop=crop, crop_corrupted=seen, roles=ROLES) for seen in (other, crop))
    torch.testing.assert_close(apart["invariant"], same["invariant"])
    torch.testing.assert_close(apart["variant"], part(crop=other, roles=ROLES)["variant"])


def test_short_lists_of_visible_patches_count_for_what_they_hold() -> None:
    part, crop = encoder(extra={"filled": 1}, invariant=4), crops()
    short = torch.tensor([[[1, 4, -1]], [[0, 2, 15]]])
    out = part(crop=crop, roles=ROLES, visible=short)
    wanted = part(crop=crop[:1], roles=ROLES, visible=short[:1, :, :2])
    torch.testing.assert_close(out["tokens_visible"][:1, :, :2], wanted["tokens_visible"])
    torch.testing.assert_close(out["variant"][:1], wanted["variant"])
    assert not out["tokens_visible"][0, 0, 2].any()


def test_it_is_timms_transformer_without_a_class_token_given_the_same_weights() -> None:
    theirs = timm.create_model(
        "vit_tiny_patch16_224",
        img_size=32,
        patch_size=8,
        embed_dim=16,
        depth=2,
        num_heads=2,
        class_token=False,
        global_pool="avg",
        num_classes=0,
        fc_norm=False,
    ).eval()
    part = encoder()
    names = {"blocks.": "enc_blocks.", "norm.": "enc_norm."}
    state = theirs.state_dict()
    with torch.no_grad():
        theirs.pos_embed.copy_(part.positions.table[None])
    for old, new in names.items():
        state = {new + k[len(old) :] if k.startswith(old) else k: v for k, v in state.items()}
    left = part.load_state_dict(state, strict=False)
    assert left.unexpected_keys == ["pos_embed"]
    assert left.missing_keys == ["positions.table"]
    crop = crops()
    wanted = theirs.forward_features(standardised(crop[:, 0]))
    torch.testing.assert_close(part(crop=crop, roles=ROLES)["tokens"][:, 0], wanted)


def test_presets_are_the_papers_sizes() -> None:
    assert SIZES["base"] == (768, 12, 12, 16)
    assert SIZES["large"] == (1024, 24, 16, 16)
    assert ViTOptions(preset="large", heads=8).size == (1024, 24, 8, 16)
    with torch.device("meta"):
        part = build(ViTOptions(preset="base", positions="rope"), Context(224))
    assert isinstance(part, ViT)
    assert sum(p.numel() for p in part.parameters()) == pytest.approx(85.65e6, abs=5e3)


def test_gradients_reach_the_crop_through_visible_patches_alone() -> None:
    part, crop = encoder(), crops().requires_grad_()
    part(crop=crop, roles=ROLES, visible=VISIBLE)["tokens_visible"].square().sum().backward()
    reached = patchify(crop.grad[:, 0], 8).abs().sum(-1) > 0
    assert [row.nonzero().flatten().tolist() for row in reached] == VISIBLE[:, 0].tolist()


def test_other_shapes_and_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match="crop: expected"):
        encoder()(crop=torch.zeros(2, 3, 32, 32), roles=ROLES)
    with pytest.raises(ShapeError, match="visible tells of 2 masked frames, but 1 have the role target"):
        encoder()(crop=crops(), roles=ROLES, visible=VISIBLE.expand(2, 2, 3))
    with pytest.raises(ConfigError, match="does not divide among 3 heads"):
        encoder(heads=3)
    with pytest.raises(ConfigError, match="crop_size = 30 is not a multiple"):
        encoder(crop_size=30)
