"""The `everycent` command. Commands are read from their modules when they are called."""

from __future__ import annotations

import importlib
import os
import sys

import click
import psycopg

from everycent.cli import common
from everycent.kernel.errors import Broken, Conflict, Forbidden, Invalid, Refusal, Unavailable

_COMMANDS = {
    "up": (
        "everycent.cli.instance:up",
        "Start the embedded database and bring the schema up to date.",
    ),
    "down": ("everycent.cli.instance:down", "Stop the embedded database; nothing is lost."),
    "migrate": (
        "everycent.cli.migrate:migrate",
        "Bring the schema up to date and end, as a job before a new version starts.",
    ),
    "status": ("everycent.cli.instance:status", "Say what runs where, and how much is in it."),
    "demo": (
        "everycent.cli.examples:demo",
        "Bill a real utility, explain a line, prove the books.",
    ),
    "example": ("everycent.cli.examples:example", "Bill the shipped examples in throw-away books."),
    "story": (
        "everycent.cli.story:story",
        "Run a customer's months from a file and see what comes out otherwise.",
    ),
    "serve": (
        "everycent.cli.serve:serve",
        "Serve HTTP: usage, entitlements, payments, webhooks.",
    ),
    "mock": (
        "everycent.cli.mock:mock",
        "Serve all of it on one port over throw-away books, to develop against.",
    ),
    "tenant": ("everycent.cli.tenants:tenant", "Separate books in one database."),
    "key": ("everycent.cli.keys:key", "Who may call the HTTP interface, and what for."),
    "member": ("everycent.cli.members:member", "Which people may do what, by their role."),
    "login": ("everycent.cli.login:login", "Sign in at a server, for `everycent api`."),
    "logout": ("everycent.cli.login:logout", "Forget who was signed in."),
    "api": (
        "everycent.cli.asking:api",
        "Ask a server over HTTP, as whoever signed in or with a key.",
    ),
    "catalog": ("everycent.cli.catalog:catalog", "What is sold and at what price, as a file."),
    "rate": (
        "everycent.cli.rate:rate",
        "Work out what a price comes to, from JSON, with every step.",
    ),
    "customer": ("everycent.cli.customers:customer", "Who is billed."),
    "exchange": ("everycent.cli.exchange:exchange", "Exchange rates: dated, told once."),
    "coupon": ("everycent.cli.coupons:coupon", "What customers get less, and for how long."),
    "subscription": ("everycent.cli.subscriptions:subscription", "Who has agreed to what."),
    "plan": ("everycent.cli.plans:plan", "Move contracts to a new version of their plan."),
    "usage": ("everycent.cli.usage:usage", "Import usage records and see what is there."),
    "measurement": (
        "everycent.cli.measurements:measurement",
        "Measure on a schedule: time that flows, levels, other systems.",
    ),
    "entitlement": (
        "everycent.cli.entitlements:entitlement",
        "Whether a customer may use a feature, how much is left, and why.",
    ),
    "wallet": ("everycent.cli.wallets:wallet", "Prepaid credit: grants, top-ups, caps."),
    "bill": ("everycent.cli.bill:bill", "Bill what is due, and see earlier runs."),
    "preview": (
        "everycent.cli.preview:preview",
        "The next invoice of a customer, or what a change would make of it.",
    ),
    "simulate": (
        "everycent.cli.simulate:simulate",
        "Price the past again under another catalogue: winners, losers, revenue.",
    ),
    "invoice": ("everycent.cli.invoices:invoice", "List, show and credit invoices."),
    "explain": ("everycent.cli.explain:explain", "Open an amount down to the records behind it."),
    "owed": ("everycent.cli.owed:owed", "Who owes how much and why, now or at any past instant."),
    "books": ("everycent.cli.books:books", "Trial balance, statements, exports for accountants."),
    "collect": ("everycent.cli.collect:collect", "Charge what is due, once, whatever breaks."),
    "payment": ("everycent.cli.payments:payment", "Money that comes in, and how charges went."),
    "dunning": (
        "everycent.cli.dunning:dunning",
        "When money is collected, what follows failures, and what about debts that stay.",
    ),
    "message": (
        "everycent.cli.messages:message",
        "Mails and webhooks that wait to be delivered.",
    ),
    "webhook": (
        "everycent.cli.webhooks:webhook",
        "Tell others what happens: signed, numbered, in order.",
    ),
    "erp": ("everycent.cli.erp:erp", "Hand documents over to the ERP, and prove that it has them."),
    "report": (
        "everycent.cli.reports:report",
        "What sub-services say was used in a period: whole, frozen, billed.",
    ),
    "config": ("everycent.cli.configs:config", "Which sub-services reports are pulled from."),
    "alive": (
        "everycent.cli.alive:alive",
        "Say whether a process that stays up and serves no HTTP still moves.",
    ),
    "work": (
        "everycent.cli.work:work",
        "Do everything that is due, over and over: reports, bills, ERP, charges, messages.",
    ),
    "alarm": ("everycent.cli.alarms:alarm", "What is wrong now, and what was."),
    "fake": (
        "everycent.cli.fakes:fake",
        "Stand-ins of payment providers, an ERP, a mail server, people who sign in.",
    ),
    "journal": ("everycent.cli.journal:journal", "Read, seal and replay the journal."),
    "verify": ("everycent.cli.verify:verify", "Prove that journal = books = invoices = usage."),
}


class _Lazy(click.Group):
    """A group that imports a command's module when the command is called, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        found = getattr(importlib.import_module(module), attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, told[1]) for name, told in _COMMANDS.items()])


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--tenant", metavar="SLUG", help="The tenant to work on (EVERYCENT_TENANT).")
@click.version_option(package_name="everycent")
def cli(tenant: str | None) -> None:
    """Who owes how much, and why, proved to the cent."""
    if tenant:
        os.environ["EVERYCENT_TENANT"] = tenant


def _check_text() -> None:
    """Refuses arguments and settings that are not text in the terminal's encoding."""
    told = {f"argument {n}": text for n, text in enumerate(sys.argv[1:], start=1)}
    told |= {name: text for name, text in os.environ.items() if name.startswith("EVERYCENT_")}
    for name, text in told.items():
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            raise Invalid("argument.not_text", f"{name} is not text", field=name)


def main() -> None:
    """Runs a command; a refusal is told in full and ends with exit code 2, without a traceback."""
    try:
        _check_text()
        cli(standalone_mode=False)
    except Refusal as refusal:
        common.fail(refusal, as_json="--json" in sys.argv)
        sys.exit(1 if isinstance(refusal, Broken) else 2)
    except psycopg.OperationalError as error:
        first = str(error).strip().splitlines()[0]
        lost = Unavailable(
            "database.unavailable",
            f"the database went away: {first}",
            hint="start it with `everycent up`, or check EVERYCENT_DATABASE_URL; then run it again",
        )
        common.fail(lost, as_json="--json" in sys.argv)
        sys.exit(2)
    except psycopg.errors.InsufficientPrivilege as error:
        short = Forbidden(
            "database.insufficient_rights",
            f"the database login may not do this: {str(error).strip().splitlines()[0]}",
            hint="docs/operations.md lists the rights that it needs",
        )
        common.fail(short, as_json="--json" in sys.argv)
        sys.exit(2)
    except psycopg.errors.IntegrityError as error:
        raced = Conflict(
            "database.conflict",
            f"somebody else recorded the same at the same moment: {error.diag.constraint_name}",
            hint="look at what is there now, and run it again if it is still wanted",
        )
        common.fail(raced, as_json="--json" in sys.argv)
        sys.exit(2)
    except click.exceptions.Abort:
        click.echo("interrupted; what was committed stays, and running it again goes on", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        unusable = Invalid(
            "file.unusable", f"{error.filename or 'a file'}: {error.strerror}", field="file"
        )
        common.fail(unusable, as_json="--json" in sys.argv)
        sys.exit(2)
