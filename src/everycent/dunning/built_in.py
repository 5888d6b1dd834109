"""The letters that are there without being written by a tenant, in English and German."""

from __future__ import annotations

from collections.abc import Mapping

from everycent.dunning.terms import Letter

_REMINDER = Letter(
    "Reminder: {amount} is overdue",
    """Dear {customer},

we have not received your payment for the following invoices yet. {amount} is open, the oldest of it
since {oldest_due}.

{invoices}

You can pay here: {pay_link}

If you have paid in the meantime, please ignore this letter.

{sender}""",
)
_WARNING = Letter(
    "Second reminder: {amount} is overdue since {oldest_due}",
    """Dear {customer},

in spite of our reminder {amount} is still open, the oldest of it for {days} days.

{invoices}

Please pay now: {pay_link}

If you can't pay, or think that an invoice is wrong, please answer this letter.

{sender}""",
)
_PAUSED = Letter(
    "Your contracts are paused: {amount} is overdue",
    """Dear {customer},

because {amount} is overdue for {days} days, we have paused your contracts. They go on as soon as all of it
is paid.

{invoices}

You can pay here: {pay_link}

{sender}""",
)
_REMINDER_DE = Letter(
    "Zahlungserinnerung: {amount} überfällig",
    """Guten Tag {customer},

für die folgenden Rechnungen haben wir noch keine Zahlung erhalten. Offen sind {amount}, das Älteste davon
seit dem {oldest_due}.

{invoices}

Hier können Sie bezahlen: {pay_link}

Falls Sie inzwischen bezahlt haben, ist dieses Schreiben gegenstandslos.

{sender}""",
)
_WARNING_DE = Letter(
    "Mahnung: {amount} überfällig seit {oldest_due}",
    """Guten Tag {customer},

trotz unserer Erinnerung sind {amount} noch offen, das Älteste davon seit {days} Tagen.

{invoices}

Bitte bezahlen Sie jetzt: {pay_link}

Wenn Sie nicht bezahlen können oder eine Rechnung für falsch halten, antworten Sie bitte auf dieses
Schreiben.

{sender}""",
)
_PAUSED_DE = Letter(
    "Ihre Verträge ruhen: {amount} überfällig",
    """Guten Tag {customer},

weil {amount} seit {days} Tagen überfällig sind, haben wir Ihre Verträge ruhend gestellt. Sie laufen weiter,
sobald alles bezahlt ist.

{invoices}

Hier können Sie bezahlen: {pay_link}

{sender}""",
)

BUILT_IN: Mapping[str, Mapping[str, Letter]] = {
    "reminder": {"en": _REMINDER, "de": _REMINDER_DE},
    "warning": {"en": _WARNING, "de": _WARNING_DE},
    "paused": {"en": _PAUSED, "de": _PAUSED_DE},
}
"""The letters that are there without being written."""
