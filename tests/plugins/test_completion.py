"""What completes a masked frame: the exchange that hands over the reference, and both decoders."""

from typing import Any

import pytest
import torch
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor, nn

from poserep.core.errors import ConfigError, ShapeError
from poserep.core.interfaces import Context, Roles
from poserep.plugins.corruptions.patch_mask_net import visible_patches
from poserep.plugins.decoders import cat_attention, cross_attention
from poserep.plugins.decoders.completion_net import Completion, filled_up
from poserep.plugins.exchanges.reference_memory import ReferenceMemory, ReferenceMemoryOptions

CONTEXT = Context(32, {"patch": 8, "tokens": 12, "rotary": 0})
SMALL: dict[str, Any] = {"preset": "tiny", "width": 16, "depth": 2, "heads": 2}
VISIBLE = torch.tensor([[[1, 4, 7]], [[0, 2, 15]]])
KINDS = ("cross", "cat")


def decoder(kind: str = "cross", context: Context = CONTEXT, **options: Any) -> Completion:
    torch.manual_seed(0)
    if kind == "cross":
        made = cross_attention.build(cross_attention.CrossAttentionOptions(**SMALL | options), context)
    else:
        made = cat_attention.build(cat_attention.CatAttentionOptions(**SMALL | options), context)
    assert isinstance(made, Completion)
    return made


def given(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    tokens, memory = torch.randn(2, 1, 3, 12, generator=generator), torch.randn(2, 1, 16, 12, generator=generator)
    return {"tokens_visible": tokens, "visible": VISIBLE, "memory": memory}


# ---------------------------------------------------------------- exchange


def exchange(roles: Roles, masked: int = 1) -> dict[str, Tensor]:
    whole = len(roles.names) - masked
    tokens = torch.arange(whole).view(1, whole, 1, 1).expand(2, whole, 16, 12).float()
    part = ReferenceMemory(ReferenceMemoryOptions(), CONTEXT)
    return dict(part(tokens_visible=torch.zeros(2, masked, 3, 12), tokens=tokens, roles=roles))


def test_the_reference_is_found_by_its_role() -> None:
    out = exchange(Roles(("other", "target", "reference")))
    assert out["target"].tolist() == [[1], [1]]
    assert bool((out["memory"] == 1).all())  # the second of the whole frames


def test_several_targets_share_a_reference_or_have_one_each() -> None:
    shared = exchange(Roles(("target_1", "target_2", "reference")), masked=2)
    assert shared["memory"].shape == (2, 2, 16, 12)
    own = exchange(Roles(("target_1", "reference_1", "target_2", "reference_2")), masked=2)
    assert own["target"].tolist() == [[0, 2], [0, 2]]
    assert own["memory"][0, :, 0, 0].tolist() == [0, 1]
    with pytest.raises(ConfigError, match="3 targets of a tuple have 2 references"):
        exchange(Roles(("target_1", "target_2", "target_3", "reference_1", "reference_2")), masked=3)


def test_where_nothing_is_masked_there_is_nothing_to_complete() -> None:
    tokens = torch.zeros(2, 2, 16, 12)
    part = ReferenceMemory(ReferenceMemoryOptions(), CONTEXT)
    for roles in (Roles(("target", "reference")), Roles(("frame", "other"))):
        out = part(tokens_visible=torch.zeros(2, 0, 16, 12), tokens=tokens, roles=roles)
        assert out["memory"].shape == (2, 0, 16, 12)
        assert out["target"].shape == (2, 0)
        decoded = decoder()(
            tokens_visible=torch.zeros(2, 0, 16, 12),
            visible=torch.zeros(2, 0, 16, dtype=torch.int64),
            memory=out["memory"],
        )
        assert decoded["patches_decoded"].shape == (2, 0, 16, 192)


def test_references_that_the_encoder_left_out_are_remembered_as_nothing() -> None:
    part = ReferenceMemory(ReferenceMemoryOptions(), CONTEXT)
    out = part(
        tokens_visible=torch.ones(2, 1, 3, 12), tokens=torch.ones(2, 0, 16, 12), roles=Roles(("reference", "target"))
    )
    assert out["memory"].shape == (2, 1, 16, 12)
    assert not out["memory"].any()
    assert out["target"].tolist() == [[1], [1]]


# ---------------------------------------------------------------- decoders


def test_the_sequence_is_filled_up_with_the_mask_token() -> None:
    seen, blank = torch.arange(1.0, 5.0).view(2, 2, 1), torch.full((1, 1, 1), 9.0)
    full = filled_up(seen, blank, torch.tensor([[0, 2], [1, 3]]), 4, gaps=False)
    assert full[..., 0].tolist() == [[1, 9, 2, 9], [9, 3, 9, 4]]
    short = filled_up(seen, blank, torch.tensor([[0, 2], [1, -1]]), 4, gaps=True)
    assert short[..., 0].tolist() == [[1, 9, 2, 9], [9, 3, 9, 9]]


@settings(max_examples=40, deadline=None)
@over(ratio=st.floats(0.05, 0.95), side=st.integers(2, 7), seed=st.integers(0, 99))
def test_filling_up_undoes_hiding(ratio: float, side: int, seed: int) -> None:
    torch.manual_seed(seed)
    patches, whole = side**2, torch.randn(3, side**2, 4)
    hidden = torch.rand(3, 1, patches).argsort(-1) < max(1, min(patches - 1, round(ratio * patches)))
    visible = visible_patches(hidden, int((~hidden[0]).sum()))[:, 0]
    seen = whole.gather(1, visible[..., None].expand(-1, -1, 4))
    blank = torch.full((1, 1, 4), 7.0)
    full = filled_up(seen, blank, visible, patches, gaps=False)
    assert torch.equal(full, torch.where(hidden[:, 0, :, None], blank, whole))
    everything = torch.arange(patches).expand(3, -1)
    assert torch.equal(filled_up(whole, blank, everything, patches, gaps=False), whole)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rotary", [0, 1])
def test_the_reference_is_used_and_silent_where_nothing_passes(kind: str, rotary: int) -> None:
    part = decoder(kind, Context(32, dict(CONTEXT.facts) | {"rotary": rotary}))
    one, two = given(), given() | {"memory": given(1)["memory"]}
    before = part(**one)["patches_decoded"]
    assert before.shape == (2, 1, 16, 192)
    assert not torch.allclose(before, part(**two)["patches_decoded"])
    if kind == "cross":
        for block in part.dec_blocks:
            nn.init.zeros_(block.cross_attn.proj.weight)
        assert torch.equal(part(**one)["patches_decoded"], part(**two)["patches_decoded"])


def test_without_a_reference_it_is_a_masked_autoencoder() -> None:
    part = decoder(reference=False)
    assert not [name for name in part.state_dict() if "cross_attn" in name]
    assert cross_attention.reads(part.options) == ("tokens_visible", "visible")
    fields = given()
    del fields["memory"]
    assert part(**fields)["patches_decoded"].shape == (2, 1, 16, 192)


def test_with_both_images_in_one_sequence_they_are_told_apart_by_their_vector_alone() -> None:
    part, fields = decoder("cat"), given()
    everything = torch.arange(16).expand(2, 1, 16)
    swapped = part(tokens_visible=fields["memory"], visible=everything, memory=fields["memory"].flip(0))
    with torch.no_grad():
        part.image_ids.copy_(part.image_ids.flip(0))
    again = part(tokens_visible=fields["memory"], visible=everything, memory=fields["memory"].flip(0))
    assert not torch.allclose(swapped["patches_decoded"], again["patches_decoded"])
    nn.init.zeros_(part.image_ids)
    same = part(tokens_visible=fields["memory"], visible=everything, memory=fields["memory"])["patches_decoded"]
    assert torch.isfinite(same).all()


def test_the_order_of_visible_patches_does_not_matter() -> None:
    part, fields = decoder(), given()
    turned = fields | {name: fields[name].flip(2) for name in ("tokens_visible", "visible")}
    torch.testing.assert_close(part(**turned)["patches_decoded"], part(**fields)["patches_decoded"])


def test_each_masked_frame_is_completed_by_itself() -> None:
    part = decoder()
    fields = {name: torch.cat((given()[name], given(1)[name]), dim=1) for name in given()}
    both = part(**fields)["patches_decoded"]
    torch.testing.assert_close(both[:, :1], part(**given())["patches_decoded"])
    torch.testing.assert_close(both[:, 1:], part(**given(1))["patches_decoded"])


def test_a_whole_second_image_can_be_decoded_for_what_it_tells() -> None:
    part, fields = decoder(), given()
    everything = torch.arange(16).expand(2, 1, 16)
    features = part.features(fields["memory"], everything, fields["memory"].flip(0))
    assert features.shape == (2, 1, 16, 16)


def test_the_size_of_the_papers_decoder() -> None:
    facts = {"patch": 16, "tokens": 768, "rotary": 0}
    with torch.device("meta"):
        part = cross_attention.build(cross_attention.CrossAttentionOptions(), Context(224, facts))
    assert isinstance(part, nn.Module)
    assert sum(p.numel() for p in part.parameters()) == pytest.approx(34.43e6, abs=5e3)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="the encoder gives no tokens"):
        decoder(context=Context(32, {"variant": 6}))
    with pytest.raises(ShapeError, match="memory: expected"):
        decoder()(**given() | {"memory": torch.zeros(2, 1, 9, 12)})
    with pytest.raises(ShapeError, match="memory is missing"):
        decoder("cat")(tokens_visible=given()["tokens_visible"], visible=VISIBLE)
