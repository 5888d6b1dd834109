"""everycent catalog show: what the catalogue holds, as a list or one thing in full."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from everycent.catalog import document, queries
from everycent.catalog.meter import Measure
from everycent.catalog.shown import as_data
from everycent.cli.common import emit, json_option, opened, print_lines, table
from everycent.flows import catalog_told, meter_told
from everycent.kernel.period import instant_text


@click.command()
@click.argument("kind", required=False, type=click.Choice(document.KINDS))
@click.argument("key", required=False)
@json_option
def show(kind: str | None, key: str | None, as_json: bool) -> None:
    """List what the catalogue holds, newest versions; with KIND and KEY show one thing in full."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        if kind is not None and key is not None:
            row = queries.get(tx, kind, key)
            told, data = catalog_told.lines(tx, row), as_data(row)
            if kind in ("meter", "plan"):
                data["told"] = catalog_told.named(told)
            emit(data, as_json, lambda: _print(row, told))
            return
        rows = queries.listed(tx, kind)
    emit(
        [as_data(row) for row in rows],
        as_json,
        lambda: table(
            ["kind", "key", ">version", "since", "~what"],
            [[r.kind, r.key, str(r.version), instant_text(r.at)[:10], _summary(r)] for r in rows],
        ),
    )


def _content(row: Any) -> Any:
    return msgspec.json.decode(row.content)


def _print(row: Any, told: meter_told.Lines) -> None:
    click.secho(
        f"{row.kind} {row.key}, version {row.version} since {instant_text(row.at)[:10]}", bold=True
    )
    print_lines(told)


def _summary(row: Any) -> str:
    """One thing in a few words."""
    content = _content(row)
    match row.kind:
        case "meter":
            return meter_told.summary(row.key, msgspec.json.decode(row.content, type=Measure))
        case "plan":
            count = len(content["items"])
            prices = f"{count} price{'' if count == 1 else 's'}"
            others = content.get("also", [])
            currencies = " or ".join([content["currency"], *(o["currency"] for o in others)])
            return f"{content['name']}: {currencies} per {content['interval']}, {prices}"
        case "product":
            return f"{content['name']}, tax {content['tax_category']}"
        case "feature":
            return f"{content['name']}: {content['kind']}"
        case "tax":
            return ", ".join(f"{r['percent']} % since {r['since']}" for r in content["rates"])
        case "bands" | "segments":
            named = dict.fromkeys(
                r["band" if row.kind == "bands" else "segment"] for r in content["rules"]
            )
            return ", ".join([*named, content["rest"]])
        case "intake":
            return f"records of {row.key}"
        case "coupon":
            off = f"{content['percent']} %" if "percent" in content else content["amount"]
            return f"{content['name']}: {off} {content.get('currency', '')}".rstrip() + " off"
        case "policies":
            return ", ".join(f"{name} {value}" for name, value in content["values"].items())
    return f"{sum(map(len, filter(lambda held: isinstance(held, list), content.values())))} days"
