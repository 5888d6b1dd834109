"""The fake provider as a real process, for tests: `with running_fake(tmp_path, mode="forgetful") as fake:`.

Everything that is asked of it goes past the product's own code, by plain HTTP to its admin API.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "sk_fake"
"""The key that the fake provider takes unless it is told another."""
WEBHOOK_SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cyBvZiBldmVyeWNlbnQ="
COMMAND = [str(Path(sys.executable).with_name("everycent")), "fake"]


class Fake:
    """A fake provider's process, its address and its admin API."""

    def __init__(self, folder: Path, options: list[str], *command: str) -> None:
        self.folder = folder
        self.port = 0
        self._options = options
        self._command = command or ("provider",)
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The id of its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts it with the data and, after the first time, the port it had."""
        command = [
            *COMMAND, *self._command, "--port", str(self.port), "--data", str(self.folder),
            "--json", *self._options,
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True, env=_environment()
        )
        assert self._process.stdout is not None
        told = self._process.stdout.readline()
        assert told, "the fake provider did not start"
        self.port = int(json.loads(told)["address"].rpartition(":")[2])

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def restart(self) -> None:
        """The same data at the same port, in a new process."""
        self.kill()
        self.start()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the admin API (or of any other path); the answer's JSON."""
        status, told = self.answered(method, path, body)
        assert status < 300, f"{method} {path}: {status} {told}"
        return told

    def answered(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The status and the JSON of one call; headers are named with underscores."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        text = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, text, {"Content-Type": "application/json"} | named)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        is_json = response.headers.get("content-type", "").startswith("application/json")
        return response.status, json.loads(content) if is_json else content

    def fault(self, name: str, *, times: int | None = 1, **told: Any) -> None:
        """Puts a fault: `where` (reference, payer, method, path), chance and seed, seconds, amount."""
        self.call("POST", "/admin/faults", {"fault": name, "times": times} | told)

    def clear(self) -> None:
        """Takes every fault away."""
        self.call("DELETE", "/admin/faults")

    def settings(self, **changed: Any) -> Any:
        """Switches settings; returns all of them."""
        return self.call("POST", "/admin/settings", changed)

    def customer(self, payer: str, currency: str, balance: int) -> None:
        """An account that is kept by the provider; `balance` in minor units."""
        self.call("PUT", f"/admin/customers/{payer}", {"currency": currency, "balance": balance})

    def ledger(self) -> Any:
        """Charges, refunds and disputes with their times, and how many requests each reference had."""
        return self.call("GET", "/admin/ledger")

    def summary(self) -> Any:
        """Sums per currency, references charged more than once, calls under way."""
        return self.call("GET", "/admin/summary")

    def charges(self, reference: str | None = None) -> list[Any]:
        """The charges in its ledger, oldest first, those of one reference if so asked."""
        return [c for c in self.ledger()["charges"] if reference in (None, c["reference"])]

    def captured(self, reference: str | None = None) -> list[Any]:
        """The charges that took money."""
        return [charge for charge in self.charges(reference) if charge["status"] == "captured"]


def _environment() -> dict[str, str]:
    """The surroundings of the tests, with the sources that they themselves are run from."""
    sources = str(Path(__file__).resolve().parents[2] / "src")
    return os.environ | {"PYTHONPATH": f"{sources}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


@contextmanager
def running_fake(
    folder: Path,
    *,
    mode: str = "idempotent",
    looks_up: bool = True,
    webhook: str | None = None,
    options: tuple[str, ...] = (),
) -> Iterator[Fake]:
    """A fake provider over the folder; whatever is left of it is ended."""
    told = ["--mode", mode, "--lookup" if looks_up else "--no-lookup", *options]
    if webhook is not None:
        told += ["--webhook", webhook, "--webhook-secret", WEBHOOK_SECRET]
    fake = Fake(folder, told)
    try:
        yield fake
    finally:
        fake.kill()


class Mailbox:
    """An HTTP server that takes webhooks and keeps them, as (headers, body) in the order of arrival.
    `status` is what it answers with."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where webhooks are to be posted."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/webhooks"

    def wait_for(
        self, wanted: Callable[[dict[str, str], bytes], bool], count: int = 1, seconds: int = 5
    ) -> list[tuple[dict[str, str], bytes]]:
        """The webhooks that are wanted, once there are so many of them or the time is up."""
        until = time.monotonic() + seconds
        while True:
            found = [one for one in list(self.taken) if wanted(*one)]
            if len(found) >= count or time.monotonic() > until:
                return found
            time.sleep(0.02)

    def about(self, reference: str, count: int = 1) -> list[tuple[dict[str, str], bytes]]:
        """The webhooks whose body names the reference."""
        return self.wait_for(lambda _, body: reference.encode() in body, count)

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        mailbox = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                mailbox.taken.append(
                    ({name.lower(): text for name, text in self.headers.items()}, body)
                )
                self.send_response(mailbox.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A place for webhooks to arrive at."""
    opened = Mailbox()
    try:
        yield opened
    finally:
        opened.close()
