"""python -m tests.resilience.shifted SECONDS …: everycent on a machine whose clock is so much ahead."""

from __future__ import annotations

import sys
from datetime import timedelta

from everycent.app import staying, time, wiring
from everycent.cli.main import main

if __name__ == "__main__":
    ahead = timedelta(seconds=int(sys.argv[1]))
    usual = wiring.utc_now
    for module in (wiring, staying, time):
        module.utc_now = lambda: usual() + ahead  # type: ignore[attr-defined]
    sys.argv = ["everycent", *sys.argv[2:]]
    main()
