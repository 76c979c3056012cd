"""Task heads and their measures: worked values, what may change without changing them, gradients, refusals."""

import pytest
import torch
from torch import Tensor

from poserep.core.config import with_bodies
from poserep.core.errors import ConfigError, ShapeError
from poserep.core.interfaces import Context
from poserep.core.registry import Registry
from poserep.plugins.heads import classifier, dense_pose, mesh, mesh_free, pose_regression, scores, upsampling
from poserep.plugins.heads.mesh_net import weak_perspective

FACTS = {"variant": 6, "tokens": 16, "joints": 3, "classes": 4, "parts": 3, "vertices": 12}
CONTEXT = with_bodies(Context(16, FACTS), Registry(installed=()))
TOKENS, LATENT = torch.zeros(5, 16, 16), torch.zeros(5, 6)


def turned(points: Tensor) -> Tensor:
    """Points turned about an axis, scaled and moved."""
    c, s = torch.tensor(0.6), torch.tensor(0.8)
    rotation = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return 1.7 * points @ rotation.T + torch.tensor([5.0, -3.0, 2.0])


# ---------------------------------------------------------------- meshes


def test_vertex_errors_of_a_shifted_and_of_a_scaled_mesh() -> None:
    truth = torch.tensor([[[0.0, 0, 0], [0, 30, 40], [10, 0, 0], [0, 0, 20]]])
    found = scores.mesh_errors(truth + torch.tensor([3.0, 0, 4]), truth, f_scores=True)
    assert found["PVE"].item() == pytest.approx(5)
    assert found["PA-PVE"].item() == pytest.approx(0, abs=1e-3)
    assert found["F@5"].item() == found["F@15"].item() == 1
    assert scores.vertex_error(2 * truth, truth).item() == pytest.approx((0 + 50 + 10 + 20) / 4)


def test_an_f_score_is_the_harmonic_mean_of_precision_and_recall() -> None:
    points = torch.tensor([[[0.0, 0, 0], [100, 0, 0], [200, 0, 0], [300, 0, 0]]])
    truth = torch.tensor([[[1.0, 0, 0], [4, 0, 0], [104.9, 0, 0], [500, 0, 0], [600, 0, 0]]])
    precision, recall = 2 / 4, 3 / 5  # points 0 and 100; truths 1, 4 and 104.9
    expected = 2 * precision * recall / (precision + recall)
    assert scores.f_score(points, truth, 5.0).item() == pytest.approx(expected)
    assert scores.f_score(points, truth + 1000, 5.0).item() == 0
    assert scores.f_score(points[:, [2, 0, 3, 1]], truth, 5.0).item() == pytest.approx(expected)


def test_aligned_errors_do_not_see_a_similarity_but_see_a_mirror_image() -> None:
    torch.manual_seed(0)
    truth = 100 * torch.randn(2, 9, 3)
    assert scores.mesh_errors(turned(truth), truth, f_scores=False)["PA-PVE"].max() < 1e-2
    assert scores.mesh_errors(truth * torch.tensor([-1.0, 1, 1]), truth, f_scores=False)["PA-PVE"].min() > 10


def test_sets_of_points_of_other_batches_are_refused() -> None:
    with pytest.raises(ShapeError, match="equal N"):
        scores.f_score(torch.zeros(2, 4, 3), torch.zeros(1, 4, 3), 5.0)
    with pytest.raises(ShapeError):
        scores.vertex_error(torch.zeros(2, 4, 3), torch.zeros(2, 5, 3))


def test_a_far_camera_scales_and_moves() -> None:
    points, camera = torch.tensor([[[500.0, -250.0, 9.0]]]), torch.tensor([[0.0, 0.1, 0.2]])
    assert weak_perspective(points, camera)[0, 0].tolist() == pytest.approx([0.6, -0.05])
    nearer = weak_perspective(points, camera + torch.tensor([0.6931472, 0, 0]))
    assert nearer[0, 0].tolist() == pytest.approx([1.1, -0.3])


def test_farthest_points_of_a_line_are_its_ends_then_its_middle() -> None:
    line = torch.stack((torch.arange(9.0), torch.zeros(9), torch.zeros(9)), dim=1)[None]
    chosen = upsampling.farthest_points(line, 3).tolist()
    assert chosen in ([0, 8, 4], [8, 0, 4])
    assert sorted(upsampling.farthest_points(line, 9).tolist()) == list(range(9))
    with pytest.raises(ShapeError, match="10 farthest points"):
        upsampling.farthest_points(line, 10)


def test_a_point_that_is_near_in_one_example_alone_counts_as_far() -> None:
    one = torch.tensor([[[0.0, 0, 0], [1, 0, 0]], [[0, 0, 0], [50, 0, 0]]])
    assert upsampling.apart(one, one[:, :1])[:, 0].tolist() == [0, 50]


def test_a_mesh_is_rebuilt_from_few_vertices_wherever_it_turns() -> None:
    torch.manual_seed(0)
    corners = 100 * torch.randn(1, 4, 3)
    mixes = torch.rand(20, 4)
    mixes /= mixes.sum(dim=1, keepdim=True)
    examples = torch.cat((corners, mixes @ corners), dim=1)
    index, weight = upsampling.rebuilding_weights(examples, torch.arange(4), 4)
    torch.testing.assert_close(weight.sum(dim=1), torch.ones(24))
    assert torch.equal(weight[:4].argmax(dim=1), (index[:4] == torch.arange(4)[:, None]).float().argmax(dim=1))
    again = upsampling.rebuilt(turned(corners), index, weight)
    assert (again - turned(examples)).norm(dim=-1).max() < 1.0
    assert (again[:, :4] - turned(corners)).abs().max() < 1e-3
    _, other = upsampling.rebuilding_weights(turned(examples), torch.arange(4), 4)
    torch.testing.assert_close(other, weight, atol=1e-2, rtol=0)


# ---------------------------------------------------------------- classes, parts


def test_top_1_and_macro_f1_by_hand() -> None:
    truth, told = torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor([0, 0, 1, 1, 0, 3])
    logits = torch.nn.functional.one_hot(told, 5).float()
    assert scores.top_1(logits, truth).tolist() == [1, 1, 0, 1, 0, 0]
    f1 = [2 * 2 / (3 + 3), 2 * 1 / (2 + 2), 0, 0]  # class 4 neither occurs nor is told
    assert scores.macro_f1(logits, truth).item() == pytest.approx(sum(f1) / 4)
    order = torch.tensor([5, 3, 1, 0, 2, 4])
    assert scores.macro_f1(3 * logits[order] - 7, truth[order]).item() == pytest.approx(sum(f1) / 4)
    with pytest.raises(ShapeError):
        scores.macro_f1(logits, truth[:3])


def test_part_accuracy_and_coordinates_count_on_the_body_alone() -> None:
    parts = torch.tensor([[[[0, 1], [2, 2]]]])
    told = torch.tensor([[[1, 1], [2, 0]]])
    logits = torch.nn.functional.one_hot(told, 3).permute(0, 3, 1, 2).float()
    assert scores.part_accuracy(logits, parts).item() == pytest.approx(2 / 3)
    assert scores.body_iou(logits, parts).item() == pytest.approx(2 / 4)
    uv = torch.zeros(1, 3, 2, 2, 2)
    uv[:, 1], uv[:, 2] = 0.5, 0.25
    own = scores.of_true_part(uv, parts)
    assert own[0, :, 0, 1].tolist() == [0.5, 0.5]
    truth = torch.zeros(1, 2, 2, 2)
    truth[0, :, 0, 1] = torch.tensor([0.8, 0.9])
    truth[0, :, 1] = 0.25
    assert scores.uv_error(own, truth, parts).item() == pytest.approx(0.5 / 3)
    nobody = torch.zeros_like(parts)
    assert scores.part_accuracy(logits, nobody).isnan().all()
    assert scores.uv_error(own, truth, nobody).isnan().all()
    with pytest.raises(ShapeError):
        scores.part_accuracy(logits, parts[:, 0])


# ---------------------------------------------------------------- heads


def test_a_classifier_guesses_by_how_common_classes_are_and_its_loss_is_cross_entropy() -> None:
    head = classifier.build(classifier.ClassifierOptions(), CONTEXT)
    labels = {"gesture": torch.tensor([2, 2, 2, 1, 0])}
    head.settle({"variant": torch.randn(5, 6)}, labels)
    assert head.guess(2)["gesture"].exp()[0].tolist() == pytest.approx([2 / 9, 2 / 9, 4 / 9, 1 / 9])
    even = {"gesture": torch.zeros(5, 4)}
    assert head.loss(even, labels).item() == pytest.approx(1.3862944)
    assert head.errors(head.guess(5), labels)["top-1"].tolist() == [1, 1, 1, 0, 0]


def test_a_pose_is_learnt_standardised_and_the_mean_has_a_loss_of_its_variance() -> None:
    torch.manual_seed(0)
    for sees, features in (("variant", {"variant": torch.randn(6, 6)}), ("tokens", {"tokens": torch.randn(6, 4, 16)})):
        head = pose_regression.build(pose_regression.PoseRegressionOptions(sees=sees, hidden=8), CONTEXT)
        labels = {"pose": 300 * torch.randn(6, 3, 3)}
        head.settle(features, labels)
        assert head.loss(head.guess(6), labels).item() == pytest.approx(5 / 6, rel=1e-4)
        assert head.loss(labels, labels).item() == 0
        assert head(**features)["pose"].shape == (6, 3, 3)


def test_queries_do_not_care_for_the_order_of_tokens() -> None:
    head = pose_regression.build(pose_regression.PoseRegressionOptions(hidden=8), CONTEXT).eval()
    tokens = torch.randn(2, 9, 16)
    torch.testing.assert_close(head(tokens=tokens)["pose"], head(tokens=tokens.flip(1))["pose"], atol=1e-5, rtol=1e-4)


def test_dense_pose_without_fault_has_no_loss_and_blind_it_tells_each_pixels_likeliest_part() -> None:
    torch.manual_seed(0)
    head = dense_pose.build(dense_pose.DensePoseOptions(channels=8), CONTEXT)
    parts = torch.randint(3, (5, 1, 16, 16))
    labels = {"part_map": parts, "uv_map": torch.rand(5, 2, 16, 16) * (parts > 0)}
    perfect = {
        "part_map": 50 * torch.nn.functional.one_hot(parts[:, 0], 3).permute(0, 3, 1, 2).float(),
        "uv_map": labels["uv_map"][:, None].expand(-1, 3, -1, -1, -1),
    }
    assert head.loss(perfect, labels).item() == pytest.approx(0, abs=1e-6)
    assert head.errors(perfect, labels)["part accuracy"].tolist() == [1.0] * 5
    assert head.errors(perfect, labels)["UV error"].max() == 0
    head.settle({"tokens": TOKENS}, labels)
    likeliest = head.guess(1)["part_map"][0].argmax(dim=0)
    assert torch.equal(likeliest, torch.nn.functional.one_hot(parts[:, 0], 3).sum(dim=0).argmax(dim=-1))
    where = parts[:, 0] == 2
    middle = head.guess(1)["uv_map"][0, 2, :, 0, 0]
    torch.testing.assert_close(middle, torch.stack([labels["uv_map"][:, i][where].mean() for i in (0, 1)]))
    with pytest.raises(ShapeError, match="no square"):
        head(tokens=torch.zeros(1, 7, 16))


def body_head(**options: object) -> torch.nn.Module:
    return mesh.build(mesh.MeshOptions.model_validate({"hidden": 8, **options}), CONTEXT)


def test_a_body_at_rest_is_turned_to_where_labelled_bodies_are_up_and_begins_there() -> None:
    head = body_head()
    template = head.body.template
    still = torch.eye(3).expand(1, head.joints, 3, 3)
    root = head.body.pose(*head.body(still, torch.zeros(1, head.shapes), torch.zeros(1, 3)))
    upside_down = torch.diag(torch.tensor([1.0, -1, -1]))
    seen = ((template - root[0, head.body.skeleton.root]) @ upside_down.T)[None]
    head.settle({"variant": LATENT[:1]}, {"vertices": seen})
    torch.testing.assert_close(head.facing_33, upside_down, atol=1e-4, rtol=0)
    with torch.no_grad():
        begun = head.eval()(variant=LATENT[:1])["vertices"]
    assert (begun - seen).norm(dim=-1).mean() < 20


def test_rotations_shape_and_camera_follow_from_vertices_and_joints() -> None:
    torch.manual_seed(0)
    head = body_head()
    latent = torch.randn(4, 6)
    told = head(variant=latent)
    labels = {"vertices": told["vertices"].detach().roll(1, 0)}
    head.loss(told, labels).backward()
    grad = head.out[-1].weight.grad
    rows = 6 * head.joints
    assert (grad[:rows].abs().amax(dim=1) > 0).float().mean() > 0.8  # leaves of the tree move nothing
    assert (grad[rows : rows + head.shapes].abs().amax(dim=1) > 0).all()
    assert head.loss(told, {"vertices": told["vertices"]}).item() < 1e-2


def test_a_mesh_of_another_body_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match="12 vertices") as caught:
        body_head().settle({"variant": LATENT}, {"vertices": torch.zeros(5, 12, 3)})
    assert "mesh_free" in str(caught.value)


def test_a_free_mesh_learns_meshes_that_it_was_told_nothing_of() -> None:
    torch.manual_seed(0)
    options = mesh_free.MeshFreeOptions(coarse=5, middle=8, widths=(16, 8), depth=1, heads=2)
    head = mesh_free.build(options, CONTEXT)
    template = 100 * torch.randn(12, 3)
    features = {"tokens": torch.randn(8, 4, 16)}
    scale = 1 + 4 * features["tokens"].mean(dim=(1, 2))
    labels = {"vertices": scale[:, None, None] * template}
    head.settle(features, labels)
    torch.testing.assert_close(head.guess(1)["vertices"][0], labels["vertices"].mean(dim=0))
    perfect = {"vertices": labels["vertices"], "middle": labels["vertices"][:, head.middle_M]}
    perfect["coarse"] = labels["vertices"][:, head.coarse_C]
    assert head.loss(perfect, labels).item() == 0
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
    before = head.errors(head(**features), labels)["PVE"].mean()
    for _ in range(60):
        optimizer.zero_grad()
        head.loss(head(**features), labels).backward()
        optimizer.step()
    assert head.errors(head(**features), labels)["PVE"].mean() < 0.6 * before
