"""One PostgreSQL per module, in which each test finds an empty database and an empty home."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.resilience.own import Own, own_server


@pytest.fixture(scope="module")
def own_of_module() -> Iterator[Own]:
    """The server."""
    with own_server() as own:
        yield own


@pytest.fixture
def own(own_of_module: Own) -> Own:
    """The server, running, with nothing in it."""
    own_of_module.start()
    own_of_module.new_database()
    return own_of_module
