"""The file that makes a configuration of reports, and the config map that carries it into Kubernetes."""

from __future__ import annotations

from typing import Any

import yaml

from everycent.reports.config import Config, Item


def text_of(config: Config) -> str:
    """The file that makes a configuration; the same one, read again."""
    services = {
        service.name: {
            "url": service.url,
            "key": service.key,
            "deadline": _duration(service.deadline),
            "items": {item.item: _item_file(item) for item in service.items},
        }
        for service in config.services
    }
    told = {
        "schema": "everycent-reports/1",
        "name": config.name,
        "since": config.since.isoformat(),
        "every": config.every.value,
        "time_zone": config.time_zone,
        "after": _duration(config.after),
        "deadline": _duration(config.deadline),
        "services": services,
    }
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True)


def _duration(seconds: int) -> str:
    for letter, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


def _item_file(item: Item) -> dict[str, str]:
    told = {"unit": item.unit, "meter": item.meter, "to": item.to, "subject": item.subject.value}
    return told if item.places is None else told | {"round": str(item.places)}


def config_map(config: Config) -> str:
    """Every version is an object of its own that never changes: a deployment that names another one is
    rolled out, or back."""
    name = config.name.replace("_", "-").replace(".", "-")
    made: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"everycent-reports-{name}-{config.digest[:8]}",
            "labels": {"app.kubernetes.io/name": "everycent"},
        },
        "immutable": True,
        "data": {"reports.yaml": text_of(config)},
    }
    return yaml.safe_dump(made, sort_keys=False, allow_unicode=True)
