"""What a result was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import psycopg


def describe(conninfo: str) -> dict[str, Any]:
    """Processor, memory, kernel, PostgreSQL and the settings that decide about durability.

    Raises RuntimeError when commits are not durable: such a result is not worth publishing.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        settings = {
            name: connection.execute(f"show {name}").fetchone()[0]  # type: ignore[index]
            for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        }
    if settings["fsync"] != "on" or settings["synchronous_commit"] != "on":
        raise RuntimeError("fsync or synchronous_commit is off: refused")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": settings["server_version"],
        "shared_buffers": settings["shared_buffers"],
        "commit": _commit(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"
