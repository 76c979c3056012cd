"""What is completed is held out, what is told of it is right, and a reference that is not looked at gains nothing."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.errors import ConfigError, DataError
from poserep.core.interfaces import Clip, Draw
from poserep.core.registry import Registry
from poserep.core.run import Run
from poserep.networks.patches import own_scale, patchify, standardised
from poserep.tests.fakes.pairs import SMALL
from poserep.verbs.analyse_completion import completion_command, completions, gain_of, which_frames
from poserep.verbs.completed import Scale, complete, errors_of, masked
from poserep.verbs.completion_pairs import STRANGERS, Wanted, choose, strangers
from poserep.verbs.completion_pictures import (
    COLUMNS,
    ITSELF,
    KINDS,
    MASKED,
    PERSON,
    PSNR,
    RAW,
    STRANGER,
    TRUE,
    gain_name,
    read_analysed,
)
from poserep.verbs.next_step import COMPLETION, after_training, completes, looked_at, measuring
from poserep.verbs.report import build_report
from poserep.verbs.session import Session, open_session
from poserep.verbs.train import Machine, compose_and_train

ACTIONS = ('dataset.actions=["gait"]',)


def train(folder: Path, *sets: str) -> Path:
    sets = (*SMALL, *ACTIONS, *sets)
    return compose_and_train("crocoman", folder, Machine(accelerator="cpu"), Registry(), sets=sets).folder


@pytest.fixture(scope="module")
def run(frame_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained for two steps on one subject; two others are held out."""
    return train(tmp_path_factory.mktemp("runs") / "pairs")


@pytest.fixture(scope="module")
def session(run: Path) -> Session:
    return open_session(run)


# ---------------------------------------------------------------- which pairs


def test_pairs_are_of_held_out_subjects_and_of_each_kind_and_repeat(session: Session) -> None:
    clips = session.source.dataset.clips
    found, again = (choose(session.composition, session.source.dataset, Wanted(6, 3, "test")) for _ in range(2))
    assert list(found) == ["view", "pose"]
    for kind, pairs in found.items():
        one, other = pairs.draw.clip.T
        assert len(one) == 6
        assert {clips[clip].split for clip in pairs.draw.clip.ravel()} == {"test"}
        assert ((one == other) == (kind == "pose")).all()
        assert pairs.foreign == "another subject"
        assert all(clips[one[row]].subject != clips[one[other]].subject for row, other in enumerate(pairs.stranger))
        np.testing.assert_array_equal(pairs.draw.frame, again[kind].draw.frame)
        np.testing.assert_array_equal(pairs.stranger, again[kind].stranger)
    different = choose(session.composition, session.source.dataset, Wanted(6, 4, "test"))["view"]
    assert (different.draw.frame != found["view"].draw.frame).any()


def test_only_late_frames_are_drawn_where_they_are_asked_for(session: Session) -> None:
    clips = session.source.dataset.clips
    found = choose(session.composition, session.source.dataset, Wanted(4, 0, "test", after_s=1.0))
    for pairs in found.values():
        for one, frame in zip(pairs.draw.clip.ravel(), pairs.draw.frame.ravel(), strict=True):
            assert clips[one].times_s[frame] >= 1.0
    with pytest.raises(DataError, match="no two pairs of a kind from 99 s on") as caught:
        choose(session.composition, session.source.dataset, Wanted(2, 0, "test", after_s=99.0))
    assert "dataset.end_s" in caught.value.hint


def test_a_split_that_is_not_there_is_refused(session: Session) -> None:
    with pytest.raises(DataError, match="no validation frames") as caught:
        choose(session.composition, session.source.dataset, Wanted(4, 0, "validation"))
    assert caught.value.hint == "it has: test, train"


def clip(subject: str, take: str, camera: str = "a") -> Clip:
    return Clip(f"{subject}{take}{camera}", subject, take, camera, "test", np.arange(4) / 10)


def test_a_stranger_is_another_subject_or_else_another_take_or_moment() -> None:
    rng = np.random.default_rng(0)
    clips = [clip("x", "1"), clip("x", "2"), clip("y", "3")]
    draw = Draw(np.array([[0, 0], [1, 1], [2, 2]]), np.array([[0, 1]] * 3))
    chosen, least = strangers(clips, draw, rng)
    assert (chosen[:2].tolist(), least) == ([2, 2], "another subject")
    unknown = [clip("", "1"), clip("", "2"), clip("", "1", "b")]
    chosen, least = strangers(unknown, draw, rng)
    assert (chosen[[0, 2]].tolist(), least) == ([1, 1], "another take")
    moments = Draw(np.zeros((3, 2), np.int64), np.array([[0, 1], [0, 1], [1, 2]]))
    chosen, least = strangers(unknown, moments, rng)
    assert (chosen[:2].tolist(), least) == ([2, 2], STRANGERS[0])
    cameras = Draw(np.array([[0, 2], [0, 2], [2, 0]]), np.array([[0, 0], [1, 1], [2, 2]]))
    chosen, least = strangers(unknown, cameras, rng)
    assert (chosen[:2].tolist(), least) == ([1, 0], STRANGERS[0])  # not the third, which their own camera took
    with pytest.raises(DataError, match="one reference"):
        strangers(unknown, Draw(np.zeros((2, 2), np.int64), np.array([[0, 1], [2, 1]])), rng)


# ---------------------------------------------------------------- errors


def test_errors_by_hand_whatever_the_decoder_predicts() -> None:
    crop = torch.zeros(1, 3, 2, 2)
    crop[..., 1] = 1.0
    done = crop + 0.5
    true = patchify((crop - 0.45) / 0.225, 2)
    for normalised in (True, False):
        scale = Scale(normalised, 1e-6)
        found = errors_of(crop, torch.zeros(1, 1, 12), done, scale)
        told, wanted = found[RAW]
        assert (told - wanted).square().mean().item() == pytest.approx(0.25)
        own, own_true = found[MASKED]
        assert own_true.mean().item() == pytest.approx(0, abs=1e-6)
        assert own_true.var().item() == pytest.approx(1, abs=1e-4)
        shift = own.mean().item()
        assert shift == pytest.approx(0, abs=1e-6) if normalised else shift < 0  # 0 is below ImageNet's mean grey
    assert true.shape == (1, 1, 12)


def test_masked_pictures_are_grey_where_patches_are_hidden_and_true_elsewhere() -> None:
    crop = torch.rand(1, 3, 4, 4)
    found = masked(crop, torch.tensor([[1.0, 0, 0, 0]]), 2)
    assert (found[0, :, :2, :2].flatten(1).std(dim=1) == 0).all()
    torch.testing.assert_close(found[..., 2:], crop[..., 2:])
    torch.testing.assert_close(found[..., 2:, :], crop[..., 2:, :])


def test_the_gain_is_the_quotient_of_means_over_frames_that_have_such_patches() -> None:
    nan = float("nan")
    own, other = torch.tensor([1.0, 2, nan]), torch.tensor([2.0, 7, nan])
    gain, low, high = gain_of({TRUE: {MASKED: own}, STRANGER: {MASKED: other}}, MASKED)
    assert gain == pytest.approx(3)
    assert 2 <= low <= gain <= high <= 3.5
    assert gain_of({TRUE: {MASKED: own}, STRANGER: {MASKED: own}}, MASKED) == pytest.approx((1, 1, 1))
    none = torch.full((2,), nan)
    assert all(math.isnan(value) for value in gain_of({TRUE: {MASKED: none}, STRANGER: {MASKED: none}}, MASKED))


# ---------------------------------------------------------------- completing


def test_the_same_patches_are_hidden_whatever_the_reference_and_only_those_are_redrawn(session: Session) -> None:
    pairs = choose(session.composition, session.source.dataset, Wanted(4, 0, "test"))["view"]
    state = torch.get_rng_state()
    found = completions(session, pairs, 7)
    assert torch.equal(torch.get_rng_state(), state)
    own, other, itself = (found[name] for name in (TRUE, STRANGER, ITSELF))
    assert torch.equal(own["hidden"], other["hidden"])
    assert not torch.equal(own["hidden"], complete(session, pairs.draw, 8)["hidden"])
    assert own["hidden"].mean().item() == pytest.approx(0.75)
    assert torch.equal(itself["reference"], itself["target"])
    assert torch.equal(other["reference"], own["reference"][pairs.stranger])
    hidden_NP = own["hidden"] > 0
    done, true = (patchify(own[name], 8) for name in ("completed", "target"))
    torch.testing.assert_close(done[~hidden_NP], true[~hidden_NP], atol=1e-5, rtol=0)
    assert (done[hidden_NP] - true[hidden_NP]).abs().amax(dim=1).min() > 0.01
    square = (own["completed"] - own["target"]).square()
    assert own[RAW].mean().item() == pytest.approx(square.mean().item() / 0.75, rel=1e-4)
    assert not any(module.training for module in session.model.modules())


def test_what_is_completed_is_as_it_was_filmed(session: Session) -> None:
    draw = choose(session.composition, session.source.dataset, Wanted(2, 0, "test"))["pose"].draw
    first, second = (complete(session, draw, seed)["target"] for seed in (0, 1))
    assert torch.equal(first, second)  # neither are boxes jittered nor colours changed


def test_a_decoder_that_looks_at_no_reference_gains_nothing(
    frame_cache: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = train(tmp_path_factory.mktemp("runs") / "single", "decoder.reference=false")
    session = open_session(folder)
    pairs = choose(session.composition, session.source.dataset, Wanted(4, 0, "test"))["pose"]
    found = completions(session, pairs, 0)
    assert gain_of(found, MASKED) == pytest.approx((1, 1, 1))


class Copying(nn.Module):
    """Fills hidden patches with those of the reference at their place, by mean and deviation of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.corruption = nn.Identity()

    def forward(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        crop = batch["frame"] / 255
        patches = patchify(standardised(crop[:, 1:]), 8)
        mean, std = own_scale(patches, 1e-3)
        hidden = (torch.rand(patches.shape[:3]) < 0.75).float() * self.corruption.training
        box = torch.tensor([1.0, 1, 0, 0]).expand(*crop.shape[:2], 4)
        told = {"box": box, "true_mask": batch["true_mask"] / 255}
        return {"crop": crop, "hidden": hidden, "patches_decoded": (patches - mean) / std, **told}


@pytest.mark.slow
def test_the_recipe_learns_to_look_at_references_of_both_kinds(
    frame_cache: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sets = ("training.steps=300", "training.warmup_steps=50", "dataset.subjects=10")
    folder = tmp_path_factory.mktemp("runs") / "learnt"
    run = compose_and_train("crocoman", folder, Machine(accelerator="cpu"), Registry(), sets=sets)
    session = open_session(run.folder)
    for kind, pairs in choose(session.composition, session.source.dataset, Wanted(100, 0, "test")).items():
        gain, low, _ = gain_of(completions(session, pairs, 0), f"{MASKED} {PERSON}")
        assert gain > low > 1, (kind, gain, low)


def test_who_copies_the_reference_gains_by_it_and_completes_itself_without_error(session: Session) -> None:
    copying = replace(session, model=SimpleNamespace(pipeline=Copying()))
    pairs = choose(session.composition, session.source.dataset, Wanted(12, 0, "test"))
    for one in pairs.values():
        found = completions(copying, one, 0)
        assert found[ITSELF][MASKED].abs().max() < 1e-9
        assert found[ITSELF][PSNR].min() > 100
    gain, low, _ = gain_of(found, MASKED)  # of poses: before one camera the scene is the same, before two it is not
    assert gain > low > 1.1, (gain, low)


# ---------------------------------------------------------------- the command and the report


def test_the_command_tells_draws_and_leaves_its_findings_to_the_report(run: Path, tmp_path: Path) -> None:
    picture = tmp_path / "c.png"
    words = ["analyse", "completion", str(run), "--count", "4", "-o", str(picture)]
    (run / COMPLETION).unlink(missing_ok=True)
    build_report([run], tmp_path / "before.html")
    before = (tmp_path / "before.html").read_text(encoding="utf-8")
    assert f"poserep analyse completion {run}" in before
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    assert "studio, test split, held out" in told.stdout
    assert "strangers show another subject (view)" in told.stdout
    assert "predicted without each patch's mean and deviation" in told.stdout
    about = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    names = {row["name"] for row in about["measurements"]}
    assert {MASKED, PSNR, gain_name(MASKED)} <= names
    with Image.open(picture) as sheet:
        assert sheet.width > len(COLUMNS) * 256
        assert sheet.height > 6 * 256
    found = read_analysed(run)
    assert found is not None
    assert found.kinds == ["view", "pose"]
    assert found.value("view", gain_name(MASKED)) > 0
    build_report([run], tmp_path / "after.html")
    page = (tmp_path / "after.html").read_text(encoding="utf-8")
    assert page.count("with stranger, ") == 8
    assert all(KINDS[kind] in page for kind in found.kinds)
    assert "Its pictures stand under Completion." in page
    assert "redrawn" not in page


def test_training_clips_are_named_as_such(session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    completion_command(session, Wanted(2, split="train"), (), tmp_path / "c.png", False)
    assert "studio, train split, NOT held out" in capsys.readouterr().out


def test_what_lies_behind_the_end_of_the_training_is_held_out(session: Session, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[dataset]\nuse = "video"\nend_s = 2.0\n')
    later = replace(session, run=Run(tmp_path))
    sets = ("dataset.end_s=9",)
    assert which_frames(later, Wanted(2, 0, "train", 2.5), sets).endswith("dataset.end_s=9, from 2.5 s on, held out")
    assert "held out" not in which_frames(later, Wanted(2, 0, "train", 1.5), sets)


def test_a_torn_file_is_refused_with_what_makes_it_anew(tmp_path: Path) -> None:
    assert read_analysed(tmp_path) is None
    (tmp_path / COMPLETION).write_bytes(b"torn")
    with pytest.raises(DataError, match="cannot be read") as caught:
        read_analysed(tmp_path)
    assert caught.value.hint == f"write it again: poserep analyse completion {tmp_path}"


def test_a_run_that_redraws_frames_completes_nothing(studio_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="predicts no patches"):
        completion_command(open_session(studio_run), Wanted(2), (), None, False)
    build_report([studio_run], tmp_path / "r.html")
    assert 'id="completion"' not in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_what_comes_next_for_a_run_that_completes(run: Path) -> None:
    config = {"dataset": {"use": "video", "path": "."}, "decoder": {"use": "cross_attention"}}
    assert completes(config)
    assert not completes({"decoder": {"use": "upsampling"}})
    assert measuring(run, config) == f"poserep analyse completion {run}"
    (run / COMPLETION).touch()
    assert looked_at(run, config)
    assert not looked_at(run.parent, config)
    assert not looked_at(run, {"dataset": {"use": "studio"}})
    assert after_training(run) == f"poserep probe {run}   or   poserep analyse completion {run}"
