"""Pages of the stand-ins: one look for all, and what each shows of its own."""

from __future__ import annotations

from importlib import resources

from jinja2 import DictLoader, Environment, StrictUndefined, Template
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response


def template(package: str, name: str) -> Template:
    """A page of a package, which fills the blocks of base.html."""
    texts = {
        file: resources.files(owner).joinpath(file).read_text("utf-8")
        for owner, file in (("everycent.standins", "base.html"), (package, name))
    }
    pages = Environment(autoescape=True, undefined=StrictUndefined, loader=DictLoader(texts))
    return pages.get_template(name)


def back(request: Request) -> Response:
    """Leads from something that was done on a page back to the page, wherever it is served from."""
    return RedirectResponse("../" * (request.url.path.count("/") - 1), 303)
