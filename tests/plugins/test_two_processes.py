"""What draws numbers or looks at the whole batch must see two processes as one."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import torch
import torch.distributed as dist
from poserep.core.interfaces import Context
from poserep.core.ranks import own_rows
from poserep.plugins.corruptions import colour_jitter
from poserep.plugins.exchanges import permute_invariant
from poserep.plugins.losses.box_prior import BoxPrior, BoxPriorOptions

context = Context(crop_size=8)
jitter = colour_jitter.build(colour_jitter.ColourJitterOptions(), context)
exchange = permute_invariant.build(permute_invariant.PermuteInvariantOptions(redraw=2), context)
generator = torch.Generator().manual_seed(0)
box, crop, latent = (torch.rand(4, 4, *shape, generator=generator) for shape in ((4,), (3, 8, 8), (2,)))


def run(rows):
    torch.manual_seed(7)
    own = box[rows].requires_grad_()
    loss = BoxPrior(BoxPriorOptions(), context)(box=own)
    loss.backward()
    lent = exchange(variant=latent[rows], invariant=latent[rows])
    return loss.detach(), own.grad, jitter(crop=crop[rows])["crop_corrupted"], *lent.values()


loss, *one = run(slice(0, 4))
dist.init_process_group("gloo", init_method=f"file://{sys.argv[1]}", rank=int(sys.argv[2]), world_size=2)
shared_loss, shared_grad, *two = run(own_rows(2))
torch.testing.assert_close(shared_loss, loss)
# Gradients of two processes are averaged afterwards.
torch.testing.assert_close(shared_grad / 2, one[0][own_rows(2)])
for own, alone in zip(two, one[1:], strict=True):
    torch.testing.assert_close(own, alone[own_rows(2)])
dist.destroy_process_group()
"""


def test_two_processes_draw_and_average_as_one_would(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "meeting")]
    processes = [
        subprocess.Popen([*command, str(rank)], stderr=subprocess.PIPE, text=True, cwd=tmp_path) for rank in range(2)
    ]
    errors = [process.communicate(timeout=100)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(errors)
