from collections.abc import Sequence
from pathlib import Path

import pytest

from poserep.core.compose import Wire, compose, settle
from poserep.core.errors import ConfigError, Problem
from poserep.core.recipe import read, shipped
from poserep.core.registry import Registry
from poserep.tests.fakes.toy import toy

REGISTRY = Registry(installed=())


def faults(sets: Sequence[str] = (), uses: Sequence[str] = (), drops: Sequence[str] = ()) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        compose("temporal", REGISTRY, sets=sets, uses=uses, drops=drops)
    return caught.value.problems


@pytest.mark.parametrize("recipe", shipped())
def test_every_shipped_recipe_is_wired(recipe: str) -> None:
    path = read(recipe)[0]["dataset"].get("path")
    composition = compose(recipe, REGISTRY, sets=["dataset.path=clips"] if path == "" else [])
    written: set[str] = set()
    for wire in composition.wires:
        assert set(wire.reads) <= written
        assert "?" not in "".join((*wire.reads, *wire.writes))
        written |= set(wire.writes)


def test_stages_stand_in_the_order_in_which_they_act() -> None:
    roles = [wire.role for wire in compose("temporal", REGISTRY).wires]
    assert roles == [
        *("dataset", "sampler", "background", "detector", "crop", "corruption", "encoder", "exchange"),
        *("decoder", "composite", "losses.reconstruction", "losses.contrast", "losses.box"),
    ]


def test_a_loss_whose_field_nobody_writes_names_the_part_the_field_and_who_could_supply_it() -> None:
    (fault,) = faults(drops=["decoder"])
    assert fault.what == "losses.reconstruction (reconstruction) reads 'redrawn', which nobody writes"
    assert fault.where.startswith("temporal.toml:")
    assert fault.hint == "could supply it: decoder.upsampling"


def test_every_unmet_need_is_told_at_once() -> None:
    found = faults(drops=["background", "decoder"], uses=["losses.pose=pose2d"], sets=["probe.fields=['variannt']"])
    assert [problem.what for problem in found] == [
        "detector (stn) reads 'background', which nobody writes",
        "losses.reconstruction (reconstruction) reads 'redrawn', which nobody writes",
        "the probe reads 'variannt', which nobody writes",
    ]
    assert found[2] == Problem(
        "the probe reads 'variannt', which nobody writes",
        "--set probe.fields=['variannt']",
        "did you mean 'variant'?",
    )


def test_an_exchange_that_needs_other_roles_than_are_drawn_is_refused() -> None:
    (fault,) = faults(uses=["exchange=rotate_view"])
    assert fault.what == (
        "exchange (rotate_view) needs frames in the roles now_1, now_2, then_1, then_2; "
        "the sampler 'temporal' draws reference, positive, intermediate, negative"
    )
    assert fault.where == "--use exchange=rotate_view"


def test_cores_own_step_points_to_the_part_that_it_goes_with() -> None:
    (fault,) = faults(drops=["background"], sets=["detector.sees='frame'"])
    assert fault.what == "composite (core) reads 'background', which nobody writes"
    assert fault.where.startswith("temporal.toml:")
    assert fault.hint.startswith("could supply it: background.constant, background.halves, background.median, ")


def test_a_label_that_the_dataset_does_not_have_is_told() -> None:
    found = faults(uses=["dataset=frames", "detector=provided"], sets=["dataset.path=clips", "dataset.fps=25.0"])
    told = [problem for problem in found if "true_box" in problem.what]
    assert [problem.what for problem in told] == ["detector (provided) reads 'true_box', which nobody writes"]
    assert told[0].where == "--use detector=provided"
    assert "dataset.studio" in told[0].hint


def test_a_sampler_that_does_not_draw_what_a_loss_needs_is_told() -> None:
    assert faults(uses=["losses.fall=gravity"]) == (
        Problem(
            "losses.fall (gravity) needs frames in the roles first, second, third, fourth; "
            "the sampler 'temporal' draws reference, positive, intermediate, negative",
            "--use losses.fall=gravity",
            "swap the sampler, or give the phase its own",
        ),
    )


def test_a_phases_own_sampler_serves_its_losses() -> None:
    uses = ["losses.fall=gravity"]
    first = "phases.first={steps=3, sampler={use='equidistant'}, losses=['fall', 'box']}"
    second = "phases.second={steps=4, losses=['contrast']}"
    composition = compose("temporal", REGISTRY, sets=[first, second], uses=uses)
    assert [(phase.name, phase.steps, phase.sampler, phase.losses) for phase in composition.phases] == [
        ("first", 3, "phases.first.sampler", ("fall", "box")),
        ("second", 4, "sampler", ("contrast",)),
    ]
    assert composition.steps == 7


def test_a_phase_that_names_an_unknown_loss_is_told() -> None:
    flag = "phases.first={steps=3, losses=['contrst']}"
    assert faults(sets=[flag]) == (
        Problem(
            "phase 'first' names the loss 'contrst', which there is not", f"--set {flag}", "did you mean 'contrast'?"
        ),
    )


def test_a_recipe_without_phases_has_one_with_all_losses() -> None:
    (phase,) = compose("temporal", REGISTRY).phases
    assert (phase.name, phase.sampler, phase.losses) == ("train", "sampler", ("reconstruction", "contrast", "box"))


def test_what_is_optional_is_settled_by_what_is_written_before() -> None:
    needs = Wire("exchange", "none", ("variant", "invariant?"), ("a", "b?"))
    both = settle((Wire("encoder", "x", (), ("variant", "invariant")), needs))[1]
    one = settle((Wire("encoder", "x", (), ("variant",)), needs))[1]
    late = settle((Wire("encoder", "x", (), ("variant",)), needs, Wire("late", "x", (), ("invariant",))))[1]
    assert (both.reads, both.writes) == (("variant", "invariant"), ("a", "b"))
    assert (one.reads, one.writes) == (late.reads, late.writes) == (("variant",), ("a",))


def test_a_field_written_too_late_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        toy(tmp_path, uses=("corruption=late",))
    (fault,) = caught.value.problems
    assert fault.what == "corruption (late) reads 'variant', which encoder writes only after it"


def test_parts_tell_each_other_their_sizes() -> None:
    composition = compose("temporal", REGISTRY, sets=["encoder.variant=8", "encoder.invariant=4", "crop_size=16"])
    assert composition.context.crop_size == 16
    assert composition.context.facts == {"joints": 17, "variant": 8, "invariant": 4}


def test_the_background_goes_through_its_slot_even_where_the_dataset_knows_it() -> None:
    composition = compose("temporal", REGISTRY)
    assert "background" in composition.labels
    assert [wire.role for wire in composition.wires if "background" in wire.writes] == ["background"]


def test_outside_fields_are_wired_like_any(tmp_path: Path) -> None:
    composition = toy(tmp_path, uses=("losses.depth=needs_depth",))
    assert "fakes:depth" in composition.wanted & composition.labels


def test_a_whole_code_needs_no_invariant_part() -> None:
    composition = compose("temporal", REGISTRY, sets=["encoder.invariant=0"], uses=["exchange=none"])
    assert "decode_invariant" not in composition.wanted
    found = faults(sets=["encoder.invariant=0"])
    assert found[0].what == "exchange (permute_invariant) reads 'invariant', which nobody writes"
    assert "encoder.split" in found[0].hint
