"""everycent fake: providers, an ERP, mail, people and sub-services that only pretend, to try with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click

from everycent.cli.common import json_option
from everycent.cli.subservices import subservice
from everycent.fakes import erp as fake_erp
from everycent.fakes import identity as fake_identity
from everycent.fakes import mail as fake_mail
from everycent.fakes import provider as fake_provider
from everycent.fakes import receiver as fake_receiver
from everycent.fakes import stripe as fake_stripe
from everycent.fakes.erp_service import MODES as ERP_MODES
from everycent.fakes.erp_service import ErpSettings, delay_of
from everycent.fakes.identity_service import ALGORITHMS, MANNERS, Identity
from everycent.fakes.service import MODES, Settings
from everycent.fakes.webhooks import Manner
from everycent.standins import serving


@click.group()
def fake() -> None:
    """Stand-ins to try and test with: real servers, pretended money and mail."""


@fake.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=8710,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any that is free.",
)
@click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of its ledger.",
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="idempotent",
    show_default=True,
    help="Whether it remembers requests, or charges each one that comes.",
)
@click.option("--window", default=86_400, show_default=True, help="Seconds for which it remembers.")
@click.option(
    "--lookup/--no-lookup", default=True, help="Whether it can be asked what became of one."
)
@click.option("--strict", is_flag=True, help="Refuse customers that were not put in.")
@click.option(
    "--key", default=Settings().key, show_default=True, help="The key that is to be sent."
)
@click.option("--fee", default=0, show_default=True, help="What it keeps, in basis points.")
@click.option(
    "--latency", default=0, show_default=True, help="Milliseconds before it does anything."
)
@click.option("--webhook", metavar="URL", help="Where to tell what happens.")
@click.option("--webhook-secret", default="", help="What to sign it with: whsec_ and base64.")
@json_option
def provider(
    host: str,
    port: int,
    data: Path,
    mode: str,
    window: int,
    lookup: bool,
    strict: bool,
    key: str,
    fee: int,
    latency: int,
    webhook: str | None,
    webhook_secret: str,
    as_json: bool,
) -> None:
    """A payment provider with a ledger on disk, an admin API and a page to watch it.

    Every way in which a provider can fail can be switched on while it runs: docs/fake-provider.md.
    """
    settings = Settings(
        mode, lookup, latency, window, strict, fee, key, Manner(webhook, webhook_secret)
    )
    app = fake_provider.make_app(data, settings)
    serving.serve(app, host, port, teller(as_json))


@fake.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=8711,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any that is free.",
)
@click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of its ledger.",
)
@click.option(
    "--key", default="sk_test_fake", show_default=True, help="The key that is to be sent."
)
@click.option("--window", default=86_400, show_default=True, help="Seconds that keys are kept for.")
@click.option(
    "--latency", default=0, show_default=True, help="Milliseconds before it does anything."
)
@click.option("--webhook", metavar="URL", help="Where to tell what happens.")
@click.option("--webhook-secret", default="", help="What to sign it with: whsec_ and base64.")
@json_option
def stripe(
    host: str,
    port: int,
    data: Path,
    key: str,
    window: int,
    latency: int,
    webhook: str | None,
    webhook_secret: str,
    as_json: bool,
) -> None:
    """As much of Stripe's API as off-session charges need, with the same faults and admin API.

    Payment methods are those of Stripe's test mode, such as pm_card_visa: docs/stripe.md.
    """
    manner = Manner(webhook, webhook_secret)
    settings = Settings(key=key, window=window, latency=latency, webhook=manner)
    serving.serve(fake_stripe.make_app(data, settings), host, port, teller(as_json))


@fake.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=8712,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any that is free.",
)
@click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder in which mails are kept.",
)
@json_option
def mail(host: str, port: int, data: Path, as_json: bool) -> None:
    """A mail server that keeps every mail as a file: docs/dunning.md."""
    fake_mail.serve(data, host, port, teller(as_json))


@fake.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=8713,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any that is free.",
)
@click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of its books.",
)
@click.option(
    "--key", default=ErpSettings().key, show_default=True, help="The key that is to be sent."
)
@click.option(
    "--mode",
    type=click.Choice(ERP_MODES),
    default="now",
    show_default=True,
    help="Whether documents get their bill at once, or some time later.",
)
@click.option("--delay", default="5", show_default=True, help="Seconds until then, in mode later.")
@json_option
def erp(host: str, port: int, data: Path, key: str, mode: str, delay: str, as_json: bool) -> None:
    """An ERP that takes batches of documents, with books on disk, an admin API and a page to watch it.

    Every way in which an ERP can fail or lie can be switched on while it runs: docs/fake-erp.md.
    """
    settings = ErpSettings(mode, delay_of(delay), key)
    serving.serve(fake_erp.make_app(data, settings), host, port, teller(as_json))


@fake.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=8714,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any that is free.",
)
@click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder in which webhooks are kept.",
)
@click.option("--secret", "secrets", multiple=True, help="What signs webhooks; can be given again.")
@click.option(
    "--tolerance", default=300, show_default=True, help="Seconds a webhook may be old; 0: any."
)
@click.option(
    "--certificate",
    nargs=2,
    type=click.Path(exists=True, dir_okay=False),
    help="Files of a certificate and its key, to speak TLS.",
)
@json_option
def receiver(
    host: str,
    port: int,
    data: Path,
    secrets: tuple[str, ...],
    tolerance: int,
    certificate: tuple[str, str] | None,
    as_json: bool,
) -> None:
    """Somebody who takes webhooks at /hooks/NAME, checks their signatures, and fails as told.

    What came, and what a receiver could object to, is told by its admin API: docs/webhooks.md.
    """
    app = fake_receiver.make_app(data, fake_receiver.Settings(secrets, tolerance))
    serving.serve(app, host, port, teller(as_json), certificate=certificate)


@fake.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=8730,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any that is free.",
)
@click.option(
    "--client-id", default="everycent", show_default=True, help="Whom its tokens are for."
)
@click.option(
    "--algorithm",
    type=click.Choice(ALGORITHMS),
    default="RS256",
    show_default=True,
    help="How its tokens are signed.",
)
@click.option(
    "--manner",
    type=click.Choice(MANNERS),
    default="standard",
    show_default=True,
    help="Whether its access tokens are like those of Amazon Cognito.",
)
@json_option
def identity(
    host: str, port: int, client_id: str, algorithm: str, manner: str, as_json: bool
) -> None:
    """An identity provider (OpenID Connect) without passwords: one chooses who one is.

    Its keys rotate, and its tokens and answers can be wrong in every way that matters: docs/access.md. What
    it knows is gone when it ends.
    """
    service = Identity(client_id, algorithm, manner)
    serving.serve(fake_identity.make_app(service), host, port, teller(as_json))


def teller(as_json: bool) -> Callable[[str], None]:
    """What tells the address once a server listens."""

    def tell(address: str) -> None:
        click.echo(json.dumps({"address": address}) if as_json else f"listening on {address}")

    return tell


fake.add_command(subservice)
