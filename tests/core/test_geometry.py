import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from poserep.core.errors import ShapeError
from poserep.core.geometry import (
    Padding,
    box_contains,
    box_corners,
    box_coverage,
    box_iou,
    box_of_points,
    box_to_pixels,
    composite,
    composite_layers,
    crop,
    from_box,
    inverse_box,
    layer_weights,
    paste,
    pixel_centres,
    soft_window,
    to_box,
)
from poserep.media.camera import Camera

PERSON = torch.tensor([[0.55, 0.63, 0.11, -0.07]], dtype=torch.float64)
FULL_FRAME = torch.tensor([[1.0, 1.0, 0.0, 0.0]], dtype=torch.float64)


def boxes_of(scale: tuple[float, float], centre: tuple[float, float]) -> st.SearchStrategy[Tensor]:
    parts = st.tuples(st.floats(*scale), st.floats(*scale), st.floats(*centre), st.floats(*centre))
    return parts.map(lambda numbers: torch.tensor(numbers, dtype=torch.float64))


boxes = boxes_of((0.2, 1.0), (-0.8, 0.8))
inner_boxes = boxes_of((0.1, 0.5), (-0.4, 0.4))
paddings: st.SearchStrategy[Padding] = st.sampled_from(["border", "zeros"])
few = settings(max_examples=30, deadline=None)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def waves(height: int, width: int) -> Tensor:
    """sin 3x cos 2y: its second derivatives stay within 9 and 4."""
    x_W, y_H = pixel_centres(width, dtype=torch.float64), pixel_centres(height, dtype=torch.float64)
    return ((3 * x_W).sin() * (2 * y_H[:, None]).cos())[None, None]


def inside(box_4: Tensor, height: int, width: int, within: float = 1.0) -> Tensor:
    """Which pixels of the frame the box holds, bool (H, W); ``within`` shrinks it."""
    x_W, y_H = pixel_centres(width, dtype=torch.float64), pixel_centres(height, dtype=torch.float64)
    s_x, s_y, u_x, u_y = (box_4 * torch.tensor([within, within, 1, 1])).tolist()
    return ((x_W - u_x).abs() <= s_x) & ((y_H - u_y).abs() <= s_y)[:, None]


def theta(box_N4: Tensor) -> Tensor:
    """The matrix of the spec, [[s_x, 0, u_x], [0, s_y, u_y], [0, 0, 1]], one box at a time."""
    return torch.stack(
        [
            torch.stack([s_x, 0 * s_x, u_x, 0 * s_x, s_y, u_y, 0 * s_x, 0 * s_x, 1 + 0 * s_x]).reshape(3, 3)
            for s_x, s_y, u_x, u_y in box_N4
        ]
    )


def slow_crop(frame_NCHW: Tensor, box_N4: Tensor, size: tuple[int, int], padding: Padding) -> Tensor:
    """The library's affine grid, for any 2 x 3 matrix."""
    shape = [*frame_NCHW.shape[:2], *size]
    grid = F.affine_grid(theta(box_N4)[:, :2], shape, align_corners=False)
    return F.grid_sample(frame_NCHW, grid, padding_mode=padding, align_corners=False)


# Sampling


def test_pixel_centres_sit_inside_the_unit_square() -> None:
    torch.testing.assert_close(pixel_centres(4), torch.tensor([-0.75, -0.25, 0.25, 0.75]))


def test_the_middle_half_of_four_pixels_is_the_middle_two() -> None:
    # centres at -0.25 and 0.25 of the frame are its second and third pixel
    frame = torch.tensor([0.0, 1.0, 2.0, 3.0]).reshape(1, 1, 1, 4)

    torch.testing.assert_close(
        crop(frame, torch.tensor([[0.5, 1.0, 0.0, 0.0]]), size=(1, 2)).flatten(), torch.tensor([1.0, 2.0])
    )


@pytest.mark.parametrize(("padding", "expected"), [("border", [3.0, 3.0]), ("zeros", [3.0, 0.0])])
def test_outside_the_frame_lies_its_border_or_nothing(padding: Padding, expected: list[float]) -> None:
    # centres at 0.75, the last pixel, and at 1.25, a whole pixel further
    frame = torch.tensor([0.0, 1.0, 2.0, 3.0]).reshape(1, 1, 1, 4)

    out = crop(frame, torch.tensor([[0.5, 1.0, 1.0, 0.0]]), size=(1, 2), padding=padding)

    torch.testing.assert_close(out.flatten(), torch.tensor(expected))


def test_a_box_to_the_right_and_down_shows_what_lies_there() -> None:
    frame = torch.zeros(1, 1, 8, 8)
    frame[..., 6, 7] = 1.0

    assert crop(frame, torch.tensor([[0.5, 0.5, 0.5, 0.5]]), size=(4, 4)).flatten().argmax() == 2 * 4 + 3


@few
@given(boxes, boxes, st.tuples(st.integers(1, 9), st.integers(1, 9)), paddings)
def test_cropping_equals_the_affine_grid(a: Tensor, b: Tensor, size: tuple[int, int], padding: Padding) -> None:
    frame_NCHW, box_N4 = noise(2, 3, 7, 10), torch.stack([a, b])

    torch.testing.assert_close(crop(frame_NCHW, box_N4, size, padding), slow_crop(frame_NCHW, box_N4, size, padding))


@few
@given(boxes, paddings)
def test_pasting_equals_the_affine_grid_of_the_inverse_matrix(box: Tensor, padding: Padding) -> None:
    crop_NChw = noise(1, 4, 6, 5)
    inverse = torch.linalg.inv(theta(box[None]))[:, :2]
    grid = F.affine_grid(inverse, [1, 4, 9, 11], align_corners=False)
    expected = F.grid_sample(crop_NChw, grid, padding_mode=padding, align_corners=False)

    torch.testing.assert_close(paste(crop_NChw, box[None], (9, 11), padding), expected)


def test_the_full_frame_is_its_own_crop() -> None:
    frame = noise(1, 3, 8, 12)

    torch.testing.assert_close(crop(frame, FULL_FRAME, size=(8, 12)), frame)
    torch.testing.assert_close(paste(frame, FULL_FRAME, size=(8, 12)), frame)


@few
@given(inner_boxes)
def test_pasting_a_crop_back_restores_the_frame_inside_the_box(box: Tensor) -> None:
    frame = waves(40, 48)

    restored = paste(crop(frame, box[None], (24, 24)), box[None], (40, 48))

    # linear interpolation errs by at most step^2 / 8 times the second derivative: once per axis and per sampling
    s_x, s_y = box[:2].tolist()
    bound = (9 * (2 / 48) ** 2 + 4 * (2 / 40) ** 2 + 9 * (2 * s_x / 24) ** 2 + 4 * (2 * s_y / 24) ** 2) / 8
    error = (restored - frame).abs() * inside(box, 40, 48, within=1 - 1 / 24)
    assert error.max() <= bound


@few
@given(boxes)
def test_the_inverse_box_is_the_inverse_matrix(box: Tensor) -> None:
    identity = theta(box[None]) @ theta(inverse_box(box)[None])

    torch.testing.assert_close(identity[0], torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(inverse_box(inverse_box(box)), box)


def test_clips_of_frames_are_cropped_as_single_frames_are() -> None:
    frame_BTCHW, box_BT4 = noise(2, 3, 3, 8, 8), PERSON * (1 - 0.1 * noise(2, 3, 4))
    clips = crop(frame_BTCHW, box_BT4, (4, 6))

    assert clips.shape == (2, 3, 3, 4, 6)
    torch.testing.assert_close(clips.flatten(0, 1), crop(frame_BTCHW.flatten(0, 1), box_BT4.flatten(0, 1), (4, 6)))
    torch.testing.assert_close(clips[1, 2], crop(frame_BTCHW[1, 2], box_BT4[1, 2], (4, 6)))


def test_half_precision_is_lost_in_the_result_alone() -> None:
    frame, box = noise(1, 3, 64, 64).bfloat16(), PERSON.float()

    out = crop(frame, box, (48, 48))

    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out, crop(frame.float(), box, (48, 48)).bfloat16(), rtol=0, atol=0)


@pytest.mark.parametrize("box_shape", [(2, 4), (4,), (1, 5), (1, 1, 4)])
def test_a_crop_needs_one_box_for_each_frame(box_shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\(1, 3, 8, 8\) needs boxes of the shape \(1, 4\), got"):
        crop(torch.zeros(1, 3, 8, 8), torch.ones(box_shape), (4, 4))


# Gradients


@pytest.mark.parametrize("padding", ["border", "zeros"])
def test_gradients_of_crop_and_paste_are_those_of_finite_differences(padding: Padding) -> None:
    image, box = noise(1, 2, 5, 6).requires_grad_(), PERSON.clone().requires_grad_()

    assert torch.autograd.gradcheck(lambda i, b: crop(i, b, (4, 3), padding), (image, box))
    assert torch.autograd.gradcheck(lambda i, b: paste(i, b, (7, 8), padding), (image, box))


def test_gradients_of_the_composite_are_those_of_finite_differences() -> None:
    mask, rgb, background = (noise(1, c, 3, 3, seed=c).requires_grad_() for c in (1, 3, 3))

    assert torch.autograd.gradcheck(composite, (mask, rgb, background))


@pytest.mark.parametrize("scale", [0.4, 0.9])
def test_reconstruction_reaches_all_four_numbers_of_the_box(scale: float) -> None:
    frame, background = noise(1, 3, 32, 32), noise(1, 3, 32, 32, seed=1)
    box = torch.tensor([[scale, 0.8 * scale, 0.05, -0.1]], dtype=torch.float64, requires_grad=True)
    mask = paste(soft_window((16, 16), dtype=torch.float64)[None, None], box, (32, 32), "zeros")
    rebuilt = composite(mask, paste(crop(frame, box, (16, 16)), box, (32, 32)), background)

    (gradient,) = torch.autograd.grad((rebuilt - frame).square().mean(), box)

    assert gradient.isfinite().all()
    assert (gradient.abs() > 1e-6).all()


# Compositing, equation (1)


def test_half_a_mask_is_half_of_each() -> None:
    # 0.25 * 0.8 + 0.75 * 0.4 = 0.5
    out = composite(torch.tensor(0.25), torch.tensor(0.8), torch.tensor(0.4))

    torch.testing.assert_close(out, torch.tensor(0.5))


def test_an_empty_mask_gives_the_background_exactly() -> None:
    rgb, background = noise(2, 3, 8, 8), noise(2, 3, 8, 8, seed=1)

    assert torch.equal(composite(torch.zeros(2, 1, 8, 8), rgb, background), background)


def test_a_full_mask_gives_the_frame_inside_the_box_and_the_background_outside() -> None:
    frame, background, box = waves(48, 48), noise(1, 1, 48, 48), PERSON[0] * 0.9
    full = torch.ones(1, 1, 48, 48, dtype=torch.float64)

    rgb = paste(crop(frame, box[None], (48, 48)), box[None], (48, 48))
    out = composite(paste(full, box[None], (48, 48), "zeros"), rgb, background)

    within, without = inside(box, 48, 48, within=1 - 1 / 48), ~inside(box, 48, 48, within=1 + 1 / 48)
    torch.testing.assert_close(out[..., within], frame[..., within], atol=0.01, rtol=0)
    assert torch.equal(out[..., without], background[..., without])


# The soft window


@pytest.mark.parametrize(
    ("x", "width", "value"), [(0, 1, 1.0), (0.25, 4, 0.9355), (0.5, 6, 0.7165), (0.75, 4, 0.2765), (0.9, 10, 0.0141)]
)
def test_the_window_has_its_published_values_on_the_axis(x: float, width: int, value: float) -> None:
    at = pixel_centres(width).sub(x).abs().argmin()

    torch.testing.assert_close(soft_window((1, width))[0, at].item(), value, atol=5e-5, rtol=0)
    torch.testing.assert_close(soft_window((width, 1))[at, 0].item(), value, atol=5e-5, rtol=0)


@few
@given(st.integers(1, 40), st.integers(1, 40))
def test_the_window_is_its_definition_and_symmetric(height: int, width: int) -> None:
    def definition(x: float, y: float) -> float:
        r = math.sqrt(x**4 + y**4)
        return math.exp(1 - 1 / (1 - r)) if r < 1 else 0.0

    centres_x, centres_y = ([(2 * i + 1) / n - 1 for i in range(n)] for n in (width, height))
    window = soft_window((height, width), dtype=torch.float64)

    expected = torch.tensor([[definition(x, y) for x in centres_x] for y in centres_y], dtype=torch.float64)
    torch.testing.assert_close(window, expected)
    torch.testing.assert_close(window, window.flip(0, 1))


# Boxes as areas


def test_two_squares_that_share_half_have_an_overlap_of_a_third() -> None:
    # sides 1 x 1, shifted by 0.5: they share 0.5 of a union of 1.5
    a, b = torch.tensor([0.5, 0.5, 0.0, 0.0]), torch.tensor([0.5, 0.5, 0.5, 0.0])

    torch.testing.assert_close(box_corners(b), torch.tensor([0.0, -0.5, 1.0, 0.5]))
    torch.testing.assert_close(box_iou(a, b), torch.tensor(1 / 3))
    torch.testing.assert_close(box_coverage(a, b), torch.tensor(0.5))


def test_a_box_inside_another_is_covered_in_one_direction() -> None:
    small, large = torch.tensor([0.25, 0.5, 0.1, 0.2]), torch.tensor([1.0, 1.0, 0.0, 0.0])

    torch.testing.assert_close(box_coverage(large, small), torch.tensor(1.0))
    torch.testing.assert_close(box_coverage(small, large), torch.tensor(0.125))


@few
@given(boxes, boxes)
def test_overlap_is_symmetric_and_moves_with_the_boxes(a: Tensor, b: Tensor) -> None:
    shift = torch.tensor([0.0, 0.0, 0.3, -0.2], dtype=torch.float64)

    assert 0 <= box_iou(a, b) <= 1 + 1e-12
    torch.testing.assert_close(box_iou(a, b), box_iou(b, a))
    torch.testing.assert_close(box_iou(a + shift, b + shift), box_iou(a, b))
    torch.testing.assert_close(box_iou(a, a), torch.ones((), dtype=torch.float64))


def test_boxes_apart_share_nothing() -> None:
    a, b = torch.tensor([0.2, 0.2, -0.5, -0.5]), torch.tensor([0.2, 0.2, 0.5, 0.5])

    assert box_iou(a, b) == box_coverage(a, b) == 0


def test_the_gradient_of_the_overlap_is_that_of_finite_differences() -> None:
    a, b = PERSON.clone().requires_grad_(), (PERSON + 0.13).requires_grad_()

    assert torch.autograd.gradcheck(box_iou, (a, b))
    assert torch.autograd.gradcheck(box_coverage, (a, b))


def test_a_point_is_in_the_box_up_to_its_edge() -> None:
    box = torch.tensor([0.5, 0.25, 0.25, 0.0])
    point_P2 = torch.tensor([[0.25, 0.0], [0.75, 0.25], [0.76, 0.0], [0.25, -0.26]])

    assert box_contains(box.expand(4, 4), point_P2).tolist() == [True, True, False, False]


def test_the_box_of_points_touches_the_outermost() -> None:
    # x from -0.5 to 0.1, y from 0 to 0.4; the margin lengthens the sides by half
    points_P2 = torch.tensor([[-0.5, 0.1], [0.1, 0.4], [0.0, 0.0]])

    torch.testing.assert_close(box_of_points(points_P2), torch.tensor([0.3, 0.2, -0.2, 0.2]))
    torch.testing.assert_close(box_of_points(points_P2, margin=0.5), torch.tensor([0.45, 0.3, -0.2, 0.2]))


@few
@given(boxes)
def test_the_box_of_its_corners_is_the_box(box: Tensor) -> None:
    torch.testing.assert_close(box_of_points(box_corners(box).reshape(2, 2)), box)


def test_boxes_and_cameras_agree_about_pixels() -> None:
    camera = Camera.look_at((0, -1, 0), (0, 0, 0), focal_px=1, size_WH=(64, 48))

    pixels = box_to_pixels(PERSON[0], (48, 64)).reshape(2, 2)

    corners = box_corners(PERSON[0]).reshape(2, 2).numpy()
    torch.testing.assert_close(pixels, torch.from_numpy(camera.from_frame(corners)))
    assert box_to_pixels(FULL_FRAME[0], (48, 64)).tolist() == [-0.5, -0.5, 63.5, 47.5]


# ---------------------------------------------------------------- several subjects


def layers(masks: list[float], depths: list[float]) -> Tensor:
    """Weights of subjects that each fill the only pixel, (S,)."""
    mask = torch.tensor(masks, dtype=torch.float64)[:, None, None, None]
    return layer_weights(mask, torch.tensor(depths, dtype=torch.float64)).flatten()


def test_an_opaque_subject_alone_weighs_one_less_the_square_of_e() -> None:
    # T = exp(-1), T_bg = exp(-2); (1 - exp(-2)) exp(-1) / (1e-4 + exp(-1)) = 0.86466 * 0.99973
    assert float(layers([1.0], [3.0])) == pytest.approx(0.8644, abs=5e-5)


def test_of_two_opaque_subjects_the_nearer_is_seen() -> None:
    # far apart erf is 1 or -1: T = exp(-1) in front and exp(-3) behind, T_bg = exp(-4) = 0.0183
    # shares 0.3679 and 0.0498 of 0.4177 + 1e-4, times 0.9817
    torch.testing.assert_close(
        layers([1.0, 1.0], [0.0, 9.0]), torch.tensor([0.86446, 0.11700]).double(), atol=1e-5, rtol=0
    )


def test_subjects_at_one_depth_share_what_is_covered() -> None:
    # masks 1 and 1/2, T = exp(-1.5) for both, T_bg = exp(-3) = 0.0498: shares 2/3 and 1/3 of 0.9502
    torch.testing.assert_close(
        layers([1.0, 0.5], [2.0, 2.0]), torch.tensor([0.6333, 0.3167]).double(), atol=2e-4, rtol=0
    )


def subjects() -> st.SearchStrategy[tuple[Tensor, Tensor]]:
    numbers = st.integers(1, 4).flatmap(
        lambda count: st.tuples(
            st.lists(st.floats(0, 1), min_size=count, max_size=count),
            st.lists(st.floats(-3, 3), min_size=count, max_size=count),
        )
    )
    return numbers.map(
        lambda pair: (torch.tensor(pair[0]).double()[:, None, None, None], torch.tensor(pair[1]).double())
    )


@few
@given(subjects())
def test_weights_and_the_background_add_up_to_one(pair: tuple[Tensor, Tensor]) -> None:
    mask, depth = pair
    weight = layer_weights(mask, depth)
    assert bool((weight >= 0).all())
    share = [
        float(mask[k]) * math.exp(-sum(float(mask[i]) * (math.erf(depth[k] - depth[i]) + 1) for i in range(len(depth))))
        for k in range(len(depth))
    ]
    background = math.exp(-2 * float(mask.sum()))
    missing = (1 - background) * 1e-4 / (1e-4 + sum(share))
    assert float(weight.sum()) + background == pytest.approx(1 - missing, abs=1e-9)
    assert missing <= 1e-4 / (1e-4 + sum(share)) + 1e-12


@few
@given(subjects(), st.floats(-5, 5), st.randoms())
def test_neither_the_order_of_subjects_nor_the_cameras_distance_matters(
    pair: tuple[Tensor, Tensor], shift: float, random: object
) -> None:
    mask, depth = pair
    order = list(range(len(depth)))
    random.shuffle(order)
    weight = layer_weights(mask, depth)
    torch.testing.assert_close(layer_weights(mask[order], depth[order]), weight[order])
    torch.testing.assert_close(layer_weights(mask, depth + shift), weight, atol=1e-6, rtol=0)


def test_an_empty_subject_changes_nothing() -> None:
    alone, both = layers([0.7], [0.0]), layers([0.7, 0.0], [0.0, -2.0])
    torch.testing.assert_close(both, torch.cat((alone, alone.new_zeros(1))))


def test_the_gradient_of_the_weights_is_that_of_finite_differences() -> None:
    mask = (0.1 + 0.8 * noise(2, 3, 1, 2, 2)).requires_grad_()
    depth = noise(2, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(layer_weights, (mask, depth))
    rgb, background = noise(2, 3, 3, 2, 2).requires_grad_(), noise(2, 3, 2, 2, seed=2)
    assert torch.autograd.gradcheck(composite_layers, (mask.detach() / 3, rgb, background))


def test_layers_without_weight_leave_the_background() -> None:
    background = noise(2, 3, 4, 4)
    weight, rgb = torch.zeros(2, 2, 1, 4, 4).double(), noise(2, 2, 3, 4, 4)
    assert torch.equal(composite_layers(weight, rgb, background), background)
    weight[:, 1] = 1
    torch.testing.assert_close(composite_layers(weight, rgb, background), rgb[:, 1])


def test_masks_without_a_depth_each_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(4, 2, 1, 8, 8\) need depths of the shape \(4, 2\), got \(4, 3\)"):
        layer_weights(torch.zeros(4, 2, 1, 8, 8), torch.zeros(4, 3))


def test_a_point_on_the_side_of_a_box_is_at_one_in_it_and_comes_back() -> None:
    points = torch.tensor([[[0.11 + 0.55, -0.07], [0.11, -0.07 - 0.63], [0.5, 0.5]]], dtype=torch.float64)
    inside = to_box(points, PERSON)
    torch.testing.assert_close(inside[0, :2], torch.tensor([[1.0, 0.0], [0.0, -1.0]], dtype=torch.float64))
    torch.testing.assert_close(from_box(inside, PERSON), points)
    assert torch.autograd.gradcheck(to_box, (points.requires_grad_(), PERSON.clone().requires_grad_()))
