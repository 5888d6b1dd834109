"""The section `policies`: which of the ways to bill the tenant has chosen."""

from __future__ import annotations

from collections.abc import Mapping

from everycent.catalog.document_refusals import unknown, wrong
from everycent.catalog.policies import BY_NAME, Policies
from everycent.kernel.near import meant


def policies(given: Mapping[str, str]) -> Policies:
    """The policies that are set. Raises Invalid `catalog.unknown_name`, `catalog.wrong_value`."""
    for name, value in given.items():
        option = BY_NAME.get(name)
        if option is None:
            refusal = unknown("policies", "policy", name, BY_NAME)
            refusal.hint = f"{meant(name, BY_NAME)} docs/policies.md lists them all".strip()
            refusal.message = f"policies: there is no policy {name!r}"
            raise refusal
        if not option.takes(value):
            asked = meant(value, option.values)
            raise wrong(
                f"policies.{name}",
                f"it can't be {value[:60]!r}",
                f"{asked} " * bool(asked) + f"one of {option.choices}",
            )
    return Policies({name: given[name] for name in sorted(given)})
