import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context
from poserep.plugins.detectors.provided import ProvidedOptions, build, reads
from poserep.plugins.detectors.provided_net import widened
from poserep.plugins.detectors.shaping import jittered, squared

CONTEXT = Context(crop_size=8)
BOX = torch.tensor([0.25, 0.5, 0.1, -0.2])  # in a frame of 40 x 20: 10 wide, 10 high


def test_the_margin_widens_about_the_centre() -> None:
    assert torch.allclose(widened(BOX, 0.5), torch.tensor([0.375, 0.75, 0.1, -0.2]))
    stage = build(ProvidedOptions(), CONTEXT)
    assert torch.allclose(stage(true_box=BOX.expand(2, 3, 4))["box"][0, 0], torch.tensor([0.3, 0.6, 0.1, -0.2]))


def test_a_square_has_the_longer_side_in_pixels() -> None:
    assert torch.allclose(squared(BOX, (20, 40)), BOX)  # it is one already
    assert torch.allclose(squared(BOX, (20, 20)), torch.tensor([0.5, 0.5, 0.1, -0.2]))
    assert torch.allclose(
        squared(BOX, (20, 80)), torch.tensor([0.25, 1.0, 0.1, -0.2])
    )  # 20 wide, it may leave the frame


@given(st.floats(0.05, 1), st.floats(0.05, 1), st.integers(8, 90), st.integers(8, 90))
def test_a_square_is_one_and_holds_the_box(s_x: float, s_y: float, height: int, width: int) -> None:
    box = squared(torch.tensor([s_x, s_y, 0.3, 0.0]), (height, width))
    assert float(box[0] * width) == pytest.approx(float(box[1] * height), rel=1e-5)
    assert float(box[0]) >= s_x - 1e-6
    assert float(box[1]) >= s_y - 1e-6
    assert torch.allclose(squared(box, (height, width)), box)


def test_the_jitter_by_hand() -> None:
    # wider and higher by a tenth; to the right by a tenth of the width 0.5, up by a twentieth of the height 1
    found = jittered(BOX, 0.1, torch.tensor([1.0, 1.0, -0.5]))
    assert torch.allclose(found, torch.tensor([0.275, 0.55, 0.15, -0.25]))
    assert torch.equal(jittered(BOX, 0.1, torch.zeros(3)), BOX)


def test_jitter_is_of_each_image_by_itself_and_only_while_training() -> None:
    stage, box = build(ProvidedOptions(margin=0.0, jitter=0.1), CONTEXT), BOX.expand(50, 2, 4)
    torch.manual_seed(0)
    found = stage(true_box=box)["box"]
    assert len({tuple(one.tolist()) for one in found.flatten(0, 1)}) == 100
    away = (found - box).abs().amax(dim=(0, 1))
    assert (away <= torch.tensor([0.025, 0.05, 0.05, 0.1]) + 1e-6).all()
    assert (away >= 0.9 * torch.tensor([0.025, 0.05, 0.05, 0.1])).all()
    assert torch.allclose(found[..., 0] / found[..., 1], torch.tensor(0.5))
    torch.manual_seed(0)
    assert torch.equal(stage(true_box=box)["box"], found)
    assert torch.equal(stage.eval()(true_box=box)["box"], box)


def test_gradient_to_the_box_is_right() -> None:
    box = torch.tensor([[0.3, 0.5, 0.1, 0.2]], dtype=torch.float64, requires_grad=True)
    drawn = torch.tensor([[0.3, -0.4, 0.9]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: jittered(widened(squared(x, (20, 30)), 0.25), 0.1, drawn), box)


def test_the_frame_is_read_only_for_squares() -> None:
    assert reads(ProvidedOptions()) == ("true_box",)
    assert reads(ProvidedOptions(square=True)) == ("true_box", "frame")


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="true_box: expected"):
        build(ProvidedOptions(), CONTEXT)(true_box=torch.zeros(3, 4))
    with pytest.raises(ShapeError, match="frame: expected"):
        build(ProvidedOptions(square=True), CONTEXT)(true_box=torch.zeros(3, 2, 4), frame=torch.zeros(3, 1, 3, 8, 8))
