"""The page: HTML out of parts that escape whatever is not HTML already, and the one stylesheet.

The page asks nothing of any server: pictures are data URIs, charts are inline SVG, and its content policy forbids the
rest. It has no script.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby

VOID = frozenset({"br", "img", "meta"})
LONG = 36
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Html(str):
    """Text that is HTML already; `tag` escapes every other text."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | float) -> Html:
    """An element. ``class_`` stands for class and ``stroke_width`` for stroke-width."""
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{name}{said}>")
    return Html(f"<{name}{said}>{join(children)}</{name}>")


def join(children: Iterable[str]) -> Html:
    """Children one after the other, escaped where they are plain text."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children))


def section(key: str, title: str, *children: str) -> Html:
    """A part of the page that the contents link to."""
    return tag("section", tag("h2", title), *children, id=key)


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Names and values, those without value left out; a long value has a row of its own."""
    rows = (
        tag("div", tag("dt", name), tag("dd", value), **({"class_": "long"} if len(value) > LONG else {}))
        for name, value in pairs
        if value
    )
    return tag("dl", *rows)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *caption: str, heads: int = 1) -> Html:
    """A table in its own scroll container.

    The first ``heads`` columns name their row; where there are two, rows with the same first cell share it. All other
    cells stand on the right, as numbers do.
    """
    top = tag("tr", *(tag("th", column, scope="col", **_right(i >= heads)) for i, column in enumerate(columns)))
    groups = groupby(rows, key=(lambda row: row[0]) if heads > 1 else None)
    body = [_row(row, heads, span) for _, group in groups for row, span in _spans(list(group))]
    inner = tag("table", tag("thead", top), tag("tbody", *body))
    scroll = tag("div", inner, class_="scroll", tabindex="0", role="group", aria_label="table")
    return tag("figure", tag("figcaption", *caption), scroll, class_="tabular")


def _spans(group: Sequence[Sequence[str]]) -> Iterator[tuple[Sequence[str], int]]:
    """Rows of a group with the number of rows that their first cell spans: all for the first, none for others."""
    return ((row, 0 if i else len(group)) for i, row in enumerate(group))


def _row(cells: Sequence[str], heads: int, span: int) -> Html:
    names = [tag("th", cell, scope="row") for cell in cells[:heads]]
    if heads > 1:
        names[:1] = [tag("th", cells[0], scope="rowgroup", rowspan=span)] if span else []
    return tag("tr", *names, *(tag("td", cell, class_="right") for cell in cells[heads:]))


def _right(numeric: bool) -> dict[str, str]:
    return {"class_": "right"} if numeric else {}


def command(text: str) -> Html:
    """A command line."""
    return tag("pre", tag("code", text), tabindex="0")


def picture(source: str, alt: str, size: tuple[int, int], *over: str) -> Html:
    """A picture of (H, W) pixels, scaled to the room that it has, with drawings over it."""
    height, width = size
    image = tag("img", src=source, alt=alt, width=width, height=height)
    return tag("div", image, *over, class_="picture")


def figure(content: str, *caption: str, class_: str = "") -> Html:
    """Something to look at, and what it is."""
    return tag("figure", content, tag("figcaption", *caption), **({"class_": class_} if class_ else {}))


def document(title: str, contents: Sequence[tuple[str, str]], *body: str, footer: str) -> Html:
    """The whole file."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(STYLE)),
    )
    links = tag("nav", *(tag("a", text, href=f"#{key}") for key, text in contents), aria_label="contents")
    main = tag("main", *body)
    page = tag("body", tag("header", tag("h1", title), links), main, tag("footer", footer))
    return Html(f"<!doctype html>\n{tag('html', head, page, lang='en')}\n")


STYLE = """
:root { color-scheme: light dark;
  --paper: #fcfcfb; --ink: #1d1f22; --muted: #5d6268; --rule: #dcdcd8; --tint: #f2f2ef; --link: #0b5cad;
  --c0: #0072b2; --c1: #cc5500; --c2: #008a64; --c3: #a64d86; --c4: #7d6500; --c5: #5b4fc4;
  --c6: #2f8fb0; --c7: #94342f }
@media (prefers-color-scheme: dark) { :root {
  --paper: #151719; --ink: #e7e7e4; --muted: #a3a8ae; --rule: #363a3f; --tint: #1e2124; --link: #8fbdf3;
  --c0: #5eb5ee; --c1: #f5965a; --c2: #45c79d; --c3: #df97c4; --c4: #d8bd55; --c5: #a79ff5;
  --c6: #7fd3ea; --c7: #e58b85 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 72rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  overflow-wrap: break-word }
@media (min-width: 60rem) { body { padding: 3rem 2.5rem 6rem } }
h1, h2, h3, h4 { line-height: 1.25; font-weight: 600; margin: 0 }
h1 { font-size: 1.75rem }
h2 { font-size: 1.3rem; margin: 3.5rem 0 1rem; padding-top: 1rem; border-top: 1px solid var(--rule) }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem }
h4 { font-size: 1rem; margin: 1.75rem 0 .5rem }
p { margin: .5rem 0; max-width: 46rem }
.muted, figcaption, footer, dt { color: var(--muted) }
a { color: var(--link); text-underline-offset: .15em }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: .75rem }
footer { margin-top: 4rem; font-size: .875rem }
code, pre { font: .875em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace }
pre { background: var(--tint); padding: .75rem 1rem; margin: .5rem 0; overflow-x: auto; border-radius: 4px }
summary { cursor: pointer; margin: .75rem 0 }
dl { margin: .75rem 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 9.5rem), 1fr));
  gap: .75rem 2rem }
.long { grid-column: 1 / -1 }
dt { font-size: .8125rem }
dd { margin: 0 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .35rem 1rem .35rem 0; text-align: left; font-weight: 400; vertical-align: baseline;
  white-space: nowrap; border-bottom: 1px solid var(--rule) }
thead th { white-space: normal; vertical-align: bottom }
tbody th { white-space: normal; min-width: 6.5rem }
thead th { color: var(--muted); font-size: .875rem; border-bottom-color: var(--muted) }
.right { text-align: right }
th:last-child, td:last-child { padding-right: 0 }
figure { margin: 0 }
figcaption { font-size: .8125rem; line-height: 1.4; margin-top: .35rem }
figcaption strong { color: var(--ink); font-weight: 600 }
.tabular { margin: 1.25rem 0 }
.tabular figcaption { font-size: .875rem; margin: 0 0 .5rem; max-width: 46rem }
.tabular strong { font-size: 1rem }
@media (min-width: 60rem) { tbody th[scope=row] { white-space: nowrap } }
svg { display: block; overflow: visible }
.chart > svg { width: 100%; height: auto }
.chart > svg text { font-family: inherit !important }
.result { display: grid; grid-template-columns: minmax(0, 1fr); column-gap: 3rem; margin-bottom: 2rem }
@media (min-width: 60rem) { .result { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); align-items: start } }
.result .chart { max-width: 34rem }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15.5rem), 1fr)); gap: 1.5rem }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .75rem 0; padding: 0; list-style: none;
  font-size: .875rem }
.legend li { display: flex; align-items: center; gap: .5rem }
.legend svg { flex: none }
.picture { position: relative; line-height: 0 }
.picture img { width: 100%; height: auto; border-radius: 2px }
.picture svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: hidden }
.picture rect { fill: none; vector-effect: non-scaling-stroke }
.strip { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); gap: .75rem; max-width: 60rem;
  margin: 1rem 0 1.75rem }
.strip figure { max-width: 16rem }
.swap td, .swap th { padding: 2px; border: 0; line-height: 0 }
.swap tbody th { min-width: 0 } .swap .picture { width: clamp(3.3rem, 9vw, 7rem) }
.swap thead th, .swap tbody th { padding: 2px 2px 8px 2px } .swap tbody th { padding: 2px 10px 2px 2px }
.swap td { vertical-align: bottom }
.swap .corner { width: clamp(3.3rem, 9vw, 7rem); line-height: 1.3; font-size: .75rem; white-space: normal;
  color: var(--muted) }
.swap .own { outline: 2px solid var(--ink); outline-offset: -2px }
.poses { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); gap: 2rem 4rem }
.pose { display: grid; grid-template-columns: 1.4fr repeat(4, 1fr); gap: .35rem; align-items: start }
.pose .skeleton svg { width: 100%; height: auto }
.pose figcaption { font-size: .75rem }
.task { grid-template-columns: repeat(auto-fill, minmax(6.5rem, 8.5rem)); margin: .5rem 0 }
.confusion { font-size: .75rem } .confusion th, .confusion td { padding: .15rem .3rem; min-width: 1.9rem }
.confusion thead span { writing-mode: vertical-rl }
.left-side { stroke: var(--c0) } .right-side { stroke: var(--c1) } .centre-side { stroke: var(--muted) }
.skeleton line { stroke-linecap: round }
"""
