"""A table holds only what can be compared, says how many of what, and claims no more than its seeds can bear."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from poserep.core.measurement import Protocol
from poserep.core.study.results import Outcome, Row
from poserep.core.study.statistics import Question, compare
from poserep.verbs.study_table import StudyTable, number, p_text, spread, study_table

PROTOCOL = Protocol("studio", "human36m_17", "pelvis", "test", "T1, T2", 4)
QUESTION = Question("dsl", "N-MPJPE", 500)


def outcome(method: str, labels: int, value: float) -> Outcome:
    return Outcome(method, "N-MPJPE", "mm", labels, value, 960, {"T1/gait": value - 1, "T2/gait": value + 1})


def row(arm: str, seed: int, values: Mapping[int, float], random: float = 125.0) -> Row:
    found = [outcome("trained", count, value) for count, value in values.items()]
    found += [outcome("random encoder", count, random + seed) for count in values]
    found += [outcome("mean pose", count, 141.0 - count / 1000) for count in values]
    return Row(arm, seed, tuple(found), PROTOCOL, "ab12", f"probe/{arm}{seed}", f"run/{arm}{seed}", "poserep train x")


def rows_of(seeds: int, **arms: float) -> list[Row]:
    return [row(arm, s, {100: v + 10 + s, 500: v + s}) for arm, v in arms.items() for s in range(seeds)]


def table_of(rows: Sequence[Row], arms: Sequence[str], seeds: int, question: Question = QUESTION) -> StudyTable:
    return study_table(rows, arms, range(seeds), question, compare(rows, arms, question))


def test_rows_are_arms_with_the_baseline_first_and_columns_are_label_counts() -> None:
    table = table_of(rows_of(3, css=84.0, dsl=80.0), ["css", "dsl"], 3)

    columns = ("arm", "seeds", "100 labels", "500 labels", "difference at 500", "95 % interval", "p", "pairs")
    assert table.title == "N-MPJPE, mm"
    assert table.columns == columns
    assert table.rows == (
        ("dsl (baseline)", "3", "91.0 ± 1.0", "81.0 ± 1.0", "", "", "", ""),
        ("css", "3", "95.0 ± 1.0", "85.0 ± 1.0", "+4.0", "[+4.0, +4.0]", "0.250", "3 × 2"),
        ("mean pose", "", "140.9", "140.5", "", "", "", ""),
        ("random encoder", "3", "126.0 ± 1.0", "126.0 ± 1.0", "", "", "", ""),
    )
    assert table.references == 2


def test_what_was_fine_tuned_stands_beneath_the_arms_and_is_not_compared() -> None:
    rows = rows_of(2, dsl=80.0, css=84.0)
    tuned = [
        replace(one, outcomes=(*one.outcomes, outcome("fine-tuned, from trained weights", 500, 60.0 + i + one.seed)))
        for i, one in enumerate(rows)
    ]
    table = table_of(tuned, ["dsl", "css"], 2)
    assert table.rows[:-2] == table_of(rows, ["dsl", "css"], 2).rows
    assert [line[:4] for line in table.rows[-2:]] == [
        ("fine-tuned, from trained weights: dsl", "2", "-", "61.0 ± 1.4"),
        ("fine-tuned, from trained weights: css", "2", "-", "63.0 ± 1.4"),
    ]
    assert table.references == 4


def test_the_caption_tells_protocol_counts_and_tests() -> None:
    table = table_of(rows_of(3, dsl=80.0, css=84.0), ["dsl", "css"], 3)

    assert table.caption == (
        f"{PROTOCOL}. 3 seeds × 2 sequences, n = 960 frames. Values: mean ± standard deviation over seeds. Differences "
        "to dsl at 500 labels: paired over seed and sequence, each sequence weighing the same; below 0 the arm has the "
        "smaller error. 95 % interval: bootstrap (seeds, then sequences), widened for few. p: sign-flip permutation "
        "test over seeds, two-sided, Holm's correction for 1 arm."
    )


def test_the_caption_of_a_test_over_sequences_says_what_it_speaks_of() -> None:
    question = replace(QUESTION, unit="sequence", test="wilcoxon")

    table = table_of(rows_of(3, dsl=80.0, css=84.0), ["dsl", "css"], 3, question)

    assert "bootstrap (sequences, seeds averaged)" in table.caption
    assert "p: Wilcoxon signed-rank test over sequences, two-sided" in table.caption
    assert table.caption.endswith("; it speaks of these trained models alone, not of other trainings.")
    assert table.notes[0].startswith("Not enough sequences: with 2 sequences p is at least 0.500, so no difference")


def test_too_few_seeds_are_said_aloud_and_bear_no_star() -> None:
    table = table_of(rows_of(3, dsl=80.0, css=200.0, none=300.0), ["dsl", "css", "none"], 3)

    assert table.notes == (
        "Not enough seeds: with 3 seeds p is at least 0.250, and 0.500 after the correction for 2 arms, "
        "so no difference can be claimed; 7 seeds could.",
    )
    assert not any("*" in cell for line in table.rows for cell in line)


def test_enough_seeds_bear_a_star_or_a_plain_no() -> None:
    far = table_of(rows_of(6, dsl=80.0, css=84.0), ["dsl", "css"], 6)
    near = rows_of(6, dsl=80.0)
    near += [row("css", s, {100: 90.0, 500: 80.0 + s + (-1) ** s}) for s in range(6)]

    assert far.rows[1][6] == "0.031*"
    assert far.notes == ("* differs from dsl: p ≤ 0.05 after the correction.",)
    assert table_of(near, ["dsl", "css"], 6).notes == ("No arm differs from dsl at p ≤ 0.05.",)


def test_the_seeds_that_a_note_asks_for_are_the_fewest_that_suffice() -> None:
    for arms, needed in ((1, 6), (2, 7), (3, 7), (4, 8), (10, 9)):
        names = {f"arm{k}": 90.0 for k in range(arms)}
        few = table_of(rows_of(needed - 1, dsl=80.0, **names), ["dsl", *names], needed - 1)
        many = table_of(rows_of(needed, dsl=80.0, **names), ["dsl", *names], needed)

        assert f"; {needed} seeds could." in few.notes[0]
        assert all(line[6].endswith("*") for line in many.rows[1 : arms + 1])


def test_missing_trainings_are_shown_and_counted_and_pairs_are_where_both_are() -> None:
    rows = [one for one in rows_of(3, dsl=80.0, css=84.0) if one.name not in ("css, seed 1", "dsl, seed 2")]

    table = table_of(rows, ["dsl", "css", "none"], 3)

    assert [line[1] for line in table.rows[:3]] == ["2 of 3", "2 of 3", "0 of 3"]
    assert table.rows[1][4:] == ("+4.0", "-", "1.000", "1 × 2")
    assert table.rows[2][2:] == ("-", "-", "-", "-", "-", "0")
    assert table.notes[-1] == (
        "Missing: dsl (seed 2); css (seed 1); none (seed 0, 1, 2). Differences are over the seeds that both arms have."
    )


def test_a_table_without_its_baseline_still_shows_the_values() -> None:
    table = table_of(rows_of(2, css=84.0), ["dsl", "css"], 2)

    assert table.rows[0] == ("dsl (baseline)", "0 of 2", "-", "-", "", "", "", "")
    assert table.rows[1][3:5] == ("84.5 ± 0.7", "-")


def test_arms_with_the_same_random_start_share_a_row_and_others_do_not() -> None:
    rows = [
        row(f"{contrast}/{detector}", seed, {500: 90.0 + seed}, 125.0 if detector == "stn" else 130.0)
        for contrast in ("dsl", "css")
        for detector in ("stn", "full_frame")
        for seed in range(2)
    ]
    arms = list(dict.fromkeys(one.arm for one in rows))

    crossed = table_of(rows, arms, 2, replace(QUESTION, baseline="dsl/stn"))
    single = table_of([one for one in rows if one.arm != "css/stn"], arms, 2, replace(QUESTION, baseline="dsl/stn"))

    assert [line[0] for line in crossed.rows[-2:]] == ["random encoder: …/stn", "random encoder: …/full_frame"]
    assert [line[2] for line in crossed.rows[-2:]] == ["125.5 ± 0.7", "130.5 ± 0.7"]
    assert [line[0] for line in single.rows[-2:]] == ["random encoder: dsl/stn", "random encoder: …/full_frame"]


def test_a_study_of_one_arm_and_one_seed_has_a_table() -> None:
    table = table_of(rows_of(1, dsl=80.0), ["dsl"], 1)

    assert table.rows[0] == ("dsl (baseline)", "1", "90.0", "80.0", "", "", "", "")
    assert table.caption.endswith("1 seed × 2 sequences, n = 960 frames. Values: mean ± standard deviation over seeds.")
    assert table.notes == ()


def test_numbers_are_printed_with_the_decimals_that_their_unit_bears() -> None:
    assert number(83.36, "mm") == "83.4"
    assert number(0.7114, "") == "0.711"
    assert number(-3.25, "mm", "+") == "-3.2"
    assert spread([80.0, 82.0], "mm") == "81.0 ± 1.4"
    assert spread([80.0], "mm") == "80.0"
    assert (p_text(0.0004), p_text(0.03125)) == ("<0.001", "0.031")


def test_why_a_training_is_missing_is_told_and_nothing_of_tests_that_were_not_made() -> None:
    arms, rows = ["dsl", "css", "blind"], rows_of(2, dsl=80.0)
    causes = {("blind", 0): "impossible", ("blind", 1): "impossible", ("css", 1): "failed, total became nan at step 2"}

    table = study_table(rows, arms, range(2), QUESTION, compare(rows, arms, QUESTION), causes)

    assert table.notes == (
        "Missing: css (seed 0); css (seed 1: failed, total became nan at step 2); blind (seed 0, 1: impossible). "
        "Differences are over the seeds that both arms have.",
    )
    assert table.caption.endswith("Values: mean ± standard deviation over seeds.")


def test_one_config_under_two_names_is_said_aloud() -> None:
    rows = rows_of(2, dsl=80.0)
    rows += [replace(one, arm="again") for one in rows]

    assert "The same trainings under 2 names: dsl, again." in table_of(rows, ["dsl", "again"], 2).notes
