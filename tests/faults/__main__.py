"""python -m tests.faults [NAME ...] [--html FILE]: plays the cells, all 175 where none is named."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.faults.cells import cells, chosen, covering
from tests.faults.orchestra import Stage, Told
from tests.faults.table import as_html, as_text
from tests.resilience.own import own_server


def main() -> int:
    """Plays them; 1 where one is not green."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument(
        "names", nargs="*", help="such as erp_away@charging, or a fault, or a place"
    )
    parser.add_argument("--covering", action="store_true", help="the subset of every build")
    parser.add_argument("--html", type=Path, default=None)
    parser.add_argument("--text", type=Path, default=None)
    asked = parser.parse_args()
    wanted = covering() if asked.covering else cells()
    if asked.names:
        try:
            wanted = chosen(wanted, asked.names)
        except LookupError as error:
            parser.error(str(error.args[0]))
    told: list[Told] = []
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=Console(stderr=True),
    )  # fmt: skip
    with own_server() as own, tempfile.TemporaryDirectory(prefix="ec-faults-") as folder:
        stage = Stage(own, Path(folder))
        try:
            with bar:
                task = bar.add_task("the orchestra", total=len(wanted))
                for cell in wanted:
                    bar.update(task, description=f"{cell.name:44}")
                    one = stage.run(cell)
                    told.append(one)
                    if not one.is_green:
                        bar.console.print(f"[red]{cell.name}[/red] {one}", highlight=False)
                    bar.advance(task)
        finally:
            stage.close()
    sys.stdout.write(as_text(told))
    if asked.html is not None:
        asked.html.write_text(as_html(told), encoding="utf-8")
    if asked.text is not None:
        asked.text.write_text(as_text(told), encoding="utf-8")
    return 0 if all(one.is_green for one in told) else 1


if __name__ == "__main__":
    sys.exit(main())
