#!/usr/bin/env python3
"""Draws benches/results/speed.svg from the results beside it.

    python3 benches/plot.py            writes the picture
    python3 benches/plot.py --check    fails if the picture is not that of the results
    python3 benches/plot.py --table    prints a table of the cases that have targets

The results are scan.json of `cargo bench` and compare.json of compare.py; benches/README.md tells
how they are made. Each time is drawn relative to the copy of the same run: the library's and the
plain loop's from scan.json, NumPy's from compare.json.
"""

import argparse
import json
import math
import pathlib
import sys
from xml.sax.saxutils import escape

RESULTS = pathlib.Path(__file__).resolve().parent / "results"
PICTURE = RESULTS / "speed.svg"

ROWS = [
    ("In cache", [
        ("sum-f64-1e5", "sum of 10⁵ float64"),
        ("sum-f32-1e5", "sum of 10⁵ float32"),
        ("sum-f64-normal-4e4", "sum of 4·10⁴ float64, normal"),
        ("sum-f64-zeros-4e4", "sum of 4·10⁴ float64, zeros"),
        ("reassociate-f64-2e4", "sum of 2·10⁴ float64, reassociated"),
        ("compensated-f64-1e5", "sum of 10⁵ float64, compensated"),
        ("sum-i32-1e5", "sum of 10⁵ int32"),
        ("sum-i64-1e5", "sum of 10⁵ int64"),
        ("sum-u8-u64-1e5", "sum of 10⁵ uint8 in uint64"),
        ("sum-f16-1e5", "sum of 10⁵ float16"),
        ("max-f64-1e5", "maxima of 10⁵ float64"),
        ("prod-f64-reassociate-1e5", "product of 10⁵ float64, reassociated"),
    ]),
    ("Beyond the caches", [
        ("sum-f64-1e7", "sum of 10⁷ float64"),
        ("sum-f32-1e7", "sum of 10⁷ float32"),
        ("reassociate-f64-1e7", "sum of 10⁷ float64, reassociated"),
        ("reassociate-f64-1e7-2t", "the same on two threads"),
        ("compensated-f64-1e7", "sum of 10⁷ float64, compensated"),
        ("sum-i32-1e7", "sum of 10⁷ int32"),
    ]),
    ("Sums along an axis, float64", [
        ("rows-1000x1000-last", "1000×1000, last axis"),
        ("rows-1000x1000-axis0", "1000×1000, axis 0"),
        ("rows-4000x4000-last", "4000×4000, last axis"),
        ("rows-4000x4000-axis0", "4000×4000, axis 0"),
        ("rows-4000x4000-transposed", "4000×4000, transposed"),
        ("tall-100000x8-axis0", "100000×8, axis 0"),
    ]),
]  # fmt: skip

# Okabe and Ito's colours, told apart by shape as well.
LIBRARY, NAIVE, NUMPY = "#0072B2", "#B07A00", "#D55E00"
INK, FAINT, GRID = "#222222", "#5f5f5f", "#dddddd"

WIDTH, LEFT, RIGHT = 860, 268, 770  # of the picture; of the axis
TOP, ROW, HEADING = 118, 21, 30  # where rows begin; how high they and headings are


class Results:
    """One of the two files."""

    def __init__(self, name):
        path = RESULTS / name
        try:
            self.about = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            sys.exit(f"{error}: see benches/README.md for how the results are made")
        if self.about["quick"]:
            sys.exit(f"{path} is from a quick run, which measures nothing")
        self.cases = {case["name"]: case for case in self.about["cases"]}

    def over_copy(self, case, who):
        if case not in self.cases:
            sys.exit(f"{case} is missing in the results: run all cases")
        return self.cases[case]["over_copy"][who]


def times(value):
    """A ratio with two digits, or all there are before the point."""
    if value >= 99.5:
        return f"{value:.0f}"
    digits = max(0, 1 - math.floor(math.log10(value)))
    return f"{value:.{digits}f}"


class Axis:
    """Ratios on a logarithmic scale, with 1 and all values well inside."""

    MARKS = [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]

    def __init__(self, values):
        self.low = min(0.45, *(value * 0.85 for value in values))
        self.high = max(value * 1.12 for value in values)
        self.marks = [mark for mark in self.MARKS if self.low <= mark <= self.high]

    def x(self, ratio):
        share = math.log(ratio / self.low) / math.log(self.high / self.low)
        return LEFT + share * (RIGHT - LEFT)


def text(x, y, words, anchor="start", colour=INK, size=13, weight="normal"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" '
        f'font-weight="{weight}">{escape(words)}</text>'
    )


def line(x1, y1, x2, y2, colour, width=1.0):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def mark(who, x, y):
    if who == "library":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="{LIBRARY}"/>'
    if who == "numpy":
        return f'<rect x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9" fill="{NUMPY}"/>'
    points = f"{x:.1f},{y - 6.5:.1f} {x + 6.5:.1f},{y:.1f} {x:.1f},{y + 6.5:.1f} {x - 6.5:.1f},{y:.1f}"
    return f'<polygon points="{points}" fill="white" fill-opacity="0.6" stroke="{NAIVE}" stroke-width="1.8"/>'


def legend(y):
    entries = [("library", "cumulative", 110), ("naive", "plain loop", 104), ("numpy", "NumPy", 0)]
    parts, x = [], LEFT
    for who, name, width in entries:
        parts += [mark(who, x + 6, y), text(x + 18, y + 4.5, name)]
        x += width
    return parts


def picture(scan, compare):
    values = {}
    for _, rows in ROWS:
        for case, _ in rows:
            values[case] = {
                "naive": scan.over_copy(case, "naive"),
                "numpy": compare.over_copy(case, "numpy"),
                "library": scan.over_copy(case, "library"),
            }
    axis = Axis([ratio for row in values.values() for ratio in row.values()])
    bottom = TOP + sum(HEADING + ROW * len(rows) for _, rows in ROWS) + 6
    height = bottom + 46

    about, date = scan.about, scan.about["date"][:10]
    parts = [
        text(16, 30, "Time of a scan, relative to a memcpy of the same bytes", size=18, weight="bold"),
        text(16, 52, f"{about['processor']}, {about['isa']}, {date}; cumulative {about['version']}, "
             f"NumPy {compare.about['numpy']}; one thread unless said", colour=FAINT),
        *legend(80),
        text(WIDTH - 16, 76, "NumPy takes", "end", FAINT, 12),
        text(WIDTH - 16, 91, "so many times as long", "end", FAINT, 12),
    ]  # fmt: skip
    for ratio in axis.marks:
        x, one = axis.x(ratio), ratio == 1
        parts.append(line(x, TOP - 8, x, bottom, INK if one else GRID, 1.4 if one else 1))
        parts.append(text(x, bottom + 17, f"{ratio:g}", "middle", INK if one else FAINT, 12))
        if one:
            parts.append(text(x, TOP - 13, "memcpy", "middle", INK, 12))
    caption = "times as long as the copy, on a logarithmic scale; left is faster"
    parts.append(text(LEFT, bottom + 36, caption, colour=FAINT, size=12))

    y = TOP
    for heading, rows in ROWS:
        y += HEADING
        parts.append(text(16, y - 8, heading, weight="bold"))
        for case, label in rows:
            row, middle = values[case], y + ROW / 2
            parts.append(text(LEFT - 12, middle + 4.5, label, "end"))
            xs = [axis.x(ratio) for ratio in row.values()]
            parts.append(line(min(xs), middle, max(xs), middle, "#b0b0b0", 1.2))
            parts += [mark(who, axis.x(ratio), middle) for who, ratio in row.items()]
            faster = 1 / compare.cases[case]["library_over"]["numpy"]
            parts.append(text(WIDTH - 16, middle + 4.5, f"{times(faster)}×", "end", weight="bold"))
            y += ROW
    font = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="{font}" role="img" aria-label="Time of scans relative to a memcpy of the same bytes">',
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="white"/>',
        *parts,
        "</svg>\n",
    ])  # fmt: skip


def table(scan, compare):
    """A row for each case with a target, in Markdown."""

    def reached(results, against, show):
        for target in results.get("targets", []):
            if target["against"] == against:
                bound = f"≤ {target['at_most']:g}" if "at_most" in target else f"≥ {target['at_least']:g}"
                return f"{show} ({bound}{'' if target['met'] else ', missed'})"
        return show

    lines = [
        "| case | ns an element | time / memcpy | time / plain loop | options, threads | NumPy / time |",
        "|---|---|---|---|---|---|",
    ]
    for name, case in scan.cases.items():
        peer = compare.cases.get(name, {})
        if not case["targets"] and not peer.get("targets"):
            continue
        over, peer_over = case["library_over"], peer.get("library_over", {})
        ns = reached(case, "ns", f"{case['ns']['library']['median']:.2f}")
        if case["unit"] == "call":
            ns += " a call"
        columns = [
            case["label"],
            ns,
            reached(case, "copy", f"{over['copy']:.2f}"),
            reached(case, "naive", f"{over['naive']:.2f}"),
            ", ".join(
                f"{reached(case, other, f'{over[other]:.2f}')} of {words}"
                for other, words in (("plain", "no options"), ("single", "one thread"))
                if other in over
            ),
            reached(peer, "numpy", times(1 / peer_over["numpy"])) if "numpy" in peer_over else "",
        ]
        lines.append(f"| {' | '.join(columns)} |")
    about = scan.about
    lines.append("")
    lines.append(
        f"{about['processor']}, {about['isa']}, {about['cores']} cores, last-level cache {about['last_level_cache']}; "
        f"{about['date'][:10]}; {about['rustc'] or 'rustc'}; NumPy {compare.about['numpy']}."
    )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="only compare the picture with the results")
    what.add_argument("--table", action="store_true", help="print the table in Markdown")
    arguments = parser.parse_args()
    scan, compare = Results("scan.json"), Results("compare.json")
    if arguments.table:
        print(table(scan, compare))
        return
    svg = picture(scan, compare)
    if not arguments.check:
        PICTURE.write_text(svg, encoding="utf-8")
    elif not PICTURE.is_file() or PICTURE.read_text(encoding="utf-8") != svg:
        sys.exit(f"{PICTURE} is not that of the results: run `python3 benches/plot.py`")


if __name__ == "__main__":
    main()
