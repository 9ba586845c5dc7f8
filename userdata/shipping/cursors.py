"""Where each log goes on after a restart: one file, which is replaced as a whole."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from userdata.host.files import private, write
from userdata.shipping.source import Cursor

CURSOR_FILE = "/var/lib/holdfast/logs/cursors.json"


class Cursors:
    """The cursors of all logs below `root`. `keep` only remembers: to store each would be a flush of the disk for every
    chunk, beside etcd's own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._kept: dict[str, Cursor] = {}
        self._is_stored = True

    def load(self) -> None:
        """Read what was stored. Raises OSError, and ValueError where the file is none; then all begin anew."""
        try:
            text = (self._root / CURSOR_FILE.lstrip("/")).read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        found: Any = json.loads(text)
        if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
            raise ValueError(f"{CURSOR_FILE} is no object of objects")
        self._kept = found

    def of(self, name: str) -> Cursor:
        """Where the log goes on; empty where it was never read."""
        with self._lock:
            return self._kept.get(name, {})

    def keep(self, name: str, cursor: Cursor) -> None:
        """Remember where the log goes on."""
        with self._lock:
            self._kept[name] = cursor
            self._is_stored = False

    def store(self) -> None:
        """Store what has changed. Raises OSError, and stores it the next time."""
        with self._lock:
            if self._is_stored:
                return
            text = json.dumps(self._kept)
            self._is_stored = True
        try:
            write(self._root, {CURSOR_FILE: private(text)})
        except OSError:
            with self._lock:
                self._is_stored = False
            raise
