"""Term: how long a contract is agreed for, how it goes on after that, and what binds until then.

A plan carries it and a contract freezes it; docs/contracts.md tells what each part means with examples.
Intervals are text such as '3 months'; subscriptions/term.py counts by them.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Leaving(StrEnum):
    """Whether something may be done within a term, or only when one ends."""

    END_OF_TERM = "end_of_term"
    ANY_TIME = "any_time"


class Term(msgspec.Struct, frozen=True, omit_defaults=True):
    """A term of one `length`, after which others of the length `renews` follow (None: the contract ends).

    Who wants to leave must say so before the `notice` begins, which ends with the contract; `reminder` is
    so long before that. `leave`, `downgrade` and `decrease` say when the contract may be ended, when it
    may go over to a cheaper plan, and when less may be agreed than as the term began.
    """

    length: str
    renews: str | None
    notice: str | None = None
    reminder: str | None = None
    leave: Leaving = Leaving.END_OF_TERM
    downgrade: Leaving = Leaving.END_OF_TERM
    decrease: Leaving = Leaving.ANY_TIME
