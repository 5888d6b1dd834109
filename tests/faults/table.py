"""The table of the cells: as text for terminals and pages, as HTML for who would rather look."""

from __future__ import annotations

import html
import platform
from collections.abc import Sequence

from tests.faults.cells import FAULTS, places
from tests.faults.orchestra import Told


def as_text(told: Sequence[Told]) -> str:
    """Places by faults with the seconds of recovery, and the sums."""
    by_name = {one.cell.name: one for one in told}
    names = list(FAULTS)
    lines = [f"{'':28}" + "".join(f"{name:>17}" for name in names)]
    for place, _ in places():
        cells = [by_name.get(f"{name}@{place}") for name in names]
        if any(cells):
            lines.append(f"{place:28}" + "".join(f"{_cell(one):>17}" for one in cells))
    return "\n".join([*lines, "", *_sums(told), ""])


def as_html(told: Sequence[Told]) -> str:
    """The same as a page."""
    by_name = {one.cell.name: one for one in told}
    head = "".join(f"<th title='{html.escape(says)}'>{name}</th>" for name, says in FAULTS.items())
    rows = []
    for place, point in places():
        cells = "".join(_html_cell(by_name.get(f"{name}@{place}")) for name in FAULTS)
        rows.append(f"<tr><th title='{point}'>{html.escape(place)}</th>{cells}</tr>")
    sums = "".join(f"<li>{html.escape(line)}</li>" for line in _sums(told))
    return _PAGE.format(head=head, rows="\n".join(rows), sums=sums)


def _cell(one: Told | None) -> str:
    if one is None:
        return ""
    return f"{one.recovery:.1f} s" if one.is_green else "RED"


def _html_cell(one: Told | None) -> str:
    if one is None:
        return "<td></td>"
    says = ", ".join(one.alarms) or "no alarm"
    if one.is_green:
        return f"<td class='green' title='{html.escape(says)}'>{one.recovery:.1f} s</td>"
    wrong = "; ".join([*one.wrong, *(f"missed {kind}" for kind in one.missed)])
    return f"<td class='red' title='{html.escape(wrong)}'>red</td>"


def _sums(told: Sequence[Told]) -> list[str]:
    seconds = sorted(one.recovery for one in told)
    missed, false = (
        sum(len(some) for some in of)
        for of in ([one.missed for one in told], [one.false for one in told])
    )
    green = sum(one.is_green for one in told)
    return [
        f"{green} of {len(told)} cells green",
        f"recovery p50 {_at(seconds, 50):.1f} s, p99 {_at(seconds, 99):.1f} s",
        f"lost {sum(one.lost for one in told)}, doubled {sum(one.doubled for one in told)}",
        f"missed alarms {missed}, false alarms {false}",
        f"on {platform.machine()}, Python {platform.python_version()}",
    ]


def _at(seconds: Sequence[float], percent: int) -> float:
    return seconds[min(len(seconds) - 1, len(seconds) * percent // 100)] if seconds else 0.0


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>everycent: faults</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; color: #1b1f24; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ padding: .35rem .6rem; border-bottom: 1px solid #d8dee4; text-align: right; }}
th:first-child {{ text-align: left; font-weight: 500; white-space: nowrap; }}
.green {{ background: #e6f6ea; color: #0f5323; }}
.red {{ background: #fde7e7; color: #8a1f1f; font-weight: 600; }}
ul {{ padding-left: 1.2rem; }}
</style>
<h1>Seven faults in thirteen states and on the twelve edges between them</h1>
<ul>{sums}</ul>
<table><thead><tr><th></th>{head}</tr></thead><tbody>
{rows}
</tbody></table>
</html>
"""
