"""Product: private copies of the modules of everycent.charging that write, on stores that are tables in
memory.

The code is the product's, line for line; course, judge, policy, collectable, payment and settlement are the
very modules that the product runs. Only what speaks to the database is another one.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

from everycent.charging import collectable as real_collectable
from everycent.charging import operations as real_operations
from everycent.charging import operations_runs as real_running
from everycent.charging import operations_writing as real_writing
from tests.simulation import memory


def _copy(real: ModuleType) -> Any:
    name = f"tests.simulation.{real.__name__.replace('.', '_')}"
    spec = importlib.util.spec_from_file_location(name, real.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    there: Any = module
    there.store = memory
    there.journal = SimpleNamespace(record=memory.record)
    return there


def _operations() -> Any:
    there = _copy(real_operations)
    there.writing = writing
    there.invoicing = SimpleNamespace(lock_open=memory.lock_open)
    there.methods = SimpleNamespace(give_up=memory.give_up)
    rows = _copy(real_collectable)
    rows.decode = lambda told: told
    rows.name_of = lambda series, number: series
    there.candidate_of = rows.candidate_of
    return there


writing: Any = _copy(real_writing)
"""locked, draft, record, places"""
running: Any = _copy(real_running)
"""open_run, finish_run, switch_run"""
operations: Any = _operations()
"""claim, begin_sending, send_again, give_back, hear, not_sent, take_over, book …"""
