import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

from poserep.core.ranks import (
    GatheredBatchNorm,
    RowDropout,
    anybody,
    gather_batch_norm,
    global_mean,
    own_rows,
    rank,
    uniform_rows,
    world_size,
)

SCRIPT = """
import sys
import torch
import torch.distributed as dist
from torch import nn
from poserep.core.ranks import (
    GatheredBatchNorm, RowDropout, anybody, gather_batch_norm, global_mean, own_rows, uniform_rows
)

generator = torch.Generator().manual_seed(0)
maps = 5 + 0.1 * torch.randn(6, 3, 4, 5, generator=generator)
rows = 5 + 0.1 * torch.randn(6, 3, generator=generator)
pull = torch.randn(6, 3, generator=generator)


def train(norm, x, weights):
    x = x.clone().requires_grad_()
    out = norm(x)
    (out.flatten(2).mean(-1) if out.ndim == 4 else out).mul(weights).square().mean().backward()
    return out.detach(), x.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var


def drawn(part):
    torch.manual_seed(7)
    return uniform_rows(len(part), 2, like=part), RowDropout(0.5)(part)


def batch_norms():
    torch.manual_seed(1)
    two = nn.BatchNorm2d(3, momentum=0.3), nn.BatchNorm1d(3)
    for norm in two:
        nn.init.uniform_(norm.weight), nn.init.uniform_(norm.bias)
    return two


alone = [train(norm, x, pull) for norm, x in zip(batch_norms(), (maps, rows))]
alone_drawn = drawn(rows)
x = rows.clone().requires_grad_()
global_mean(x).square().sum().backward()
alone_mean, alone_grad = global_mean(rows), x.grad

dist.init_process_group("gloo", init_method=f"file://{sys.argv[1]}", rank=int(sys.argv[2]), world_size=2)
own = own_rows(3)
close = torch.testing.assert_close
holder = nn.ModuleList(batch_norms())
gather_batch_norm(holder)
for norm, x, (out, grad, weight, bias, mean, variance) in zip(holder, (maps, rows), alone):
    assert isinstance(norm, GatheredBatchNorm)
    found = train(norm, x[own], pull[own])
    close(found[0], out[own])
    close(found[1] / 2, grad[own])  # gradients of two processes are averaged afterwards
    for mine, whole in ((found[2], weight), (found[3], bias)):
        close(global_mean(mine[None]), whole)
    close(found[4], mean)
    close(found[5], variance)
    norm.eval()
    assert norm(x[own]).shape == x[own].shape

for mine, whole in zip(drawn(rows[own]), alone_drawn):
    close(mine, whole[own])

x = rows[own].clone().requires_grad_()
mean = global_mean(x)
mean.square().sum().backward()
close(mean.detach(), alone_mean)
close(x.grad / 2, alone_grad[own])

first = dist.get_rank() == 0
assert anybody(first, torch.device("cpu")) and anybody(not first, torch.device("cpu"))
assert not anybody(False, torch.device("cpu"))
dist.destroy_process_group()
"""


def test_two_processes_normalise_draw_and_average_as_one_would(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path / "meeting")]
    processes = [
        subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        for number in range(2)
    ]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(errors)


def test_one_process_is_the_whole_world() -> None:
    assert (world_size(), rank(), own_rows(3)) == (1, 0, slice(0, 3))
    assert anybody(True, torch.device("cpu"))
    assert not anybody(False, torch.device("cpu"))
    x = torch.rand(5, 2)
    torch.testing.assert_close(global_mean(x), x.mean(0))


def test_uniform_numbers_are_uniform() -> None:
    torch.manual_seed(0)
    numbers = uniform_rows(1000, 10, like=torch.zeros(()))
    assert numbers.shape == (1000, 10)
    assert 0 <= numbers.min() < 0.01
    assert 0.99 < numbers.max() < 1
    torch.testing.assert_close(numbers.mean(), torch.tensor(0.5), atol=0.01, rtol=0)


def test_dropout_keeps_the_mean_and_drops_its_share_while_training() -> None:
    torch.manual_seed(0)
    out = RowDropout(0.25)(torch.ones(2000, 5))
    torch.testing.assert_close(out.unique(), torch.tensor([0.0, 4 / 3]))
    torch.testing.assert_close(out.mean(), torch.tensor(1.0), atol=0.03, rtol=0)
    assert torch.equal(RowDropout(0.25).eval()(torch.ones(9)), torch.ones(9))


def test_every_batch_norm_is_gathered_with_its_weights_and_the_names_of_its_state() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Sequential(nn.BatchNorm2d(2)), nn.BatchNorm1d(2))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    gather_batch_norm(module)
    assert isinstance(module[1][0], GatheredBatchNorm)
    assert isinstance(module[2], GatheredBatchNorm)
    after = module.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_the_activation_inside_timms_batch_norm_is_kept() -> None:
    from timm.layers import BatchNormAct2d

    torch.manual_seed(0)
    module = nn.Sequential(BatchNormAct2d(2))
    x = torch.randn(4, 2, 3, 3)
    expected = module.eval()(x)
    gather_batch_norm(module)
    torch.testing.assert_close(module(x), expected)
    assert expected.min() == 0


def test_without_other_processes_it_is_torchs_own_in_training_too() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 2, 3, 3)
    own, theirs = nn.Sequential(nn.BatchNorm2d(2)), nn.BatchNorm2d(2)
    gather_batch_norm(own)
    torch.testing.assert_close(own(x), theirs(x))
    torch.testing.assert_close(own[0].running_var, theirs.running_var)
    assert own[0].num_batches_tracked == 1
