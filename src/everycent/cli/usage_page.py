"""Pages of records on the command line: the option that says where the next one begins."""

from __future__ import annotations

import click

page_option = click.option(
    "--page", help="Go on after this cursor, which the page before ended with."
)
