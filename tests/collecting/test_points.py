"""Every commit and every call to the outside on the way of a payment has a named point before and after it:
the enumeration of crashes is complete by construction."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from everycent.flows import collect
from everycent.flows.collect import calls, desk
from everycent.integrations import wire, wire_connection

FOLDER = Path(inspect.getfile(collect)).parent
BY_PEOPLE = {"decide.py", "refund.py", "refund_lines.py"}
"""Here people decide, or nothing is sent: a transaction that is broken off is asked for again."""


def attributes_called(tree: ast.AST) -> list[tuple[str, int]]:
    return [
        (node.func.attr, node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]


def test_every_transaction_on_the_way_is_a_step_with_its_points():
    bare = [
        f"{path.name}:{line}"
        for path in sorted(FOLDER.glob("*.py"))
        if path.name not in BY_PEOPLE
        for name, line in attributes_called(ast.parse(path.read_text()))
        if name == "transaction"
    ]
    source = inspect.getsource(desk.Desk.step)
    assert bare == [f"desk.py:{line}" for line in lines_of("desk.py", "transaction")]
    assert len(bare) == 1
    order = [source.index(f".{part}") for part in ("begin", "commit", "committed")]
    assert order == sorted(order)


def lines_of(name: str, attribute: str) -> list[int]:
    tree = ast.parse((FOLDER / name).read_text())
    return [line for found, line in attributes_called(tree) if found == attribute]


def test_providers_are_spoken_to_between_two_points_and_nowhere_else():
    outside = {
        f"{path.name}:{name}"
        for path in sorted(FOLDER.glob("*.py"))
        for name, _ in attributes_called(ast.parse(path.read_text()))
        if name in ("send", "look_up") and path.name != "calls.py"
    }
    # What work.py calls is refund.send, which begins to send.
    assert outside == {"sender.py:send", "sender.py:look_up", "work.py:send"}
    for function in (calls.send, calls.look_up):
        source = inspect.getsource(function)
        before, call, after = (
            source.index(".begin"), source.index("_called("), source.index(".end"),
        )  # fmt: skip
        assert before < call < after


def test_the_wire_has_a_point_around_everything_that_leaves_us():
    source = inspect.getsource(wire) + inspect.getsource(wire_connection)
    for point in ("connect", "connected", "sending", "sent", "answered"):
        assert f'"wire.{point}"' in source
