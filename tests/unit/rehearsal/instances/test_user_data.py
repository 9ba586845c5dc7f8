"""The stand-in for cloud-init asks a metadata service that is slow or fails again, as cloud-init does."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from rehearsal.machines import instance

PROGRAM = Path(instance.__file__).parent / "shim" / "usr" / "lib" / "cloud-init" / "user-data"
KNOWN = {"/api/token": b"token", "/meta-data/instance-id": b"i-1"}


class Metadata(BaseHTTPRequestHandler):
    """Answers what it knows, but fails the first time that it is asked for each."""

    asked: list[str]

    def do_GET(self) -> None:
        first = self.path not in self.asked
        self.asked.append(self.path)
        self.send_response(503 if first else 200 if self.path in KNOWN else 404)
        self.end_headers()
        self.wfile.write(KNOWN.get(self.path, b""))

    do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def program(asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The program beside a metadata service of its own."""
    loader = importlib.machinery.SourceFileLoader("user_data", str(PROGRAM))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    spec = importlib.util.spec_from_loader("user_data", loader)
    assert spec is not None
    loaded: Any = importlib.util.module_from_spec(spec)
    loader.exec_module(loaded)
    with HTTPServer(("127.0.0.1", 0), type("Asked", (Metadata,), {"asked": asked})) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        monkeypatch.setattr(loaded, "METADATA", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(loaded, "PAUSE_SECONDS", 0.01)
        monkeypatch.setattr(loaded, "STATE", tmp_path)
        yield loaded
        server.shutdown()
        thread.join()


def test_everything_is_asked_for_again(program: Any, asked: list[str], tmp_path: Path) -> None:
    assert program.main() == 0
    assert asked == [path for path in ("/api/token", "/meta-data/instance-id", "/user-data") for _ in range(2)]
    assert (tmp_path / "instances" / "i-1" / "sem" / "config_scripts_user").exists()


def test_what_never_answers_is_named(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "PATIENCE_SECONDS", -1)
    with pytest.raises(SystemExit, match="no answer of the metadata service within -1 s: api/token: HTTP Error 503"):
        program.main()
