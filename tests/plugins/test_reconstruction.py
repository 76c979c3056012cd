import pytest
import torch

from poserep.core.errors import DataError, ShapeError
from poserep.core.interfaces import Context
from poserep.plugins.losses.reconstruction import Pixels, ReconstructionOptions, build

CONTEXT = Context(crop_size=8)
ALL = torch.tensor([[0, 1]])


def with_features(**options: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return build(ReconstructionOptions(beta=2.0, weights="random", **options), CONTEXT)


def test_pixels_cost_their_mean_square_times_alpha() -> None:
    frame = torch.zeros(1, 2, 3, 4, 4)
    redrawn = torch.stack([torch.full((3, 4, 4), 0.5), torch.zeros(3, 4, 4)])[None]
    assert float(Pixels(2.0)(frame=frame, target=ALL, redrawn=redrawn)) == pytest.approx(2 * 0.25 / 2)


def test_each_redrawn_frame_is_held_against_its_target() -> None:
    frame = torch.arange(4.0).view(1, 4, 1, 1, 1).expand(1, 4, 3, 2, 2)
    redrawn = frame[:, [3, 1]]
    loss = Pixels(1.0)
    assert float(loss(frame=frame, target=torch.tensor([[3, 1]]), redrawn=redrawn)) == 0
    assert float(loss(frame=frame, target=torch.tensor([[1, 3]]), redrawn=redrawn)) == 4


def test_no_network_is_built_unless_asked_for() -> None:
    assert isinstance(build(ReconstructionOptions(), CONTEXT), Pixels)


@pytest.mark.parametrize("taps", ["layers", "nsd"])
def test_features_cost_nothing_for_equal_frames_and_something_for_others(taps: str) -> None:
    loss = with_features(taps=taps)
    frame = torch.rand(1, 2, 3, 32, 32)
    assert float(loss(frame=frame, target=ALL, redrawn=frame)) == 0
    flipped = frame.flip(1)
    pixels = float(Pixels(2.0)(frame=frame, target=ALL, redrawn=flipped))
    assert float(loss(frame=frame, target=ALL, redrawn=flipped)) > pixels


def test_taps_are_the_named_layers() -> None:
    image = torch.rand(1, 3, 32, 32)
    assert [m.shape[1:] for m in with_features().features(image)] == [(64, 8, 8), (128, 4, 4), (256, 2, 2)]
    assert [m.shape[1:] for m in with_features(taps="nsd").features(image)] == [(64, 16, 16), (64, 8, 8), (128, 4, 4)]


def test_gradient_reaches_the_redrawn_frame_and_never_the_network() -> None:
    loss = with_features().train()
    before = {name: tensor.clone() for name, tensor in loss.state_dict().items()}
    frame = torch.rand(1, 2, 3, 32, 32)
    redrawn = torch.rand(1, 2, 3, 32, 32, requires_grad=True)
    loss(frame=frame, target=ALL, redrawn=redrawn).backward()
    assert redrawn.grad is not None
    assert bool((redrawn.grad != 0).all())
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in loss.state_dict().items())


def test_gradient_of_pixels_is_right() -> None:
    torch.manual_seed(0)
    frame = torch.rand(1, 2, 3, 2, 2, dtype=torch.float64)
    redrawn = torch.rand(1, 2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda r: Pixels(2.0)(frame=frame, target=ALL, redrawn=r), redrawn)


def test_a_missing_weight_file_says_how_to_go_on_without() -> None:
    with pytest.raises(DataError, match=r"random.*beta = 0"):
        build(ReconstructionOptions(beta=1.0, weights="nowhere.safetensors"), CONTEXT)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="H is 4 here, but 8 in frame"):
        Pixels(1.0)(frame=torch.zeros(1, 2, 3, 8, 8), target=ALL, redrawn=torch.zeros(1, 2, 3, 4, 4))
