"""Refusals: what a person or a program is told when something can't be done.

    Refusal
    ├── Invalid      the input is wrong; the same input will be refused again
    ├── NotFound     what was named does not exist (or belongs to another tenant)
    ├── Conflict     the input is well formed but contradicts what is already recorded
    ├── Forbidden    the caller may not do this
    ├── Unavailable  something around us is down; the same request may succeed later
    └── Broken       a promise of ours does not hold; work stops and a person must look

Every refusal carries a stable dotted code, and where they apply the field, the offending value and a
hint that says what to do. Status codes of a protocol are added at its edge, never here.
"""

from __future__ import annotations

_SHOWN_VALUE_CHARS = 120


class Refusal(Exception):  # noqa: N818 - the field's word is refusal, not error
    """Something that was asked for is not done, for a stated reason."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        value: object = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.value = value
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def as_dict(self) -> dict[str, str]:
        """The refusal as plain data; absent parts are left out."""
        shown = None if self.value is None else str(self.value)[:_SHOWN_VALUE_CHARS]
        parts = {
            "code": self.code,
            "message": self.message,
            "field": self.field,
            "value": shown,
            "hint": self.hint,
        }
        return {name: part for name, part in parts.items() if part is not None}


class Invalid(Refusal):
    """The input is wrong."""


class NotFound(Refusal):
    """What was named does not exist for this tenant."""


class Conflict(Refusal):
    """The input contradicts what is already recorded."""


class Forbidden(Refusal):
    """The caller may not do this."""


class Unavailable(Refusal):
    """Something around us is down or not set up."""


class Broken(Refusal):
    """A promise of ours does not hold."""
