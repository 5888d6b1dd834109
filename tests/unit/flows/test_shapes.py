"""Shapes are made ready once, by one thread."""

from concurrent.futures import ThreadPoolExecutor

import msgspec

from everycent.flows import shapes
from everycent.kernel.strict_json import Strict, read


class Inner(Strict, frozen=True):
    name: str


class Outer(Strict, frozen=True):
    inner: list[Inner]


def test_many_threads_may_read_a_shape_that_is_ready():
    shapes.prepare([Outer])
    raw = b'{"inner": [{"name": "a"}]}'
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: read(raw, Outer), range(2000)))
    assert set(map(str, found)) == {str(Outer([Inner("a")]))}


def test_every_shape_that_is_known_can_be_made_ready():
    shapes.prepare_all()
    assert {Inner, Outer} <= shapes._ready
    assert msgspec.Struct not in shapes._ready
