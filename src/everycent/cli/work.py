"""everycent work: everything that is to be done over and over, in one process."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

import click

from everycent.app import collecting, once, reporting, rounds
from everycent.app.settings import from_environment
from everycent.app.staying import Round, Staying, counted, stay_at_work, staying, teller
from everycent.cli.common import complain, emit, json_option, opened
from everycent.flows import bill
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.errors import Refusal, Unavailable

_SOMEBODY_SHOULD_LOOK = 3


@click.command()
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(once.PARTS),
    help="Do this part; may be given more than once. All that is set up when not given.",
)
@click.option("--zone", default="UTC", show_default=True, help="Whose date invoices carry.")
@click.option(
    "--payment-days", default=bill.PAYMENT_DAYS, show_default=True, type=click.IntRange(0, 365)
)
@click.option(
    "--again",
    default=900,
    show_default=True,
    type=click.IntRange(1, 86_400),
    help="After how many seconds is tried again what could not be billed.",
)
@click.option(
    "--rest",
    type=click.FloatRange(0.01, 3600),
    help="Seconds between two rounds; 2 to 5 by part when not given.",
)
@click.option("--once", "is_once", is_flag=True, help="Do what can be done now, and end.")
@json_option
def work(
    only: tuple[str, ...],
    zone: str,
    payment_days: int,
    again: int,
    rest: float | None,
    is_once: bool,
    as_json: bool,
) -> None:
    """Do everything that is due, over and over, until stopped: build reports, bill, hand over to the ERP,
    charge, send messages and webhooks. What is not set up is left out; what was done is told on stderr.
    Run it on as many machines as you like; each part can also be run by itself (`erp work`, `collect work`
    ...). With --once it ends with exit code 3 when a part failed."""
    known_zone(zone)
    found = from_environment()
    wanted = only or once.set_up(found)
    for part in wanted:
        once.check(part, found)
    terms = bill.Terms(found.actor, zone, payment_days)
    if is_once:
        _once(wanted, terms, as_json)
        return
    counts = {part: Counter[str]() for part in wanted}
    refused: list[Refusal] = []
    with staying(found, complain, works="work") as here:
        parts = _parts(here, counts, terms, timedelta(seconds=again), rest)
        threads = [
            threading.Thread(target=_alone, args=(here, parts[part], refused), name=part)
            for part in wanted
        ]
        for thread in threads:
            thread.start()
        complain(f"working on: {', '.join(wanted) or 'nothing'}")
        for thread in threads:
            thread.join()
    if refused:
        raise refused[0]
    emit(
        {part: dict(done) for part, done in counts.items()},
        as_json,
        lambda: _render(counts),
    )


def _render(counts: dict[str, Counter[str]]) -> None:
    for part, done in counts.items():
        click.echo(f"{part}: {counted(done) or 'nothing'}")
    click.echo("stopped; what was begun is ended")


def _once(wanted: Sequence[str], terms: bill.Terms, as_json: bool) -> None:
    with opened() as (app, tenant_id):
        done = once.do(once.Turn(app, tenant_id, terms), wanted, complain)

    def render() -> None:
        for part, counts in done.counts.items():
            click.echo(f"{part}: {counted(Counter(counts)) or 'nothing was to be done'}")
        for part, why in done.failed.items():
            click.echo(f"{part}: failed, {why}")

    emit(done._asdict(), as_json, render)
    if done.failed:
        sys.exit(_SOMEBODY_SHOULD_LOOK)


def _parts(
    here: Staying,
    counts: dict[str, Counter[str]],
    terms: bill.Terms,
    again: timedelta,
    rest: float | None,
) -> dict[str, Callable[[], None]]:
    def of(name: str, begin: Callable[[Counter[str]], rounds.Begin]) -> Callable[[], None]:
        return lambda: stay_at_work(here, f"work {name}", _told(here, name, counts[name], begin))

    return {
        "report": of("report", lambda some: rounds.reports(here, some, rest)),
        "bill": of("bill", lambda some: rounds.bills(here, some, terms, again=again, rest=rest)),
        "erp": of("erp", lambda some: rounds.handing_over(here, some, rest)),
        "collect": lambda: collecting.stay(
            here, counts["collect"], teller(here.say, "collect", counts["collect"])
        ),
        "message": of("message", lambda some: rounds.messages(here, some, rest)),
        "webhook": of("webhook", lambda some: rounds.webhooks(here, some, rest)),
    }


def _told(
    here: Staying, name: str, counts: Counter[str], begin: Callable[[Counter[str]], rounds.Begin]
) -> rounds.Begin:
    """The same rounds, and a line after each of them that did something."""

    def begun(tenant_id: int) -> Round:
        one_round, tell = begin(counts)(tenant_id), teller(here.say, name, counts)
        if name == "report":  # which tells each by its period
            if not reporting.is_configured(here.app, tenant_id):
                here.say("report: no configuration of sub-services holds; waiting for one")
            return one_round

        def told_round() -> float:
            try:
                return one_round()
            finally:
                tell()

        return told_round

    return begun


def _alone(here: Staying, part: Callable[[], None], refused: list[Refusal]) -> None:
    """Does one part; what it refuses at the start ends all of them."""
    try:
        part()
    except Refusal as refusal:
        refused.append(refusal)
        here.stop.set()
    except BaseException:
        refused.append(Unavailable("work.ended", "a part of the work ended"))
        here.stop.set()
        raise
