"""Pages printed, out of a CSV file with a line for each job; 100 are included every month."""

import csv
import sys
from datetime import datetime
from pathlib import Path

from everycent.subservices.kit import Event, Included, Resource, Service, serve

OPENED = datetime.fromisoformat("2026-01-01T00:00:00Z")


def jobs():
    return csv.DictReader(Path(sys.argv[1]).read_text("utf-8").splitlines())


def resources(_):
    owners = {job["printer"]: job["customer"] for job in jobs()}
    return [Resource(key, owner, "printer", key, OPENED) for key, owner in owners.items()]


def events(_):
    for job in jobs():
        at = datetime.fromisoformat(job["at"])
        yield Event(job["job"], at, job["printer"], "pages", job["pages"])


free = {"pages": Included(100, "month")}
serve(Service("printing", "key", {"pages": "page"}, resources, events, free), port=int(sys.argv[2]))
