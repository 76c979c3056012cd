import pytest
import torch

from poserep.core.errors import ConfigError, ShapeError
from poserep.core.interfaces import Context, declared
from poserep.core.registry import Registry
from poserep.plugins.detectors.stn import STNOptions, build
from poserep.plugins.detectors.stn_net import STN, centroid, squash, start

SMALL = {
    "network": {"layers": (1, 1, 1, 1), "channels": (4, 4, 8, 8), "stem_type": "deep", "stem_width": 4},
    "input_size": 32,
    "pool": "flatten",
}


def stn(**options: object) -> STN:
    torch.manual_seed(0)
    return STN(STNOptions.model_validate(SMALL | options))


def test_every_box_starts_in_the_middle_with_seven_tenths_of_the_frame() -> None:
    # s = 0.2 + 0.8 sigmoid(0.5) = 0.2 + 0.8 * 0.62246 = 0.69797
    box = stn().eval()(frame=torch.rand(2, 3, 3, 40, 40))["box"]
    torch.testing.assert_close(box, torch.tensor([0.69797, 0.69797, 0.0, 0.0]).expand(2, 3, 4), atol=1e-5, rtol=0)


def test_no_box_leaves_its_bounds() -> None:
    options = STNOptions(min_size=0.3, max_size=0.9, max_centre=0.5)
    low, high = squash(torch.tensor([[-50.0] * 4, [50.0] * 4]), options)
    torch.testing.assert_close(low, torch.tensor([0.3, 0.3, -0.5, -0.5]))
    torch.testing.assert_close(high, torch.tensor([0.9, 0.9, 0.5, 0.5]))


def test_the_centroid_of_one_bright_pixel_is_its_centre() -> None:
    image = torch.zeros(1, 3, 4, 8)
    image[0, :, 1, 6] = 1.0
    # centres: x = -1 + (2 * 6 + 1) / 8 = 0.625, y = -1 + (2 * 1 + 1) / 4 = -0.25
    torch.testing.assert_close(centroid(image), torch.tensor([[0.625, -0.25]]))


def test_the_centroid_of_two_equal_pixels_lies_between_them() -> None:
    image = torch.zeros(1, 3, 4, 8)
    image[0, :, 1, 2] = image[0, :, 1, 6] = -0.5
    torch.testing.assert_close(centroid(image), torch.tensor([[0.125, -0.25]]))


def test_an_image_without_difference_has_its_centroid_in_the_middle() -> None:
    torch.testing.assert_close(centroid(torch.zeros(2, 3, 4, 8)), torch.zeros(2, 2))


def test_an_anchored_box_starts_on_the_subject() -> None:
    background = torch.full((1, 1, 3, 40, 40), 0.5)
    frame = background.clone()
    frame[..., 4:12, 28:36] = 1.0  # centre at x = -1 + 64 / 40 = 0.6, y = -1 + 16 / 40 = -0.6
    box = stn(anchor="difference").eval()(frame=frame, background=background)["box"]
    torch.testing.assert_close(box[0, 0, 2:], torch.tensor([0.6, -0.6]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("options", [{"sees": "difference"}, {"anchor": "difference"}])
def test_the_background_is_read_where_it_is_needed(options: dict[str, str]) -> None:
    component = Registry(installed=()).get("detector", "stn")
    assert declared(component.reads, STNOptions()) == ("frame",)
    assert declared(component.reads, STNOptions.model_validate(options)) == ("frame", "background")


def test_all_four_numbers_have_a_gradient() -> None:
    detector = stn(sees="difference")
    frame = torch.rand(2, 2, 3, 40, 40)
    detector(frame=frame, background=torch.rand_like(frame))["box"].sum().backward()
    assert detector.regress.bias.grad is not None
    assert bool((detector.regress.bias.grad.abs() > 0).all())


def test_frames_without_a_tuple_axis_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"frame: expected \(B, T, 3, H, W\)"):
        stn()(frame=torch.rand(2, 3, 40, 40))


# ---------------------------------------------------------------- several subjects


def test_boxes_of_several_subjects_start_side_by_side_at_one_depth() -> None:
    # u_x = 0.8 tanh(atanh(-1/2)) = -0.4 and 0.4 for two; -2/3, 0, 2/3 of 0.8 for three
    out = stn(subjects=2).eval()(frame=torch.rand(2, 3, 3, 40, 40))
    side = torch.tensor([[0.69797, 0.69797, -0.4, 0.0], [0.69797, 0.69797, 0.4, 0.0]])
    torch.testing.assert_close(out["box"], side.repeat(3, 1).expand(2, 6, 4), atol=1e-5, rtol=0)
    assert torch.equal(out["depth"], torch.zeros(2, 6))
    assert squash(start(3), STNOptions())[:, 2].tolist() == pytest.approx([-8 / 15, 0, 8 / 15])


def test_boxes_of_a_frame_lie_together() -> None:
    detector = stn(subjects=2).eval()
    torch.nn.init.normal_(detector.regress.weight)
    torch.nn.init.normal_(detector.to_depth.weight)
    frame = torch.rand(2, 3, 3, 40, 40)
    both, last = detector(frame=frame), detector(frame=frame[:, 2:])
    torch.testing.assert_close(both["box"][:, 4:], last["box"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(both["depth"][:, 4:], last["depth"], atol=1e-5, rtol=1e-5)


def test_each_subjects_box_and_depth_have_a_gradient() -> None:
    detector = stn(subjects=3)
    out = detector(frame=torch.rand(2, 2, 3, 40, 40))
    (out["box"].sum() + out["depth"].sum()).backward()
    assert bool((detector.regress.bias.grad.abs() > 0).all())
    assert bool((detector.to_depth.bias.grad.abs() > 0).all())


def test_a_depth_is_written_and_the_number_told_where_there_are_several() -> None:
    component = Registry(installed=()).get("detector", "stn")
    assert declared(component.writes, STNOptions()) == ("box",)
    assert declared(component.writes, STNOptions(subjects=2)) == ("box", "depth")
    assert component.facts(STNOptions()) == {}
    assert component.facts(STNOptions(subjects=2)) == {"subjects": 2}


def test_one_centroid_for_several_subjects_is_refused() -> None:
    with pytest.raises(ConfigError, match="the centroid of the difference lies between 2 subjects"):
        build(STNOptions(subjects=2, anchor="difference"), Context(crop_size=8))
