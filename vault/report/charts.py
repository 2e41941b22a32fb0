"""Charts: bars over time, and grids whose cells say their number.

What a chart shows by colour it also says by a pattern, a letter or a number: it is read in black
and white, and by ear. Bars have a table beside them with the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vault.report.markup import Child, Html, name_of, tag, together

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 960, 230, 44, 14, 10, 30
_LABELS = 13
WIDE = 12
"""How many columns a grid has at most where it could as well lie on its side."""
PAPER = 8
"""How many columns of a matrix a printed page has room for."""
_SHADES = 5
PARTS = (("released", "Released"), ("other", "Other acts"), ("refused", "Refused"))


@dataclass(frozen=True, slots=True)
class Shown:
    """A number as it is shown: what it weighs in a chart, and its words.

    Args:
        weight: At least 0.
        text: What stands there.
        filter: Which entries it counts, for the script; empty if it leads nowhere.
        label: What it counts, said as a whole where nobody sees what stands around it.
    """

    weight: int
    text: str
    filter: str = ""
    label: str = ""


def exact(count: int, filter_: str = "", of: str = "", unit: str = "entry") -> Shown:
    """A number as it is.

    Args:
        count: The number.
        filter_: Which entries it counts.
        of: What these have in common.
        unit: What it counts, if it is one.
    """
    label = f"{many(count, unit)}, {of}" if of else many(count, unit)
    return Shown(count, f"{count:,}", filter_ if count else "", label if filter_ and count else "")


def many(count: int, unit: str) -> str:
    """A number and what it counts, which is more than one if it is."""
    if count != 1:
        unit = "entries" if unit == "entry" else f"{unit}s"
    return f"{count:,} {unit}"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its label, the short one below it, and how much was released, other and refused."""

    label: str
    short: str
    parts: tuple[Shown, Shown, Shown]
    filter: str = ""


def bars(bars: Sequence[Bar], caption: str, first_column: str) -> Html:
    """A chart of bars over time, and the same as a table."""
    total = max((sum(part.weight for part in bar.parts) for bar in bars), default=0)
    top, step = _scale(total)
    plot = _HEIGHT - _TOP - _BOTTOM
    wide = (_WIDTH - _LEFT - _RIGHT) / max(len(bars), 1)
    drawn: list[Html] = []
    for mark in range(0, top + 1, step):
        y = round(_TOP + plot * (1 - mark / top), 1)
        drawn.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="rule"))
        drawn.append(tag("text", f"{mark:,}", x=_LEFT - 6, y=y + 4, class_="y"))
    every = -(-len(bars) // _LABELS)
    for at, bar in enumerate(bars):
        x, gap = _LEFT + at * wide, min(wide * 0.22, 8)
        base = float(_TOP + plot)
        pieces: list[Html] = []
        for (kind, _name), part in zip(PARTS, bar.parts, strict=True):
            high = plot * part.weight / top
            base -= high
            if part.weight:
                size = {"x": round(x + gap / 2, 1), "y": round(base, 1)}
                pieces.append(
                    tag("rect", **size, width=round(wide - gap, 1), height=round(high, 1),
                        class_=f"bar {kind}", fill=f"url(#p-{kind})")
                )  # fmt: skip
        drawn.append(
            tag("g", tag("title", _words(bar)), pieces, data_f=bar.filter or None, class_="step")
        )
        if at % every == 0:
            drawn.append(
                tag("text", bar.short, x=round(x + wide / 2, 1), y=_HEIGHT - 8, class_="x")
            )
    picture = tag(
        "svg", _patterns(), drawn, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img",
        aria_label=f"{caption} The table below the chart has the same numbers.",
    )  # fmt: skip
    heads = (first_column, *(name for _kind, name in PARTS))
    rows = [(bar.label, bar.parts) for bar in bars]
    return tag(
        "figure",
        tag("figcaption", caption),
        legend(),
        scroll(picture, "The chart", class_="chart"),
        tag(
            "details",
            tag("summary", "The chart as a table"),
            scroll(
                table(
                    caption,
                    heads,
                    [[tag("th", label, scope="row"), *map(number, parts)] for label, parts in rows],
                ),
                "The chart as a table",
            ),
        ),
    )


def legend() -> Html:
    """What the patterns of the bars mean."""
    return tag(
        "ul",
        (
            tag(
                "li",
                tag(
                    "svg",
                    tag("rect", x=0.5, y=0.5, width=15, height=11, class_=f"bar {kind}",
                        fill=f"url(#p-{kind})"),
                    viewBox="0 0 16 12", class_="key", aria_hidden="true",
                ),
                " ",
                name,
            )
            for kind, name in PARTS
        ),
        class_="legend",
    )  # fmt: skip


def grid(
    caption: str,
    corner: str,
    columns: Sequence[Child],
    rows: Sequence[tuple[Child, Sequence[Shown]]],
    *,
    marked: frozenset[int] = frozenset(),
    class_: str = "",
    total: Sequence[Shown] = (),
    most: int | None = None,
) -> Html:
    """A table of numbers, shaded by how large they are.

    Args:
        caption: What it shows.
        corner: What the rows are.
        columns: Their heads.
        rows: Heads and numbers.
        marked: The columns that are set apart.
        class_: Of the table.
        total: What the rows amount to, at the end of each.
        most: The number that is darkest, if the grid is a part of a larger one.
    """
    if most is None:
        most = _most(rows)
    heads = [
        tag("th", column, scope="col", class_="marked" if at in marked else None)
        for at, column in enumerate(columns)
    ]
    if total:
        heads.append(tag("th", "All", scope="col", class_="sum"))
    body = []
    for at, (head, cells) in enumerate(rows):
        line = [tag("th", head, scope="row")]
        line += [_shaded(cell, most) for cell in cells]
        if total:
            line.append(number(total[at], class_="sum"))
        body.append(tag("tr", line))
    return scroll(
        tag(
            "table",
            tag("caption", caption),
            tag("thead", tag("tr", tag("th", corner, scope="col"), heads)),
            tag("tbody", body),
            class_=f"grid {class_}".strip(),
            data_grid=True,
        ),
        caption,
    )


def matrix(
    caption: str,
    corner: str,
    columns: Sequence[Child],
    rows: Sequence[tuple[Child, Sequence[Shown]]],
) -> Html:
    """A grid that may have more columns than paper has room for: there it is printed in parts."""
    whole = grid(caption, corner, columns, rows, class_="matrix")
    if len(columns) <= PAPER:
        return whole
    parts = []
    for at in range(0, len(columns), PAPER):
        end = min(at + PAPER, len(columns))
        lines = [
            (head, [Shown(cell.weight, cell.text) for cell in cells[at:end]])
            for head, cells in rows
        ]
        said = f"{caption} Columns {at + 1} to {end} of {len(columns)}."
        parts.append(grid(said, corner, columns[at:end], lines, class_="part", most=_most(rows)))
    return together(tag("div", whole, class_="screen"), tag("div", parts, class_="paper"))


def table(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[Child]], class_: str = ""
) -> Html:
    """A plain table; the first cell of each row is its head."""
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", (tag("th", head, scope="col") for head in heads))),
        tag("tbody", (tag("tr", row) for row in rows)),
        class_=class_ or None,
    )


def number(shown: Shown, class_: str = "") -> Html:
    """A cell with a number."""
    return tag(
        "td",
        shown.text,
        class_=f"n {class_}".strip(),
        data_f=shown.filter or None,
        data_l=shown.label or None,
    )


def named(name: str, mark: str = "") -> Html:
    """A name, and the letters that tell it from another one which looks the same."""
    return together(name_of(name), (" ", tag("code", mark, class_="mark")) if mark else None)


def person(name: Html, note: str = "") -> Html:
    """A name, and in brackets what else is to be said."""
    return tag("span", name, f" ({note})" if note else None, class_="person")


def scroll(inside: Html, label: str, class_: str = "") -> Html:
    """Something wide, which a narrow screen moves sideways, by keyboard too."""
    kind = f"scroll {class_}".strip()
    return tag("div", inside, class_=kind, role="group", tabindex="0", aria_label=label)


def _most(rows: Sequence[tuple[Child, Sequence[Shown]]]) -> int:
    return max((cell.weight for _head, cells in rows for cell in cells), default=0)


def _shaded(cell: Shown, most: int) -> Html:
    shade = -(-_SHADES * cell.weight // most) if most else 0
    words = "n s0 none" if not cell.weight else f"n s{shade}"
    return tag("td", cell.text, class_=words, data_f=cell.filter or None, data_l=cell.label or None)


def _words(bar: Bar) -> str:
    said = ", ".join(
        f"{part.text} {name.lower()}" for (_kind, name), part in zip(PARTS, bar.parts, strict=True)
    )
    return f"{bar.label}: {said}"


def _scale(most: int) -> tuple[int, int]:
    """The top of the chart, and the step of its rules: 1, 2 or 5 times a power of ten."""
    step = 1
    while most > 5 * step:
        step = step * 2 if str(step)[0] in "15" else step // 2 * 5
    return max(-(-most // step), 1) * step, step


def _patterns() -> Html:
    line = tag("path", d="M0,6 L6,0", class_="hatch")
    dot = tag("circle", cx=2, cy=2, r=0.9, class_="dot")
    return tag(
        "defs",
        tag("pattern", tag("rect", width=6, height=6, class_="fill-released"),
            id="p-released", width=6, height=6, patternUnits="userSpaceOnUse"),
        tag("pattern", tag("rect", width=4, height=4, class_="fill-other"), dot,
            id="p-other", width=4, height=4, patternUnits="userSpaceOnUse"),
        tag("pattern", tag("rect", width=6, height=6, class_="fill-refused"), line,
            id="p-refused", width=6, height=6, patternUnits="userSpaceOnUse"),
    )  # fmt: skip
