"""Fine-tuning: from several starts, at several label counts, of poses and of other tasks, with one image or two."""

import json
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.compose import compose
from poserep.core.config import FineTune
from poserep.core.errors import ConfigError, DataError
from poserep.core.interfaces import Clip, Draw, Roles
from poserep.core.measurement import Measurement, read_measurements
from poserep.core.mirror import mirrored
from poserep.core.pipeline import Pipeline, float_images
from poserep.core.registry import Registry
from poserep.core.run import Run
from poserep.core.study.stages import stages_of
from poserep.tests.fakes.tiny import TINY
from poserep.verbs import finetune as verb
from poserep.verbs.finetune import finetune, open_bench, plan_of, rate_of, train_one
from poserep.verbs.finetune_frames import LabelledSampler, evenly, paired, partners
from poserep.verbs.finetune_model import augmented, depths, groups, nearest, recoloured
from poserep.verbs.finetune_start import begin
from poserep.verbs.finetune_task import build_task, looked_at
from poserep.verbs.probe import probe
from poserep.verbs.report import build_report
from poserep.verbs.session import Session, open_session
from poserep.verbs.train import Machine, compose_and_train

REGISTRY = Registry(installed=())
CPU = Machine(accelerator="cpu")
QUICK = ("finetune.steps=3", "finetune.batch=4", "finetune.labels=[0]")
VIT = (
    *(one for one in TINY if one.startswith(("dataset.", "training.", "crop_size", "probe."))),
    *("encoder.preset=tiny", "encoder.width=16", "encoder.depth=2", "encoder.heads=2", "encoder.patch=8"),
    *("decoder.width=16", "decoder.depth=1", "decoder.heads=2", "training.steps=0"),
)


def trained(folder: Path, recipe: str, *sets: str) -> Path:
    return compose_and_train(recipe, folder, CPU, REGISTRY, sets=list(sets), uses=[]).folder


@pytest.fixture(scope="module")
def run(frame_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The temporal method, trained for four steps."""
    return trained(tmp_path_factory.mktemp("runs") / "temporal", "temporal", *TINY, "probe.labels=[6, 0]")


@pytest.fixture(scope="module")
def vit(frame_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformer before two cameras, as it starts; people are drawn as a mesh."""
    sets = (*VIT, "dataset.cameras=2", "dataset.body=capsule", "dataset.synchronised=true")
    return trained(tmp_path_factory.mktemp("runs") / "vit", "crocoman", *sets)


@pytest.fixture(scope="module")
def hands(frame_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformer before hands, as it starts."""
    kept = [one for one in VIT if not one.startswith("dataset.actions")]
    return trained(tmp_path_factory.mktemp("runs") / "hands", "crocoman", *kept, "dataset.scene=hands")


def opened(run: Path, *sets: str) -> Session:
    return open_session(run, REGISTRY, sets=[*QUICK, *sets])


def by_method(rows: list[Measurement], name: str) -> dict[str, float]:
    return {one.method: one.value for one in rows if one.name == name}


# ---------------------------------------------------------------- poses


def test_several_starts_and_counts_stand_beside_the_probe_under_one_protocol(run: Path) -> None:
    probed = probe(open_session(run, REGISTRY))
    found = finetune(opened(run, "finetune.labels=[6,0]", 'finetune.weights=["trained","random"]'), machine=CPU)
    methods = {"mean pose", "fine-tuned, from trained weights", "fine-tuned, from random weights"}
    assert {one.method for one in found} == methods
    assert {one.labels for one in found} == {one.labels for one in probed if one.labels}
    assert {one.protocol for one in found} == {one.protocol for one in probed}
    assert {one.reader for one in found if one.method != "mean pose"} == {"variant by mlp"}
    kept = read_measurements(run / "measurements.json")
    assert {one.method for one in kept} == methods | {"trained", "random encoder"}
    assert len({(one.name, one.method, one.labels) for one in kept}) == len(kept)
    probe(open_session(run, REGISTRY))
    assert {one.method for one in read_measurements(run / "measurements.json")} >= methods
    page = build_report([run], run / "report.html")
    assert "fine-tuned, from trained weights" in page.path.read_text()


def test_the_same_command_trains_nothing_twice(run: Path) -> None:
    first = finetune(opened(run), machine=CPU)
    folders = sorted(path.name for path in (run / "finetune").iterdir())
    steps = [path.stat().st_mtime_ns for path in sorted((run / "finetune").glob("*/steps.jsonl"))]
    assert finetune(opened(run), machine=CPU) == first
    assert sorted(path.name for path in (run / "finetune").iterdir()) == folders
    assert [path.stat().st_mtime_ns for path in sorted((run / "finetune").glob("*/steps.jsonl"))] == steps


def test_a_stopped_fine_tuning_goes_on_as_if_it_had_not_been_stopped(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ("finetune.steps=4", "finetune.colour=0.3", "finetune.mirror=true")

    @contextmanager
    def at_once() -> Iterator[threading.Event]:
        event = threading.Event()
        event.set()
        yield event

    whole = finetune(opened(run, *plain, "finetune.warmup=0.0"), machine=CPU)
    for folder in (run / "finetune").glob("*"):
        folder.rename(folder.with_name(f"whole-{folder.name}"))
    with monkeypatch.context() as patch:
        patch.setattr(verb, "stop_signals", at_once)
        assert finetune(opened(run, *plain, "finetune.warmup=0.0"), machine=CPU) == []
    (left,) = (run / "finetune").glob("trained-*")
    assert Run(left).about()["state"] == "stopped"
    assert Run(left).about()["step"] == 1
    again = finetune(opened(run, *plain, "finetune.warmup=0.0"), machine=CPU)
    assert [one.value for one in again] == [one.value for one in whole]
    assert [row["index"] for row in Run(left).steps()] == [1, 2, 3, 4]


def test_a_frozen_network_stays_and_only_its_head_learns(run: Path) -> None:
    session = opened(run, "finetune.frozen=true")
    before = {name: one.clone() for name, one in session.model.pipeline.state_dict().items()}
    model = train_one(open_bench(session, "test", CPU), session, "trained", 0)
    assert model is not None
    assert all(torch.equal(one, before[name]) for name, one in model.pipeline.state_dict().items())
    assert {one.method for one in finetune(session, machine=CPU)} == {"mean pose", "frozen, from trained weights"}


def test_fine_tuning_moves_detector_and_encoder_but_not_the_decoder(run: Path) -> None:
    session = opened(run)
    before = {name: one.clone() for name, one in session.model.pipeline.named_parameters()}
    model = train_one(open_bench(session, "test", CPU), session, "trained", 0)
    assert model is not None
    moved = {name.partition(".")[0] for name, one in model.pipeline.named_parameters() if not one.equal(before[name])}
    assert moved == {"detector", "encoder"}


def test_the_head_learns_what_it_is_shown(run: Path) -> None:
    """On the labelled frames themselves, so that a wrong pairing of frames and labels would show."""
    sets = ("finetune.steps=30", "finetune.batch=8", "finetune.learning_rate=3e-3", "finetune.backbone_rate=3e-3")
    session = opened(run, *sets, 'finetune.head={use="mlp", hidden=64, layers=1, dropout=0.0}')
    finetune(session, machine=CPU)
    (folder,) = [one for one in (run / "finetune").glob("trained-*") if len(Run(one).steps()) == 30]
    losses = [row["total"] for row in Run(folder).steps()]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_the_command_shows_tables_or_json(run: Path) -> None:
    words = ["finetune", str(run), "--accelerator", "cpu", *(part for one in QUICK for part in ("--set", one))]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "fine-tuned" in shown.output
    told = CliRunner().invoke(app, [*words, "--json"])
    assert {one["method"] for one in json.loads(told.stdout)} == {"mean pose", "fine-tuned, from trained weights"}


def test_settings_that_do_not_fit_are_refused(run: Path) -> None:
    for sets, what in (
        (['finetune.weights=["nobody"]', "finetune.head.use=mpl"], "no head named 'mpl'"),
        (["finetune.steps=0"], "greater than 0"),
        (["finetune.stepz=5"], "no such key"),
    ):
        with pytest.raises(ConfigError, match=what):
            opened(run, *sets)
    for sets, what in (
        (["finetune.second=view"], "no decoder that looks at a second image"),
        (["finetune.head.use=pose_regression"], "the head sees tokens, which nothing gives"),
        (["probe.target=pose_2d", "probe.mirror=false"], "poses are learnt in 3D"),
    ):
        with pytest.raises(ConfigError, match=what):
            finetune(opened(run, *sets), machine=CPU)
    with pytest.raises(DataError, match="no vertices for the head 'mesh' to learn"):
        finetune(opened(run, "finetune.head.use=mesh"), machine=CPU)
    with pytest.raises(ConfigError, match="one process"):
        finetune(opened(run), machine=Machine(devices=2))


def test_a_table_for_fine_tuning_names_another_probe_and_leaves_all_other_stages_as_they_were() -> None:
    def keys(*sets: str) -> list[str]:
        composition = compose("temporal", REGISTRY, sets=[*TINY, *sets])
        return [stage.key for stage in stages_of(composition, REGISTRY, "test")]

    tuned = keys(*QUICK, "finetune.head.use=classifier")
    assert tuned[:-1] == keys()[:-1]
    assert tuned[-1] != keys()[-1]


# ---------------------------------------------------------------- other tasks


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("pose_regression", {"N-MPJPE", "MPJPE", "P-MPJPE"}),
        ("mesh", {"PVE", "PA-PVE", "MPJPE"}),
        ("mesh_free", {"PVE", "PA-PVE"}),
        ("dense_pose", {"part accuracy", "UV error", "body IoU"}),
    ],
)
def test_each_task_of_bodies_is_learnt_and_measured_beside_a_blind_guess(vit: Path, head: str, names: set[str]) -> None:
    rows = finetune(opened(vit, f"finetune.head.use={head}"), machine=CPU)
    method = f"fine-tuned, from trained weights, by {head}"
    assert {one.name for one in rows if one.method == method} == names
    guess = "mean pose" if head == "pose_regression" else "without looking"
    assert {one.method for one in rows} == {guess, method}
    assert all(np.isfinite(one.value) for one in rows)
    assert {one.protocol.target for one in rows} == {
        {"pose_regression": "pose", "dense_pose": "part_map"}.get(head, "vertices")
    }


def test_the_report_shows_truth_and_prediction_of_each_task_beside_the_frame(vit: Path) -> None:
    for head, kinds in (("mesh", ("true", "said")), ("dense_pose", ("true", "said", "true_uv", "said_uv"))):
        session = opened(vit, f"finetune.head.use={head}", "probe.test_stride=4")
        finetune(session, machine=CPU)
        (folder,) = [one for one in (vit / "finetune").iterdir() if stride_of(one) == 4 and head_of(one) == head]
        with np.load(folder / "samples.npz") as samples:
            assert set(samples.files) == {f"task_{name}" for name in ("frame", *kinds)}
            true, said = samples["task_true"], samples["task_said"]
        assert true.shape == said.shape == (len(true), 3, 144, 144)
        assert true.dtype == np.uint8
        assert (true != said).any(axis=(1, 2, 3)).all()
        assert (folder / "test.png").is_file()
    text = build_report([vit], vit / "report.html").path.read_text()
    for words in (
        "Learnt: vertices by mesh",
        "Learnt: part_map by dense_pose",
        "fine-tuned from trained, places, frame 1",
    ):
        assert words in text


def head_of(folder: Path) -> str:
    return str(tomllib.loads((folder / "config.toml").read_text())["finetune"]["head"]["use"])


def stride_of(folder: Path) -> int:
    return int(tomllib.loads((folder / "config.toml").read_text())["probe"]["test_stride"])


def test_gestures_are_learnt_from_few_frames_of_each_class(hands: Path) -> None:
    sets = ("probe.stride=1", "finetune.head.use=classifier", "finetune.labels=[8]", "finetune.mirror=true")
    session = opened(hands, *sets)
    bench = open_bench(session, "test", CPU)
    chosen = bench.frames.labelled(8)
    pairs = zip(chosen.clip[:, 0], chosen.frame, strict=True)
    told = [int(session.source.dataset.labels("gesture", int(clip), frame)[0]) for clip, frame in pairs]
    assert len(set(told)) == min(8, len(np.unique(bench.frames.classes)))
    rows = finetune(session, machine=CPU)
    assert {(one.name, one.unit, one.labels) for one in rows} == {("top-1", "", 8), ("macro-F1", "", 8)}
    with np.load(next((hands / "finetune").glob("*/samples.npz"))) as samples:
        assert samples["confusion"].sum() == len(bench.frames.test.clip)
        right = np.trace(samples["confusion"]) / samples["confusion"].sum()
        assert right == pytest.approx(by_method(rows, "top-1")["fine-tuned, from trained weights, by classifier"])
        assert samples["classes"][samples["class_true"]].shape == (len(samples["task_frame"]),)
    assert "Row: the true class" in build_report([hands], hands / "report.html").path.read_text()


def test_another_runs_weights_are_a_start_if_its_encoder_is_the_same(vit: Path, hands: Path, run: Path) -> None:
    session = opened(vit, f'finetune.weights=["{hands}"]', "finetune.head.use=pose_regression")
    bench = open_bench(session, "test", CPU)
    pipeline = Pipeline(plan_of(bench, str(hands), 0))
    begin(pipeline, session, str(hands))
    other = open_session(hands, REGISTRY).model.pipeline.state_dict()
    found = pipeline.state_dict()
    assert all(found[name].equal(one) for name, one in other.items())
    assert {one.method for one in finetune(session, machine=CPU)} == {
        "mean pose",
        f"fine-tuned, from {hands}, by pose_regression",
    }
    with pytest.raises(DataError, match="the encoder of this run is not that of the run"):
        begin(pipeline, session, str(run))
    assert all(pipeline.state_dict()[name].equal(one) for name, one in other.items())


def test_two_views_are_read_through_the_decoder_which_then_learns(vit: Path) -> None:
    session = opened(vit, "finetune.second=view", "finetune.head.use=pose_regression")
    bench = open_bench(session, "test", CPU)
    assert bench.frames.train.clip.shape[1] == 2
    clips = session.source.dataset.clips
    for (a, b), (i, j) in zip(bench.frames.train.clip, bench.frames.train.frame, strict=True):
        assert clips[a].take == clips[b].take
        assert clips[a].camera != clips[b].camera
        assert clips[a].times_s[i] == clips[b].times_s[j]
    before = {name: one.clone() for name, one in session.model.pipeline.named_parameters()}
    model = train_one(bench, session, "trained", 0)
    assert model is not None
    moved = {name.partition(".")[0] for name, one in model.pipeline.named_parameters() if not one.equal(before[name])}
    assert moved == {"encoder", "decoder"}
    rows = finetune(session, machine=CPU)
    assert "fine-tuned, from trained weights, by pose_regression, two views" in {one.method for one in rows}


def test_the_second_view_is_looked_at_and_may_be_the_frame_itself(vit: Path) -> None:
    def features(second: str) -> torch.Tensor:
        session = opened(vit, f"finetune.second={second}", 'probe.fields=["variant"]')
        bench = open_bench(session, "test", CPU)
        torch.manual_seed(0)
        bare = verb.TaskModel(session.model.pipeline, torch.nn.Identity(), bench.setting)
        return looked_at(bare, bench.source, bench.frames.test, 4)[0]["variant"]

    view, copy = features("view"), features("copy")
    assert view.shape == copy.shape == (4, 16)
    assert not torch.allclose(view, copy)


def test_parts_are_mirrored_with_their_frames(vit: Path) -> None:
    bench = open_bench(opened(vit, "finetune.head.use=dense_pose", "finetune.mirror=true"), "test", CPU)
    frames = bench.frames.train
    record = float_images(bench.source.read(Draw(frames.clip[:8], frames.frame[:8])) | {"roles": Roles(("frame",))})
    torch.manual_seed(0)
    seen = augmented(record, bench.setting)
    other = mirrored(record, bench.setting.skeleton, bench.setting.parts)
    flipped = [bool((seen["frame"][n] == other["frame"][n]).all()) for n in range(8)]
    assert 0 < sum(flipped) < 8
    for name in ("frame", "part_map", "uv_map", "true_box"):
        for n, flip in enumerate(flipped):
            assert torch.equal(seen[name][n], (other if flip else record)[name][n]), name
    assert not torch.equal(other["part_map"], record["part_map"].flip(-1))  # sides are swapped


def test_a_mesh_of_another_body_is_refused(vit: Path) -> None:
    with pytest.raises(ConfigError, match="vertices, capsule has"):
        finetune(opened(vit, 'finetune.head={use="mesh", body_options={of="hand"}}'), machine=CPU)
    with pytest.raises(ConfigError, match="vertices cannot be mirrored"):
        finetune(opened(vit, "finetune.head.use=mesh", "finetune.mirror=true"), machine=CPU)


# ---------------------------------------------------------------- frames


def test_labels_are_spread_evenly_over_classes() -> None:
    classes = np.array([0] * 10 + [1] * 2 + [2] * 10)
    rows = evenly(classes, 8)
    assert np.bincount(classes[rows]).tolist() == [3, 2, 3]
    assert evenly(classes, 0).tolist() == list(range(22))
    assert len(evenly(classes, 21)) == 21


def test_no_frame_comes_twice_into_a_batch_unless_there_are_too_few() -> None:
    frames = Draw(np.zeros((5, 1), np.int64), np.arange(5)[:, None])
    sampler = LabelledSampler(frames)
    drawn = sampler.draw(np.random.default_rng(0), 5)
    assert sorted(drawn.frame[:, 0]) == list(range(5))
    assert len(sampler.draw(np.random.default_rng(0), 9).frame) == 9
    assert sampler.roles == ("frame",)


def test_partners_are_other_cameras_of_the_take_at_the_same_time() -> None:
    def clip(camera: str, take: str, times_s: list[float]) -> Clip:
        return Clip(f"{take}/{camera}", "S1", take, camera, "train", np.array(times_s))

    clips = [clip("a", "1", [0, 1, 2]), clip("b", "1", [0.1, 1.1, 7]), clip("a", "2", [0, 1]), clip("c", "1", [9, 10])]
    beside = partners(clips, "view")
    assert beside == {0: 1, 1: 3, 3: 0}
    draw = Draw(np.zeros((3, 1), np.int64), np.arange(3)[:, None])
    pairs, kept = paired(clips, draw, beside)
    assert pairs.clip.tolist() == [[0, 1], [0, 1]]
    assert pairs.frame.tolist() == [[0, 0], [1, 1]]
    assert kept.tolist() == [0, 1]
    with pytest.raises(DataError, match="no moment was seen by two cameras"):
        partners(clips[2:3], "view")
    with pytest.raises(DataError, match="no frame has a second view"):
        paired(clips, Draw(np.full((1, 1), 2), np.zeros((1, 1), np.int64)), beside)


# ---------------------------------------------------------------- rates, augmentation, labels in the crop


def test_rates_rise_over_the_warm_up_and_fall_along_a_cosine() -> None:
    rate = rate_of(FineTune(steps=110, learning_rate=2.0, warmup=10 / 110))
    assert [rate(step) for step in (0, 4, 9)] == pytest.approx([2 / 11, 10 / 11, 20 / 11])
    assert [rate(step) for step in (10, 60, 85)] == pytest.approx([2.0, 1.0, 1 - np.sqrt(0.5)])
    assert rate(109) < 1e-3


def test_depths_count_the_blocks_of_transformers_and_the_stages_of_cnns() -> None:
    vit = ["patch_embed.proj.weight", "enc_blocks.0.a", "enc_blocks.0.b", "enc_blocks.1.a", "norm.weight"]
    assert depths(vit) == [0, 1, 1, 2, 3]
    assert depths(
        ["net.conv1.w", "net.bn1.w", "net.layer1.0.w", "net.layer1.1.w", "net.layer2.0.w", "to_variant.w"]
    ) == [*(0, 0, 1, 1, 2, 3)]
    assert depths(["stages.0.blocks.0.w", "stages.0.blocks.1.w", "stages.1.blocks.0.w"]) == [1, 1, 2]


def test_each_block_learns_slower_than_the_one_after_it(run: Path) -> None:
    session = opened(run, "finetune.learning_rate=1e-3", "finetune.backbone_rate=5e-4", "finetune.layer_decay=0.5")
    bench = open_bench(session, "test", CPU)
    bare = verb.TaskModel(session.model.pipeline, torch.nn.Identity(), bench.setting)
    model = verb.TaskModel(
        session.model.pipeline, build_task(session.composition, bench.source, bare, bench.frames), bench.setting
    )
    scale = {id(one): group["scale"] for group in groups(model, bench.options) for one in group["params"]}
    encoder = model.pipeline.get_submodule("encoder")
    assert scale[id(model.head.get_parameter("head.0.weight"))] == 1.0
    assert scale[id(encoder.get_parameter("to_variant.weight"))] == pytest.approx(0.5)
    blocks = [next(encoder.get_submodule(f"trunk.net.layer{i}").parameters()) for i in (4, 3, 2, 1)]
    assert [scale[id(one)] for one in blocks] == pytest.approx([0.25, 0.125, 0.0625, 0.03125])
    plain = {len(group["params"]): group["weight_decay"] for group in groups(model, bench.options)}
    assert 0.0 in plain.values()
    assert all(
        one.ndim > 1 for group in groups(model, bench.options) if group["weight_decay"] for one in group["params"]
    )


def test_ones_recolour_nothing_and_brightness_keeps_the_difference_to_the_background_in_scale() -> None:
    torch.manual_seed(0)
    frame, background = 0.25 + 0.5 * torch.rand(2, 1, 1, 3, 4, 4)
    mean = frame.mean(dim=(1, 2, 3, 4))
    torch.testing.assert_close(recoloured(frame, torch.ones(1, 3), mean), frame)
    by = torch.tensor([[1.2, 1.0, 1.0]])
    here, there = (recoloured(one, by, mean) for one in (frame, background))
    torch.testing.assert_close(here - there, 1.2 * (frame - background))
    grey = recoloured(frame, torch.tensor([[1.0, 1.0, 0.0]]), mean)
    torch.testing.assert_close(grey, grey[:, :, :1].expand_as(grey))


def test_some_frames_are_mirrored_with_their_poses(run: Path) -> None:
    session = opened(run, "finetune.mirror=true")
    bench = open_bench(session, "test", CPU)
    batch = bench.source.read(bench.frames.labelled(8), extra=["pose"])
    record = {name: value.float() for name, value in batch.items()}
    torch.manual_seed(1)
    other = augmented(record, bench.setting)
    flipped = [not torch.equal(other["frame"][b], record["frame"][b]) for b in range(len(record["frame"]))]
    moved = [not torch.equal(other["pose"][b], record["pose"][b]) for b in range(len(record["frame"]))]
    assert flipped == moved
    assert 0 < sum(flipped) < len(flipped)


def test_a_map_is_read_at_the_nearest_pixel_of_the_box() -> None:
    parts = torch.arange(16).view(1, 1, 4, 4)
    whole = nearest(parts, torch.tensor([[1.0, 1.0, 0.0, 0.0]]), 4)
    assert torch.equal(whole, parts)
    corner = nearest(parts, torch.tensor([[0.5, 0.5, 0.5, -0.5]]), 2)
    assert corner.flatten().tolist() == [2, 3, 6, 7]
    assert nearest(parts, torch.tensor([[1.0, 1.0, 2.0, 0.0]]), 4)[0, 0, :, 2:].abs().max() == 0
