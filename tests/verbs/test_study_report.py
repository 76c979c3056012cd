"""The report of a study: one table in five forms, and a page that leads from each number to its run."""

import csv
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from poserep.core.config import Published
from poserep.core.errors import ConfigError, DataError
from poserep.core.measurement import Protocol
from poserep.core.study.file import Change, Study
from poserep.core.study.results import Outcome, Row
from poserep.verbs.page import POLICY
from poserep.verbs.study_report import build_study_report, question_of, study_report

PROTOCOL = Protocol("studio", "human36m_17", "pelvis", "test", "T1, T2", 4)
FILES = ("table.csv", "sequences.csv", "differences.csv", "table.md", "table.tex", "study.html")
SEQUENCES = ("T1/gait", "T1/squats", "T2/gait", "T2/squats")


def study_of(arms: Sequence[str], seeds: int = 3, **more: object) -> Study:
    facts = {"name": "contrast", "summary": "Does it <help>?", "recipe": "temporal", "seeds": tuple(range(seeds))}
    return Study(**facts, axes={"contrast": {arm: Change() for arm in arms}}, **more)


def rows_of(study: Study, folder: Path, labels: Sequence[int] = (100, 500, 2400), step: float = 4.0) -> list[Row]:
    rng = np.random.default_rng(0)
    rows = []
    for index, arm in enumerate(study.arm_names):
        for seed in study.seeds:
            found = []
            for count in labels:
                values = 100 - 8 * np.log10(count) + step * index + rng.normal(0, 1) + rng.normal(0, 2, 4)
                sequences = dict(zip(SEQUENCES, map(float, values), strict=True))
                found.append(Outcome("trained", "N-MPJPE", "mm", count, float(values.mean()), 960, sequences))
                found.append(Outcome("mean pose", "N-MPJPE", "mm", count, 141.0, 960, dict.fromkeys(SEQUENCES, 141.0)))
            command = f"poserep train temporal --set training.seed={seed} && poserep probe '{arm}'"
            places = (str(folder / "probe" / f"{arm}-{seed}"), str(folder / "pretraining" / f"{arm}-{seed}"))
            rows.append(Row(arm, seed, tuple(found), PROTOCOL, "ab12", *places, command))
    return rows


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Page(HTMLParser):
    """Collects tables, links with their titles, and ids; checks that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.seen: set[str] = set()
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {key: value or "" for key, value in attrs}
        self.seen.add(name)
        self.ids += [said["id"]] if "id" in said else []
        self.links += [(said["href"], said.get("title", ""))] if name == "a" else []
        if name not in ("meta", "img", "br"):
            self.open.append(name)

    def handle_startendtag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for key, value in attrs if key == "id"]

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(study: Study, rows: Sequence[Row], folder: Path) -> tuple[str, Page]:
    build_study_report(study, rows, folder)
    text = (folder / "study.html").read_text(encoding="utf-8")
    return text, Page(text)


def test_one_call_writes_every_form_and_shows_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = study_of(["dsl", "css"])

    report = study_report(study, rows_of(study, tmp_path), tmp_path / "out")

    assert report.files == FILES
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == sorted(FILES)
    shown = capsys.readouterr().out
    assert "dsl (baseline)" in shown
    assert "Not enough seeds: with 3 seeds p is at least 0.250" in shown
    assert str(tmp_path / "out" / "study.html") in shown


def test_the_csv_holds_every_value_and_the_missing_ones(tmp_path: Path) -> None:
    study = study_of(["dsl", "css"])
    rows = rows_of(study, tmp_path)[:-1]

    build_study_report(study, rows, tmp_path / "out")
    lines = read_csv(tmp_path / "out" / "table.csv")

    assert list(lines[0]) == ["arm", "seed", "method", "metric", "unit", "labels", "value", "n", "run"]
    assert len(lines) == 5 * 6 + 3
    assert float(lines[0]["value"]) == rows[0].outcomes[0].value
    assert {one["n"] for one in lines if one["value"]} == {"960"}
    missing = [(one["arm"], one["seed"], one["labels"]) for one in lines if not one["value"]]
    assert missing == [("css", "2", "100"), ("css", "2", "500"), ("css", "2", "2400")]


def test_the_differences_can_be_computed_again_from_the_sequences(tmp_path: Path) -> None:
    study = study_of(["dsl", "css"])
    build_study_report(study, rows_of(study, tmp_path), tmp_path / "out")

    lines = [one for one in read_csv(tmp_path / "out" / "sequences.csv") if one["labels"] == "2400"]
    means = {
        arm: np.mean([float(one["value"]) for one in lines if (one["arm"], one["method"]) == (arm, "trained")])
        for arm in ("dsl", "css")
    }

    (difference,) = read_csv(tmp_path / "out" / "differences.csv")
    assert float(difference["difference"]) == pytest.approx(means["css"] - means["dsl"])
    assert (difference["seeds"], difference["sequences"], difference["p"]) == ("3", "4", "0.25")


def test_markdown_has_one_row_per_line_and_escapes_bars(tmp_path: Path) -> None:
    study = study_of(["dsl", "css"], seeds=6)
    build_study_report(study, rows_of(study, tmp_path, step=40.0), tmp_path / "out")

    lines = (tmp_path / "out" / "table.md").read_text().splitlines()

    table = [line for line in lines if line.startswith("|")]
    assert [line.count("|") for line in table] == [10] * 5
    assert table[1] == "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    assert r"0.031\*" in table[3]
    assert "n = 960 frames" in lines[-3]
    assert lines[-1] == r"\* differs from dsl: p ≤ 0.05 after the correction."


def test_latex_is_a_booktabs_tabular_with_everything_escaped(tmp_path: Path) -> None:
    study = study_of(["dsl", "full_frame"])
    build_study_report(study, rows_of(study, tmp_path), tmp_path / "out")

    text = (tmp_path / "out" / "table.tex").read_text()

    assert text.count(r"\begin{tabular}{lrrrrrrrr}") == text.count(r"\bottomrule") == 1
    assert text.count(r"\midrule") == 2
    assert "full\\_frame & 3 & " in text
    assert r"95 \% interval" in text
    assert r"\gdef\studycaption{N-MPJPE, mm. studio $\cdot$ human36m\_17" in text
    assert text.isascii()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
@pytest.mark.parametrize("use", [r"\input{table}", r"\begin{table}\input{table}\caption{\studycaption}\end{table}"])
def test_latex_compiles(tmp_path: Path, use: str) -> None:
    study = study_of(["dsl", "full_frame", "a+b=c"], seeds=4)
    build_study_report(study, rows_of(study, tmp_path)[:-1], tmp_path)
    (tmp_path / "paper.tex").write_text(
        rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{use}\end{{document}}"
    )

    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)

    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").stat().st_size > 5000


def test_every_number_leads_to_its_run_and_tells_the_command(tmp_path: Path) -> None:
    study = study_of(["dsl", "css"])
    rows = rows_of(study, tmp_path / "stages")

    _, page = page_of(study, rows, tmp_path / "reports" / "contrast")

    for row in rows:
        link = f"../../stages/probe/{row.arm}-{row.seed}/"
        assert (link, row.command) in page.links
        assert f"../../stages/pretraining/{row.arm}-{row.seed}/" in {href for href, _ in page.links}
        assert row.command in page.text


def test_a_mean_tells_the_seeds_that_it_is_made_of(tmp_path: Path) -> None:
    study = study_of(["dsl", "css"])
    rows = rows_of(study, tmp_path)

    _, page = page_of(study, rows, tmp_path / "out")

    values = ", ".join(f"seed {one.seed}: {one.outcomes[0].value:.1f}" for one in rows if one.arm == "css")
    assert ("#arm-1", values) in page.links


def test_missing_trainings_are_named_on_the_page(tmp_path: Path) -> None:
    study = study_of(["dsl", "css", "none"])
    rows = [row for row in rows_of(study, tmp_path) if row.arm != "none"]

    text, page = page_of(study, rows, tmp_path / "out")

    assert "Missing: none (seed 0, 1, 2)." in page.text
    assert "Not measured yet." in page.text
    assert text.count(">missing<") == 3


def test_the_page_asks_nothing_of_any_server_and_escapes_text(tmp_path: Path) -> None:
    study = study_of([f"arm{k}" for k in range(10)])

    text, page = page_of(study, rows_of(study, tmp_path), tmp_path / "out")

    assert not re.search(r"https?://", text)
    assert "script" not in page.seen
    assert "Does it &lt;help&gt;?" in text
    assert len(page.ids) == len(set(page.ids))
    inside = {href[1:] for href, _ in page.links if href.startswith("#")}
    assert inside | set(re.findall(r"url\(#([^)]*)\)", text)) <= set(page.ids)
    assert not re.search(r"#0[1-4]0[0-9a-f]{3}\b", text.split("</style>", 1)[1])


def test_few_arms_share_a_chart_and_many_have_one_each(tmp_path: Path) -> None:
    charts = []
    for arms in (3, 6):
        study = study_of([f"arm{k}" for k in range(arms)])
        text, _ = page_of(study, rows_of(study, tmp_path), tmp_path / str(arms))
        charts.append(len(re.findall(r'role="img"', text)))

    assert charts == [2, 6]  # 1 of labels and 1 of differences; 5 of labels and 1 of differences


def test_one_arm_at_one_number_of_labels_has_a_page(tmp_path: Path) -> None:
    study = study_of(["dsl"], seeds=1)

    text, page = page_of(study, rows_of(study, tmp_path, labels=[100]), tmp_path / "out")

    assert 'role="img"' not in text
    assert "No other arm has a seed in common with dsl." in page.text


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    study = study_of(["dsl", "css"])
    rows = rows_of(study, tmp_path)

    for name in ("a", "b"):
        build_study_report(study, rows, tmp_path / name)

    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in FILES)


@pytest.mark.parametrize(("wanted", "found"), [(None, 2400), (0, 2400), (500, 500), (9000, 2400)])
def test_arms_are_compared_at_the_labels_asked_for_or_at_all(tmp_path: Path, wanted: int | None, found: int) -> None:
    study = study_of(["dsl", "css"], compare_at=wanted)

    assert question_of(study, rows_of(study, tmp_path)).labels == found


def test_labels_that_were_not_measured_are_refused(tmp_path: Path) -> None:
    study = study_of(["dsl", "css"], compare_at=250)

    with pytest.raises(ConfigError) as caught:
        question_of(study, rows_of(study, tmp_path))

    assert str(caught.value) == (
        "the arms were not measured with 250 labels\n  at   compare_at\n"
        "  hint measured: 100, 500, 2400; add 250 to the study's labels and run it again"
    )


def test_a_study_without_results_says_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        build_study_report(study_of(["dsl"]), [], tmp_path)

    assert caught.value.what == "the study 'contrast' has no results yet"
    assert caught.value.hint == "poserep ablate run STUDY makes them"


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    study = study_of(["dsl"])
    (tmp_path / "file").write_text("")

    with pytest.raises(DataError, match="cannot write the report") as caught:
        build_study_report(study, rows_of(study, tmp_path), tmp_path / "file")

    assert caught.value.hint == "choose another folder with -o"


def test_a_report_needs_no_torch() -> None:
    code = "import sys, poserep.verbs.study_report; sys.exit(bool({'torch', 'scipy', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--virtual-time-budget=5000", "--enable-logging=stderr", "--v=0", "--dump-dom"),
)
LOOK = """<script>addEventListener("load", () => parent.postMessage({
  invisible: [...document.querySelectorAll("svg")].filter((one) => one.getBoundingClientRect().width < 1).length,
  overflow: document.documentElement.scrollWidth - innerWidth, width: innerWidth }, "*"))</script>"""
# a window is never narrower than 500 px, so the page is looked at in a frame
WINDOW = """<!doctype html><html><script>
addEventListener("message", (said) => Object.assign(document.documentElement.dataset, said.data))
</script><iframe src="watched.html" style="width: {width}px; height: 2000px; border: 0"></iframe></html>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_fits_the_page_and_complains_of_nothing(tmp_path: Path, width: int) -> None:
    study = study_of([f"an-arm-with-a-long-name-{k}" for k in range(5)])
    text, _ = page_of(study, rows_of(study, tmp_path), tmp_path / "out")
    watched = text.replace(escape(POLICY), f"{POLICY}; script-src 'unsafe-inline'")
    (tmp_path / "watched.html").write_text(watched.replace("</head>", f"{LOOK}</head>"), encoding="utf-8")
    (tmp_path / "window.html").write_text(WINDOW.format(width=width), encoding="utf-8")

    command = [str(CHROMIUM), *FLAGS, "--window-size=1400,2100", f"--user-data-dir={tmp_path / 'profile'}"]
    url = (tmp_path / "window.html").as_uri()
    done = subprocess.run([*command, url], capture_output=True, text=True, timeout=300, check=True)

    assert "CONSOLE" not in done.stderr
    said = {key: int(value) for key, value in re.findall(r'data-(\w+)="(-?\d+)"', done.stdout[:2000])}
    assert said.pop("overflow") <= 0
    assert said == {"invisible": 0, "width": width}


def test_what_a_paper_measured_of_the_arms_stands_beneath_every_form_of_the_table(tmp_path: Path) -> None:
    study = study_of(("ours", "css"))
    facts = {"table": "I", "dataset": "h36m", "labels": (100, 500), "values": {"N-MPJPE": (140.92, 115.37)}}
    published = {arm: (Published.model_validate({**facts, "row": arm}),) for arm in study.arm_names}
    report = build_study_report(study, rows_of(study, tmp_path), tmp_path, published=published)
    told = "ours 140.9 / 115.4; css 140.9 / 115.4."
    assert report.table.notes[-1].startswith("Published: Table I, on Human3.6M (other data: ")
    assert report.table.notes[-1].endswith(told)
    for name in ("table.md", "table.tex", "study.html"):
        assert told in (tmp_path / name).read_text(), name
