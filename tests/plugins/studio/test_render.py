import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from poserep.media.camera import Camera
from poserep.plugins.datasets.studio import render as module
from poserep.plugins.datasets.studio.body import Capsules, capsules, make_subject
from poserep.plugins.datasets.studio.motion.procedural import procedural_motion
from poserep.plugins.datasets.studio.raster import ragged
from poserep.plugins.datasets.studio.render import Light, box_of_mask, render

# Focal length 8 px, the optical axis between the middle pixels: 125 mm at 1 m are one pixel.
HEAD_ON = Camera(np.eye(3), np.zeros(3), np.array([[8.0, 0, 7.5], [0, 8, 7.5], [0, 0, 1]]), (16, 16))
FLAT = Light(towards=(0.0, 0.0, -1.0), shadow=0.0)
GREY = torch.full((3, 16, 16), 100, dtype=torch.uint8)


def bar(x: tuple[float, float], y: tuple[float, float], z: float, colour: tuple[float, float, float]) -> Capsules:
    """One capsule of radius 125 mm, parallel to the image."""
    ends = torch.tensor([[[[x[0], y[0], z], [x[1], y[1], z]]]], dtype=torch.float32)
    return Capsules(ends, torch.tensor([[125.0, 125.0]]), torch.tensor([colour], dtype=torch.float32))


def together(*bodies: Capsules) -> Capsules:
    return Capsules(
        torch.cat([body.ends_TK23 for body in bodies], 1),
        torch.cat([body.radii_K2 for body in bodies]),
        torch.cat([body.colours_K3 for body in bodies]),
    )


def filmed(size: int = 64, count: int = 12, kind: str = "gestures") -> tuple[Tensor, list[Camera], Tensor]:
    """Joints of a motion, a camera 4.5 m away, a background of noise."""
    joints = procedural_motion(kind, count / 10, 10, np.random.default_rng(5)).joints_TJ3
    camera = Camera.look_at((4500, 500, 1400), (0, 0, 900), 1.3 * size, (size, size))
    generator = torch.Generator().manual_seed(1)
    background = torch.randint(60, 200, (3, size, size), dtype=torch.uint8, generator=generator)
    return torch.tensor(joints), [camera] * len(joints), background


def test_a_capsule_covers_the_pixels_computed_by_hand() -> None:
    # Axis at row 7.5 from column 5.5 to 9.5, radius 1: rows 7 and 8, columns 5.5 - 0.87 to 9.5 + 0.87.
    _, mask = render(bar((-250, 250), (0, 0), 1000, (1, 0, 0)), [HEAD_ON], GREY, FLAT)
    expected = torch.zeros(1, 16, 16, dtype=torch.uint8)
    expected[0, 7:9, 5:11] = 255
    assert torch.equal(mask, expected)


def test_an_upright_capsule_is_the_transpose_of_a_lying_one() -> None:
    lying, lying_mask = render(bar((-300, 200), (60, 60), 1000, (1, 0, 0)), [HEAD_ON], GREY, FLAT)
    upright, upright_mask = render(bar((60, 60), (-300, 200), 1000, (1, 0, 0)), [HEAD_ON], GREY, FLAT)
    assert torch.equal(lying_mask, upright_mask.mT)
    torch.testing.assert_close(lying, upright.mT, atol=1, rtol=0)


@pytest.mark.parametrize("swap", [False, True])
def test_the_nearer_capsule_hides_the_farther_whatever_their_order(swap: bool) -> None:
    red, green = bar((-500, 500), (0, 0), 1000, (1, 0, 0)), bar((0, 0), (-500, 500), 1300, (0, 1, 0))
    frames, _ = render(together(green, red) if swap else together(red, green), [HEAD_ON], GREY, FLAT)
    crossing = frames[0, :, 7, 7]
    assert crossing[0] > 150
    assert crossing[1] == 0
    assert frames[0, 1, 5, 7] > 150  # the green one shows above the crossing


def test_an_inner_silhouette_lets_no_background_through() -> None:
    behind, front = bar((-500, 500), (0, 0), 1200, (1, 1, 1)), bar((-500, 500), (40, 40), 1000, (1, 1, 1))
    frames, mask = render(together(behind, front), [HEAD_ON], torch.zeros_like(GREY), FLAT)
    assert frames[0, 0, 7, 6:10].min() > 120
    assert mask[0, 7, 6:10].min() == 255


def test_what_is_behind_the_camera_is_not_drawn() -> None:
    frames, mask = render(bar((-250, 250), (0, 0), -1000, (1, 0, 0)), [HEAD_ON], GREY, FLAT)
    assert mask.max() == 0
    assert torch.equal(frames[0], GREY)


def test_a_capsule_that_leaves_the_frame_is_cut_at_its_side() -> None:
    _, mask = render(bar((-3000, 0), (0, 0), 1000, (1, 0, 0)), [HEAD_ON], GREY, FLAT)
    assert mask[0, 7, :9].min() == 255
    assert mask[0, :7].max() == 0


def test_a_mirrored_scene_gives_the_mirrored_image() -> None:
    joints, _, _ = filmed()
    body = capsules(joints, make_subject(2))
    lying = body.ends_TK23 @ torch.tensor([[0, 0, 1.0], [1, 0, 0], [0, -1, 0]]) + torch.tensor([0, 900, 4500.0])
    camera = Camera(np.eye(3), np.zeros(3), np.array([[80.0, 0, 31.5], [0, 80, 31.5], [0, 0, 1]]), (64, 64))
    background = torch.full((3, 64, 64), 90, dtype=torch.uint8)
    one, one_mask = render(body_of(body, lying), [camera] * len(joints), background, FLAT)
    other, other_mask = render(
        body_of(body, lying * torch.tensor([-1.0, 1, 1])), [camera] * len(joints), background, FLAT
    )
    assert one_mask.ne(0).float().mean() > 0.01
    assert (one_mask != other_mask.flip(-1)).float().mean() < 1e-4
    assert (one.int() - other.flip(-1).int()).abs().gt(2).float().mean() < 1e-3


def body_of(body: Capsules, ends: Tensor) -> Capsules:
    return Capsules(ends, body.radii_K2, body.colours_K3)


def test_the_mask_is_where_the_image_differs_from_the_background() -> None:
    joints, cameras, background = filmed()
    frames, masks = render(capsules(joints, make_subject(0)), cameras, background, Light(shadow=0.0))
    differs = (frames != background).any(1)
    inside = masks.ne(0)
    grown = max_pool2d(inside.float()[:, None], 3, 1, 1)[:, 0].bool()
    assert differs[inside].float().mean() > 0.999
    assert not differs[~grown].any()


def test_every_joint_projects_onto_the_mask() -> None:
    joints, cameras, background = filmed(128, 30, "squats")
    _, masks = render(capsules(joints, make_subject(4)), cameras, background, Light())
    grown = max_pool2d(masks.float()[:, None], 3, 1, 1)[:, 0]
    pixels = np.round(cameras[0].project(joints.numpy())).astype(int)
    frames = np.arange(len(joints))[:, None]
    assert grown[frames, pixels[..., 1], pixels[..., 0]].min() == 255


def test_equal_seeds_give_equal_pixels_and_others_other_noise() -> None:
    joints, cameras, background = filmed(count=4)
    body, light = capsules(joints, make_subject(0)), Light(noise=3.0)
    seeds = torch.tensor([7, 8, 9, 10])
    one, mask = render(body, cameras, background, light, seeds)
    assert torch.equal(one, render(body, cameras, background, light, seeds)[0])
    other, same_mask = render(body, cameras, background, light, seeds + 4)
    assert not torch.equal(one, other)
    assert torch.equal(mask, same_mask)


def test_noise_has_the_stated_deviation_and_differs_between_frames() -> None:
    empty = torch.full((3, 64, 64), 128, dtype=torch.uint8)
    body = bar((0, 1), (0, 0), -1000, (1, 1, 1))
    body = body_of(body, body.ends_TK23.expand(3, -1, -1, -1))
    camera = HEAD_ON.scaled((64, 64))
    frames, _ = render(body, [camera] * 3, empty, Light(noise=4.0, shadow=0), torch.arange(3))
    noise = frames.float() - 128
    assert abs(float(noise.std()) - 4) < 0.2
    assert abs(float((noise[0] * noise[1]).mean())) < 1


def test_a_frame_does_not_depend_on_what_is_drawn_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    joints, cameras, background = filmed()
    light, seeds = Light(noise=2.0), torch.arange(len(joints))
    subject = make_subject(0)
    all_frames, all_masks = render(capsules(joints, subject), cameras, background, light, seeds)
    some_frames, some_masks = render(capsules(joints[3:5], subject), cameras[3:5], background, light, seeds[3:5])
    assert torch.equal(all_frames[3:5], some_frames)
    assert torch.equal(all_masks[3:5], some_masks)
    monkeypatch.setattr(module, "PIXELS_AT_ONCE", 64 * 64 * 5)
    assert torch.equal(render(capsules(joints, subject), cameras, background, light, seeds)[0], all_frames)


def test_different_subjects_differ_in_colour() -> None:
    joints, cameras, background = filmed(count=2)
    one, mask = render(capsules(joints, make_subject(0)), cameras, background, Light())
    other, _ = render(capsules(joints, make_subject(1)), cameras, background, Light())
    assert (one.float() - other.float()).abs().mean(1)[mask.ne(0)].mean() > 10


def test_front_and_back_differ() -> None:
    joints, cameras, background = filmed(count=2)
    turned = joints * torch.tensor([-1.0, -1.0, 1.0])
    subject = make_subject(3)
    front, mask = render(capsules(joints, subject), cameras, background, Light())
    back, back_mask = render(capsules(turned, subject), cameras, background, Light())
    pairs = ((front, mask), (back, back_mask))
    colours = [(frames * masks.ne(0)[:, None]).sum((0, 2, 3)) / masks.ne(0).sum() for frames, masks in pairs]
    assert (colours[0] - colours[1]).abs().max() > 2


def test_the_shadow_darkens_the_ground_under_the_feet_and_nothing_else() -> None:
    joints, cameras, _ = filmed(count=2)
    background = torch.full((3, 64, 64), 200, dtype=torch.uint8)
    body = capsules(joints, make_subject(0))
    lit, mask = render(body, cameras, background, Light(shadow=0.0))
    shaded, same = render(body, cameras, background, Light(shadow=0.6))
    assert torch.equal(mask, same)
    darker = (shaded.int() - lit.int()).sum(1)
    assert darker.max() <= 0
    assert darker.min() < -60
    ankle = cameras[0].project(joints[0, 3].numpy())
    assert darker[0, : int(ankle[1]) - 8].min() > -30


def test_the_shadow_lies_on_a_slanting_ground() -> None:
    joints, cameras, _ = filmed(count=2)
    background = torch.full((3, 64, 64), 200, dtype=torch.uint8)
    far_below = Light(shadow=0.6, ground=((0.0, 0.0, 1.0), -3000.0))
    frames, _ = render(capsules(joints, make_subject(0)), cameras, background, far_below)
    bare, _ = render(capsules(joints, make_subject(0)), cameras, background, Light(shadow=0.0))
    assert torch.equal(frames, bare)


def test_a_background_per_frame_is_drawn_behind_its_frame() -> None:
    body = bar((-250, 250), (0, 0), 1000, (1, 0, 0))
    body = body_of(body, body.ends_TK23.expand(2, -1, -1, -1))
    background = torch.stack([GREY, GREY + 50])
    frames, _ = render(body, [HEAD_ON] * 2, background, FLAT)
    assert torch.equal(frames[:, :, 0], background[:, :, 0])
    assert torch.equal(background[0], GREY)  # untouched


def test_ragged_ranges_are_concatenated() -> None:
    owner, value = ragged(torch.tensor([5, 0, 7]), torch.tensor([2, 0, 3]))
    assert owner.tolist() == [0, 0, 2, 2, 2]
    assert value.tolist() == [5, 6, 7, 8, 9]


def test_the_box_of_a_mask_is_as_computed_by_hand() -> None:
    mask = torch.zeros(2, 8, 16, dtype=torch.uint8)
    mask[0, 2:4, 4:12] = 255  # columns [4, 12) of 16: half the width, in the middle; rows [2, 4) of 8: a quarter
    box = box_of_mask(mask)
    torch.testing.assert_close(box[0], torch.tensor([0.5, 0.25, 0.0, -0.25]))
    assert box[1].isnan().all()


@pytest.mark.gpu
def test_a_gpu_draws_what_a_cpu_draws() -> None:
    joints, cameras, background = filmed(128, 20)
    subject, light, seeds = make_subject(0), Light(noise=2.0), torch.arange(20)
    cpu, cpu_mask = render(capsules(joints, subject), cameras, background, light, seeds)
    gpu, gpu_mask = render(capsules(joints.cuda(), subject), cameras, background.cuda(), light, seeds.cuda())
    assert (cpu_mask != gpu_mask.cpu()).float().mean() < 1e-4
    assert (cpu.int() - gpu.cpu().int()).abs().gt(2).float().mean() < 1e-3
