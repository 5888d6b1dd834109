"""Secrets out of the environment, at the moment when they are needed."""

from __future__ import annotations

from collections.abc import Mapping

from everycent.kernel.errors import Unavailable


def variable(environ: Mapping[str, str], name: str) -> str:
    """The value of an environment variable. Raises Unavailable `measurement.secret_missing`."""
    value = environ.get(name, "")
    if not value:
        raise Unavailable(
            "measurement.secret_missing",
            f"the environment variable {name} is not set",
            field=name,
            hint="set it where `everycent measurement run` is started",
        )
    return value
