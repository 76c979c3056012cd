"""A report says what the run folders hold, and nothing that it would have to ask for elsewhere."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.core.measurement import Measurement, Protocol, write_measurements
from poserep.verbs.figures import smooth
from poserep.verbs.page import POLICY
from poserep.verbs.pictures import boxes, tinted
from poserep.verbs.report import build_report, summary_rows

PROTOCOL = Protocol("studio", "human36m_17", "pelvis", "test", "T1, T2", 4)
CONFIG = """name = "tiny"
summary = "A <script>alert(1)</script> & more"
dataset = { use = "studio" }
sampler = { use = "temporal" }
[losses.contrast]
use = "dsl"
weight = WEIGHT
"""
VOID = {"meta", "img", "br"}


def measured(name: str, method: str, value: float, labels: int, protocol: Protocol = PROTOCOL) -> Measurement:
    return Measurement(name, method, value, "mm" if labels else "", 960 if labels else 600, labels, protocol, "run")


MEASUREMENTS = [
    measured("MPJPE", "trained", 120.25, 100),
    measured("N-MPJPE", "mean pose", 141.21, 100),
    measured("N-MPJPE", "mean pose", 140.87, 500),
    measured("N-MPJPE", "trained", 97.43, 100),
    measured("N-MPJPE", "trained", 83.36, 500),
    measured("box IoU", "trained", 0.7114, 0),
]


def make_run(
    folder: Path,
    measurements: Sequence[Measurement] = MEASUREMENTS,
    steps: int = 30,
    weight: float = 0.1,
    samples: bool = True,
) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG.replace("WEIGHT", str(weight)))
    facts = {"state": "done", "seed": 7, "step": 30, "steps": 30, "versions": {"torch": "2.9"}, "python": "3.12"}
    (folder / "run.json").write_text(json.dumps(facts))
    with (folder / "steps.jsonl").open("w") as file:
        for index in range(1, steps + 1):
            row = {"index": index, "phase": "all", "total": 1 / index, "terms": {"contrast<": 2 / index}}
            file.write(json.dumps(row | {"rate": 1e-4, "seconds": 0.5, "waited_s": 0.1}) + "\n")
    if measurements:
        write_measurements(folder / "measurements.json", measurements)
    if samples:
        np.savez_compressed(folder / "samples.npz", **sample_arrays())
    return folder


def sample_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)

    def image(*shape: int) -> np.ndarray:
        return rng.integers(0, 256, shape, dtype=np.uint8)

    return {
        "frame": image(2, 3, 16, 24),
        "background": image(2, 3, 16, 24),
        "redrawn": image(2, 3, 16, 24),
        "mask": image(2, 1, 16, 24),
        "crop": image(2, 3, 8, 8),
        "box": np.array([[0.5, 0.25, 0.125, 0.0]] * 2, np.float32),
        "true_box": np.array([[0.4, 0.3, 0.1, 0.0], [np.nan] * 4], np.float32),
        "swap": image(3, 3, 3, 16, 24),
        "swap_frame": image(3, 3, 16, 24),
        "pose_true": rng.normal(0, 400, (2, 17, 3)).astype(np.float32),
        "pose_predicted": rng.normal(0, 400, (2, 17, 3)).astype(np.float32),
        "pose_frame": image(2, 3, 16, 24),
        "pose_error": np.array([43.14, 51.26], np.float32),
    }


class Page(HTMLParser):
    """Collects what a test asks about, and checks that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.sources: list[str] = []
        self.alts: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.seen: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {key: value or "" for key, value in attrs}
        self.seen.append(name)
        self.ids += [said["id"]] if "id" in said else []
        self.sources += [said[key] for key in ("src", "href", "xlink:href", "srcset", "data", "action") if key in said]
        self.alts += [said.get("alt", "")] if name == "img" else []
        if name == "table":
            self.tables.append([])
        if name == "tr":
            self.tables[-1].append([])
        if name in ("td", "th"):
            self.tables[-1][-1].append("")
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(name, attrs)
        if name not in VOID:
            self.open.pop()

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data


def page_of(*folders: Path) -> tuple[str, Page]:
    output = folders[0].parent / "report.html"
    build_report(folders, output)
    text = output.read_text(encoding="utf-8")
    return text, Page(text)


def test_rows_are_runs_and_methods_and_columns_are_label_counts(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")

    main, other, free = summary_rows([run])

    assert main.title == "N-MPJPE, mm"
    assert main.columns == ("run", "method", "100 labels", "500 labels")
    assert main.rows == (("a", "mean pose", "141.2", "140.9"), ("a", "trained", "97.4", "83.4"))
    assert "n = 960 frames" in main.caption
    assert str(PROTOCOL) in main.caption
    assert other.rows == (("a", "trained", "120.2"),)
    assert free.columns == ("run", "method", "box IoU")
    assert free.rows == (("a", "trained", "0.711"),)
    assert "n = 600 frames" in free.caption


def test_an_absent_number_is_a_dash_and_a_repeated_one_is_shown_twice(tmp_path: Path) -> None:
    rows = [measured("N-MPJPE", "trained", 90.0, 100), measured("N-MPJPE", "trained", 91.0, 100)]
    run = make_run(tmp_path / "a", [*rows, measured("N-MPJPE", "mean pose", 140.0, 500)])

    (table,) = summary_rows([run])

    assert table.rows == (("a", "trained", "90.0 / 91.0", "-"), ("a", "mean pose", "-", "140.0"))


def test_different_counts_stand_beside_their_numbers(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [MEASUREMENTS[3], replace(MEASUREMENTS[4], samples=12)])

    (table,) = summary_rows([run])

    assert table.rows == (("a", "trained", "97.4 (n=960)", "83.4 (n=12)"),)
    assert "n =" not in table.caption


def test_protocols_never_share_a_table(tmp_path: Path) -> None:
    elsewhere = replace(PROTOCOL, stride=1)
    one = make_run(tmp_path / "a")
    other = make_run(tmp_path / "b", [measured("N-MPJPE", "trained", 70.0, 100, elsewhere)])

    tables = [table for table in summary_rows([one, other]) if table.title == "N-MPJPE, mm"]

    assert [table.protocol for table in tables] == [PROTOCOL, elsewhere]
    assert [{row[0] for row in table.rows} for table in tables] == [{"a"}, {"b"}]
    text, _ = page_of(one, other)
    assert "cannot be compared" in text
    assert str(elsewhere) in text


def test_every_measurement_stands_on_the_page(tmp_path: Path) -> None:
    _, page = page_of(make_run(tmp_path / "a"))

    cells = {cell for table in page.tables for row in table for cell in row}

    for one in MEASUREMENTS:
        assert f"{one.value:.{1 if one.unit else 3}f}" in cells


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "x" / "a"), make_run(tmp_path / "y" / "a")]

    assert {row[0] for row in summary_rows(runs)[0].rows} == {str(run) for run in runs}
    assert {row[0] for row in summary_rows([runs[0], runs[0]])[0].rows} == {"a"}


def test_the_page_shows_where_configs_differ(tmp_path: Path) -> None:
    _, page = page_of(make_run(tmp_path / "a"), make_run(tmp_path / "b", weight=0.3))

    assert page.tables[0] == [["setting", "a", "b"], ["losses.contrast.weight", "0.1", "0.3"]]


def test_text_is_escaped(tmp_path: Path) -> None:
    odd = replace(MEASUREMENTS[3], method='<b>$x_1$ & "q"</b>')
    folder = make_run(tmp_path / "<i>a", [odd, replace(odd, labels=500), *MEASUREMENTS])

    text, page = page_of(folder)

    assert {"script", "b", "i"}.isdisjoint(page.seen)
    assert "&lt;script&gt;" in text
    assert odd.method in {cell for table in page.tables for row in table for cell in row}


def test_the_page_asks_nothing_of_any_server(tmp_path: Path) -> None:
    text, page = page_of(make_run(tmp_path / "a"), make_run(tmp_path / "b"))

    assert not re.search(r"https?://", text)
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in page.sources)
    assert not re.search(r"@import|url\((?!#)", text)
    assert POLICY in unescape(text)
    assert "script" not in page.seen


def test_ids_are_unique_and_links_lead_somewhere(tmp_path: Path) -> None:
    text, page = page_of(make_run(tmp_path / "a"))

    assert len(page.ids) == len(set(page.ids))
    targets = {source[1:] for source in page.sources if source.startswith("#")}
    assert targets | set(re.findall(r"url\(#([^)]*)\)", text)) <= set(page.ids)


def test_charts_follow_the_colours_of_the_page(tmp_path: Path) -> None:
    text, _ = page_of(make_run(tmp_path / "a"))

    assert "var(--c0)" in text
    assert not re.search(r"#0[1-4]0[0-9a-f]{3}\b", text.split("</style>", 1)[1])


def test_every_picture_has_a_text_for_those_who_cannot_see_it(tmp_path: Path) -> None:
    _, page = page_of(make_run(tmp_path / "a"))

    # 2 strips of 5, a grid of 3 x 3 with its 3 + 3 sources, 2 frames of poses
    assert len(page.alts) == 2 * 5 + 9 + 6 + 2
    assert all(page.alts)


def test_pose_errors_are_shown_in_mm(tmp_path: Path) -> None:
    text, _ = page_of(make_run(tmp_path / "a"))

    assert "N-MPJPE 43.1 mm" in text
    assert "N-MPJPE 51.3 mm" in text


def test_a_run_without_measurements_says_what_makes_them(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [], samples=False)

    report = build_report([run], tmp_path / "out" / "report.html")

    text = report.path.read_text(encoding="utf-8")
    assert report.missing == ("a",)
    assert report.tables == ()
    assert text.count(f"poserep probe {run}") >= 2  # for the numbers and for the pictures
    assert "last recorded" in text


def test_a_new_run_still_has_a_report(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "config.toml").write_text(CONFIG.replace("WEIGHT", "1"))

    text, _ = page_of(folder)

    assert "has no recorded steps" in text
    assert f"poserep train {folder / 'config.toml'}" in text


def test_a_failed_run_tells_its_cause(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    (run / "run.json").write_text(json.dumps({"state": "failed", "cause": "losses.x became nan"}))

    assert "losses.x became nan" in page_of(run)[0]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a run folder"):
        build_report([tmp_path], tmp_path / "report.html")
    with pytest.raises(DataError, match="at least one"):
        build_report([], tmp_path / "report.html")


@pytest.mark.parametrize("name", ["measurements.json", "run.json", "samples.npz", "config.toml"])
def test_a_broken_file_is_refused_by_name_of_the_run(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path / "a")
    (run / name).write_text('{"broken')

    with pytest.raises(DataError) as caught:
        build_report([run], tmp_path / "report.html")

    assert str(run) in caught.value.where
    assert "poserep probe" in caught.value.hint


def test_samples_of_another_shape_are_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    np.savez(run / "samples.npz", frame=np.zeros((2, 3, 4, 4), np.uint8), mask=np.zeros((3, 1, 4, 4), np.uint8))

    with pytest.raises(DataError, match=re.escape("mask is (3, 1, 4, 4), not (N, 1, H, W)")):
        build_report([run], tmp_path / "report.html")


def test_smoothing_keeps_a_straight_line_and_its_ends() -> None:
    line = np.linspace(3.0, 7.0, 200)

    np.testing.assert_allclose(smooth(line), line)
    assert smooth(np.array([5.0])) == 5.0


def test_smoothing_is_the_mean_of_its_neighbours() -> None:
    # 4 % of 100 values: two on each side, so 5 in a mean
    values = np.zeros(100)
    values[50] = 10.0

    assert smooth(values)[50] == pytest.approx(2.0)
    assert smooth(values)[53] == pytest.approx(0.0)


def test_a_box_is_drawn_where_it_lies() -> None:
    # s = (0.5, 0.25), u = (0.125, 0): from -0.375 to 0.625 across, from -0.25 to 0.25 down
    drawn = boxes(np.array([0.5, 0.25, 0.125, 0.0]), None)

    assert 'x="-0.375" y="-0.25" width="1.0" height="0.5"' in drawn
    assert "rect" not in boxes(None, np.full(4, np.nan))


def test_the_mask_tints_what_it_covers_and_leaves_the_rest_grey() -> None:
    frame = np.full((3, 1, 2), 100, np.uint8)

    picture = tinted(frame, np.array([[[0, 255]]], np.uint8))

    assert picture[:, 0, 0].tolist() == [100, 100, 100]
    assert picture[:, 0, 1].tolist() == [185, 89, 128]  # 0.45 * 100 + 0.55 * (255, 80, 150), rounded to even


def test_a_report_needs_no_torch(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    code = (
        "import sys; from pathlib import Path; from poserep.verbs.report import build_report; "
        f"build_report([Path({str(run)!r})], Path({str(tmp_path / 'r.html')!r})); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--virtual-time-budget=5000", "--enable-logging=stderr", "--v=0", "--dump-dom"),
)
LOOK = """<script>addEventListener("load", () => {
  const pictures = [...document.images], drawings = [...document.querySelectorAll("svg")];
  parent.postMessage({
    pictures: pictures.filter((picture) => picture.naturalWidth > 0).length,
    invisible: drawings.filter((one) => one.checkVisibility() && one.getBoundingClientRect().width < 1).length,
    overflow: document.documentElement.scrollWidth - innerWidth,
    width: innerWidth,
  }, "*");
})</script>"""
# a window is never narrower than 500 px, so the page is looked at in a frame
WINDOW = """<!doctype html><html><script>
addEventListener("message", (said) => Object.assign(document.documentElement.dataset, said.data))
</script><iframe src="watched.html" style="width: {width}px; height: 2000px; border: 0"></iframe></html>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_draws_every_picture_and_complains_of_nothing(tmp_path: Path, width: int) -> None:
    text, page = page_of(make_run(tmp_path / "a"), make_run(tmp_path / "b", [], samples=False))
    watched = text.replace(escape(POLICY), f"{POLICY}; script-src 'unsafe-inline'")
    (tmp_path / "watched.html").write_text(watched.replace("</head>", f"{LOOK}</head>"), encoding="utf-8")
    window = tmp_path / "window.html"
    window.write_text(WINDOW.format(width=width), encoding="utf-8")

    command = [str(CHROMIUM), *FLAGS, "--window-size=1400,2100", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run([*command, window.as_uri()], capture_output=True, text=True, timeout=300, check=True)

    assert "CONSOLE" not in done.stderr
    said = {key: int(value) for key, value in re.findall(r'data-(\w+)="(-?\d+)"', done.stdout[:2000])}
    assert said.pop("overflow") <= 0
    assert said == {"pictures": len(page.alts), "invisible": 0, "width": width}
