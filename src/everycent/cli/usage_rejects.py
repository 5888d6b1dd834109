"""Where `everycent usage import` writes the rows that it did not take."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from everycent.integrations.usage_files import STDIN
from everycent.kernel.errors import Invalid
from everycent.metering.mapping import Reject

_COLUMNS = ("file", *Reject._fields)


def targets_of(files: Sequence[str], named: str | None) -> list[Path]:
    """The file for the rejects of each of the files, which can be written; none is made yet.

    Raises Invalid `usage.rejects_over_input`, `file.unwritable`.
    """
    targets = [Path(named or f"{'stdin' if file == STDIN else file}.rejects.csv") for file in files]
    inputs = {Path(file).resolve() for file in files if file != STDIN}
    for target in dict.fromkeys(targets):
        if target.resolve() in inputs:
            raise Invalid(
                "usage.rejects_over_input", f"{target} is a file to import", field="rejects"
            )
        _check_writable(target)
    return targets


def _check_writable(target: Path) -> None:
    try:
        if not target.exists():
            path = target.resolve()
            path.open("x").close()
            path.unlink()
        elif target.is_dir() or not os.access(target, os.W_OK):  # no attempt: it may be a pipe
            raise _unwritable(target, "it may not be written")
    except OSError as error:
        raise _unwritable(target, error.strerror) from error


def _unwritable(target: Path, reason: str | None) -> Invalid:
    return Invalid(
        "file.unwritable",
        f"rejected rows can't be written to {target}: {reason}",
        field="rejects",
        hint="name another file with --rejects",
    )


@contextmanager
def reject_file(
    target: Path, source: str, begun: set[Path], *, is_own: bool
) -> Iterator[Callable[[Reject], None]]:
    """A function that writes rejects to `target`, which is begun anew with the first of them unless it
    was for an earlier file of the same import (`begun`).

    When there are none, what an earlier import of the file left there is removed if the name is our own
    (`is_own`). Raises Invalid `file.unwritable`.
    """
    file: IO[str] | None = None

    def write(rejected: Reject) -> None:
        nonlocal file
        if file is None:
            is_new = target not in begun
            begun.add(target)
            try:
                file = target.open(
                    "w" if is_new else "a", encoding="utf-8", errors="backslashreplace", newline=""
                )
            except OSError as error:
                raise _unwritable(target, error.strerror) from error
            if is_new:
                csv.writer(file).writerow(_COLUMNS)
        csv.writer(file).writerow([source, *rejected])

    try:
        yield write
    finally:
        if file is not None:
            file.close()
    if is_own and source != STDIN and target not in begun and _is_ours(target):
        target.unlink()


def _is_ours(target: Path) -> bool:
    """Whether there is a file that begins as one of ours does."""
    try:
        with target.open(encoding="utf-8", errors="backslashreplace", newline="") as file:
            return file.readline(200).strip() == ",".join(_COLUMNS)
    except OSError:
        return False
