"""What completion costs beside its transformers: a training step against their bare blocks on the same tokens.

Run with ``pytest --benchmark-only``. The bare ViT is blocks alone, forward and backward: for the encoder timm's, on the
visible tokens of the target and on all of the reference, for the decoder ours, on the full sequence. Both are timed in
turns, so that a busy machine slows both.
"""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from pytest_benchmark.fixture import BenchmarkFixture
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from poserep.core.batches import Batches, build_sampler, open_source
from poserep.core.compose import Composition, compose
from poserep.core.fit import State, make_state, optimise
from poserep.core.registry import Registry
from poserep.networks.transformer import LayerNorm

ROUNDS, GOAL = 12, 1.10
SETS = (
    "dataset.subjects=1",
    "dataset.test_subjects=0",
    "dataset.validation_subjects=0",
    "training.precision='32-true'",
    "training.batch=16",
    "encoder.patch=8",
    "decoder.depth=2",
)


def processor_s(run: Callable[[], object]) -> float:
    begin = time.process_time()
    run()
    return time.process_time() - begin


def bare(state: State, record: Mapping[str, Any]) -> Callable[[], None]:
    """Blocks alone, on tokens of the sizes that a step has."""
    encoder, decoder = state.model.pipeline.encoder, state.model.pipeline.decoder
    width, heads = encoder.width, encoder.enc_blocks[0].attn.num_heads
    blocks = nn.Sequential(*(Block(width, heads, qkv_bias=True, norm_layer=LayerNorm) for _ in encoder.enc_blocks))
    seen, whole = (torch.randn(record[name].flatten(0, 1).shape) for name in ("tokens_visible", "tokens"))
    full = torch.randn(len(seen), decoder.patches, decoder.options.size.width)

    def run() -> None:
        blocks.zero_grad(set_to_none=True)
        decoder.zero_grad(set_to_none=True)
        visible, memory = (blocks(x.requires_grad_()) for x in (seen, whole))
        out: Tensor = decoder.run(full.requires_grad_(), decoder.decoder_embed(memory))
        patches = decoder.prediction_head(out)
        (patches.square().mean() + visible.square().mean()).backward()

    return run


def stepped(composition: Composition) -> tuple[Callable[[], None], Callable[[], None]]:
    """A training step on a batch in memory, and its blocks alone."""
    fabric = Fabric(accelerator="cpu", devices=1)
    state, source = make_state(composition, fabric), open_source(composition)
    sampler = build_sampler(composition, "sampler", source.dataset, composition.context)
    batch = Batches(source, sampler, composition.experiment.training.batch, 0).at(0)
    roles = composition.phases[0].losses
    with torch.no_grad():
        record = state.model.train().pipeline(batch)
    return lambda: optimise(state, batch, roles, 1e-4, fabric) and None, bare(state, record)


@pytest.mark.benchmark(group="completion step")
@pytest.mark.parametrize(
    ("size", "sets"),
    [
        ("tiny", ("encoder.width=128", "decoder.width=96")),
        ("small", ("encoder.preset='small'", "encoder.width=384", "encoder.depth=4", "decoder.width=256")),
    ],
)
def test_a_step_costs_little_more_than_its_blocks(
    benchmark: BenchmarkFixture, size: str, sets: tuple[str, ...]
) -> None:
    step, blocks = stepped(compose("crocoman", Registry(installed=()), sets=(*SETS, *sets)))
    step()
    blocks()
    pairs = [(processor_s(step), processor_s(blocks)) for _ in range(ROUNDS)]
    ratio = median(whole for whole, _ in pairs) / median(alone for _, alone in pairs)
    benchmark.extra_info |= {"ratio": ratio, "blocks_alone_s": median(alone for _, alone in pairs)}
    benchmark.pedantic(step, rounds=3)
    assert ratio <= GOAL
