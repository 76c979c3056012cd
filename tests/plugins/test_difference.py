"""The detector that looks at what differs from the background, by hand."""

import pytest
import torch

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context
from poserep.plugins.detectors.difference import DifferenceOptions, build
from poserep.plugins.detectors.difference_net import Difference, spread

SCENE = torch.full((1, 1, 3, 20, 40), 0.25)


def stage(**options: object) -> Difference:
    return build(DifferenceOptions.model_validate(options), Context(crop_size=8)).eval()


def with_person(left: int, right: int, top: int, bottom: int) -> torch.Tensor:
    frame = SCENE.clone()
    frame[..., top:bottom, left:right] = 1.0
    return frame


def test_two_pixels_lie_one_deviation_from_their_middle() -> None:
    weight = torch.zeros(1, 2, 4)
    weight[0, 0, 0] = weight[0, 0, 2] = 3.0
    # x = -0.75 and 0.25, y = -0.5
    mean, deviation = spread(weight)
    torch.testing.assert_close(mean, torch.tensor([[-0.25, -0.5]]))
    torch.testing.assert_close(deviation, torch.tensor([[0.5, 0.0]]))


def test_an_even_patch_is_held_by_root_three_deviations() -> None:
    # pixels 10 to 29 of 40 and 5 to 14 of 20: the middle halves; 20 pixels in a row deviate by sqrt(399 / 1200) of half
    box = stage(reach=3**0.5, square=False)(frame=with_person(10, 30, 5, 15), background=SCENE)["box"]
    wanted = [0.5 * (399 / 400) ** 0.5, 0.5 * (99 / 100) ** 0.5, 0.0, 0.0]
    torch.testing.assert_close(box[0, 0], torch.tensor(wanted), atol=1e-5, rtol=0)


def test_the_box_follows_the_person_and_how_clear_it_is_does_not_matter() -> None:
    frame, moved = with_person(4, 12, 5, 15), with_person(14, 22, 5, 15)
    first, second = (stage(square=False)(frame=one, background=SCENE)["box"][0, 0] for one in (frame, moved))
    torch.testing.assert_close(second - first, torch.tensor([0.0, 0.0, 0.5, 0.0]), atol=1e-5, rtol=0)
    faint = SCENE + 0.2 * (frame - SCENE)
    torch.testing.assert_close(stage(square=False)(frame=faint, background=SCENE)["box"][0, 0], first)


def test_a_square_box_is_one_in_pixels_and_none_is_too_small() -> None:
    box = stage()(frame=with_person(4, 24, 5, 15), background=SCENE)["box"][0, 0]
    assert float(box[0]) * 40 == pytest.approx(float(box[1]) * 20)
    box = stage(square=False, min_size=0.5)(frame=with_person(4, 6, 5, 7), background=SCENE)["box"][0, 0]
    assert box[:2].tolist() == [0.5, 0.5]


def test_where_nothing_differs_the_box_lies_in_the_middle() -> None:
    box = stage()(frame=SCENE, background=SCENE)["box"][0, 0]
    assert box.isfinite().all()
    torch.testing.assert_close(box[2:], torch.zeros(2), atol=1e-6, rtol=0)


def test_boxes_are_jittered_only_while_training_and_no_gradient_moves_them() -> None:
    frame = with_person(4, 24, 5, 15).expand(3, 2, -1, -1, -1).clone().requires_grad_()
    background = SCENE.expand_as(frame)
    jittering = stage(jitter=0.1)
    still = jittering(frame=frame, background=background)["box"]
    torch.testing.assert_close(still, still[:1, :1].expand_as(still))
    assert not still.requires_grad
    torch.manual_seed(0)
    assert len({tuple(one.tolist()) for one in jittering.train()(frame=frame, background=background)["box"][:, 0]}) == 3


def test_frames_and_backgrounds_of_two_sizes_are_refused() -> None:
    with pytest.raises(ShapeError):
        stage()(frame=SCENE, background=SCENE[..., :10])
