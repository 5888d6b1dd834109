"""everycent work: everything that is to be done over and over, in one process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import click

from everycent.app import alarming, collecting, erps, providers, reporting, rounds
from everycent.app.settings import Settings, from_environment
from everycent.app.staying import Round, Staying, counted, stay_at_work, staying, teller
from everycent.cli.common import complain, emit, json_option
from everycent.flows import bill
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.errors import Refusal, Unavailable

PARTS = ("report", "bill", "erp", "collect", "message")


@click.command()
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(PARTS),
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
@json_option
def work(
    only: tuple[str, ...],
    zone: str,
    payment_days: int,
    again: int,
    rest: float | None,
    as_json: bool,
) -> None:
    """Do everything that is due, over and over, until stopped: build reports, bill, hand over to the ERP,
    charge, send messages. What is not set up is left out; what was done is told on stderr. Run it on as
    many machines as you like; each part can also be run by itself (`erp work`, `collect work` ...)."""
    known_zone(zone)
    found = from_environment()
    wanted = only or tuple(part for part in PARTS if _is_set_up(part, found))
    for part in wanted:
        _check(part, found)
    counts = {part: Counter[str]() for part in wanted}
    refused: list[Refusal] = []
    with staying(found, complain) as here:
        terms = bill.Terms(found.actor, zone, payment_days)
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


def _is_set_up(part: str, settings: Settings) -> bool:
    if part == "erp":
        return (settings.home / erps.FILE).exists()
    if part == "collect":
        return (settings.home / providers.FILE).exists()
    if part == "message":
        return bool(alarming.senders(settings))
    return (
        True  # what reports are pulled from stands in the database, and may hold from any moment on
    )


def _check(part: str, settings: Settings) -> None:
    """Says what is wrong with it before anything is waited for."""
    if part == "erp":
        erps.needed(settings)
    elif part == "collect":
        providers.needed(settings)


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
