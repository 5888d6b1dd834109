"""Product: a private copy of the module everycent.charging.operations; its stores are the tables in memory.

The code is the product's, line for line; course, judge, policy, collectable, payment and settlement are the
very modules that the product runs. Only what speaks to the database is another one.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

from everycent.charging import operations as real
from tests.simulation import memory


def _copy() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "tests.simulation.charging_operations", real.__file__
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    there: Any = module
    there.store = memory
    there.invoicing = SimpleNamespace(lock_open=memory.lock_open)
    there.journal = SimpleNamespace(record=memory.record)
    there.methods = SimpleNamespace(give_up=memory.give_up)
    there.method = SimpleNamespace(decode=lambda told: told)
    there.name_of = lambda series, number: series
    return module


operations: Any = _copy()
"""claim, begin_sending, send_again, give_back, hear, not_sent, take_over, book …"""
