"""everycent owed: amounts are told to programs as texts with their currency, never as minor units."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

from tests.conftest import Place
from tests.flows import world

EVERYCENT = str(Path(sys.executable).with_name("everycent"))


def test_what_is_owed_is_told_in_decimals_with_every_entry(place: Place):
    world.sell(place, [("c1", "api")])
    world.run(place, world.midnight(date(2026, 2, 1)))
    (issued,) = world.issued(place)
    done = subprocess.run(
        [EVERYCENT, "owed", "--customer", "c1", "--json"], capture_output=True, text=True,
        check=True, env=os.environ | {"EVERYCENT_DATABASE_URL": place.conninfo},
    )  # fmt: skip
    (told,) = json.loads(done.stdout)
    amount = f"{issued.gross // 100}.{issued.gross % 100:02}"
    assert told["owed"] == {"amount": amount, "currency": issued.currency}
    assert [one["amount"]["amount"] for one in told["reasons"]] == [amount]
    assert told["reasons"][0]["balance"] == told["owed"]
