"""`python -m rehearsal.scenarios.keys write|read`: a client that puts numbered keys through the API, or lists them.

`write` puts one ConfigMap after the other until its standard input closes, and prints a line of JSON for each that the
API has acknowledged: `{"number": 7, "at": 1234.5}`, seconds of this computer's monotonic clock. What got no answer is
sent again under the same number, so a number that is refused because it exists has been stored by an earlier try.
`read` prints the numbers that are there, one a line.

It runs in a network of its own and starts in a tenth of a second, so it stands on the standard library alone.
"""

from __future__ import annotations

import argparse
import http.client
import json
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

NAMESPACE = "rehearsal-writes"
PREFIX = "number-"
EVERY_SECONDS = 0.05
"""Between two writes, and between a failed one and the next try."""
ANSWER_SECONDS = 2.0
"""How long one answer may take; an etcd that elects a leader needs about as much."""
_PAGE = 500


class Failed(Exception):
    """The API did not do what it was asked; the text says what came instead."""


class Api:
    """One connection that is kept and, when it fails, made anew: as a controller in a cluster does it."""

    def __init__(self, url: str, files: Path) -> None:
        """`files` is a folder with ca.crt, client.crt and client.key, PEM. Raises OSError."""
        self._address = (urlsplit(url).hostname or "", urlsplit(url).port or 443)
        self._trust = ssl.create_default_context(cafile=str(files / "ca.crt"))
        self._trust.load_cert_chain(files / "client.crt", files / "client.key")
        self._connection: http.client.HTTPSConnection | None = None

    def ask(self, method: str, path: str, body: Any = None, timeout: float = ANSWER_SECONDS) -> tuple[int, Any]:
        """Status and answer. Raises Failed where there is none."""
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(*self._address, timeout=timeout, context=self._trust)
        data = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            self._connection = None
            raise Failed(f"{type(error).__name__}: {error}") from error


def put(api: Api, number: int) -> None:
    """Store one number. Raises Failed where the API has not acknowledged it."""
    found = {"metadata": {"name": f"{PREFIX}{number:08}"}, "data": {"number": str(number)}}
    status, answer = api.ask("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps", found)
    if status not in (201, 409):
        raise Failed(f"{status}: {answer.get('message')}")


def numbers(api: Api) -> Iterator[int]:
    """The numbers that are there, each under its own name. Raises Failed."""
    after = ""
    while True:
        asked = urlencode({"limit": _PAGE, "continue": after})
        status, answer = api.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps?{asked}", timeout=30)
        if status != 200:
            raise Failed(f"{status}: {answer.get('message')}")
        for item in answer["items"]:
            name, data = item["metadata"]["name"], item.get("data", {})
            if name == f"{PREFIX}{int(data.get('number', -1)):08}":
                yield int(data["number"])
        after = answer["metadata"].get("continue", "")
        if not after:
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when it wrote, or read, to the end; 1 when it could not read."""
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal.scenarios.keys",
        description=__doc__,
        epilog="exit codes: 0 done, 1 it could not read, 2 bad input",
    )
    parser.add_argument("what", choices=("write", "read"), help="put keys until standard input closes, or list them")
    parser.add_argument("--url", required=True, help="the API by its balancer's name")
    parser.add_argument("--files", type=Path, required=True, help="a folder with ca.crt, client.crt and client.key")
    options = parser.parse_args(arguments)
    api = Api(options.url, options.files)
    if options.what == "write":
        stopping = threading.Event()
        threading.Thread(target=_until_closed, args=(stopping,), daemon=True).start()
        _write(api, stopping)
        return 0
    try:
        for number in numbers(api):
            print(number)
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


def _until_closed(stopping: threading.Event) -> None:
    sys.stdin.read()
    stopping.set()


def _write(api: Api, stopping: threading.Event) -> None:
    number = 0
    while not stopping.wait(EVERY_SECONDS):
        begun = time.monotonic()
        try:
            put(api, number)
        except Failed as failed:
            print(f"{begun:.3f} {number}: {failed}", file=sys.stderr, flush=True)
            continue
        print(json.dumps({"number": number, "at": time.monotonic()}), flush=True)
        number += 1


if __name__ == "__main__":
    sys.exit(main())
