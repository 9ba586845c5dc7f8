"""The cache of what was built: entries that are found by the content of what they are made of.

It is shared by all clones and safe for several runs at once. An entry is a folder `<name>-<key>` with `content/` and
`manifest.json`. It is made under a lock in a folder of another name, and renamed when everything in it is on disk; so
what has its name is complete, or was damaged later, which the manifest tells.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rehearsal.binaries import manifest
from rehearsal.binaries.failures import Missing

_MANIFEST = "manifest.json"
_CONTENT = "content"
_USED = "used"
_DRAFT = ".draft-"
_DAY_SECONDS = 24 * 3600

Report = Callable[[str], None]


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """$HOLDFAST_CACHE, or ~/.cache/holdfast."""
    return Path(environment.get("HOLDFAST_CACHE") or Path.home() / ".cache" / "holdfast").absolute()


def content_key(*parts: str | bytes) -> str:
    """A key that differs when any part does, or when text moves from one part to the next."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()[:16]


class Store:
    """The entries below one folder."""

    def __init__(self, root: Path, report: Report = print) -> None:
        self._root = root
        self._report = report
        self._damage: set[Path] = set()

    def find(self, name: str, key: str, *, thorough: bool = False) -> Path | None:
        """The content of an entry, or None when it is not there or was damaged, which is reported."""
        entry = self._entry(name, key)
        if not entry.is_dir():
            return None
        fault = _fault(entry, thorough=thorough)
        if fault is not None:
            if entry not in self._damage:
                self._report(f"{entry}: {fault}; it will be made again")
                self._damage.add(entry)
            return None
        # A cache that may only be read is still good.
        with contextlib.suppress(OSError):
            (entry / _USED).touch()
        return entry / _CONTENT

    def obtain(self, name: str, key: str, make: Callable[[Path], None], disk_gib: float = 0) -> Path:
        """The content of an entry; `make` fills an empty folder with it where it is not there yet.

        Another run that makes something is waited for. Raises what `make` raises, OSError, and Missing when fewer than
        `disk_gib` are free.
        """
        found = self.find(name, key)
        if found is not None:
            return found
        self._root.mkdir(parents=True, exist_ok=True)
        with self._locked():
            # Whoever had the lock before us may have made it.
            found = self.find(name, key)
            return found if found is not None else self._make(name, key, make, disk_gib)

    def damaged(self) -> Iterator[tuple[Path, str]]:
        """Every entry whose files are not as they were, with what is wrong; reads all files."""
        for entry in self._entries():
            fault = _fault(entry, thorough=True)
            if fault is not None:
                yield entry, fault

    def prune(self, unused_days: float) -> list[Path]:
        """Remove entries that no run used for so long, and return them."""
        if not self._root.is_dir():
            return []
        with self._locked():
            oldest = time.time() - unused_days * _DAY_SECONDS
            old = [entry for entry in self._entries() if _last_used(entry) < oldest]
            for entry in old:
                shutil.rmtree(entry)
        return old

    def _make(self, name: str, key: str, make: Callable[[Path], None], disk_gib: float) -> Path:
        self._remove_drafts()
        entry = self._entry(name, key)
        shutil.rmtree(entry, ignore_errors=True)
        free_gib = shutil.disk_usage(self._root).free / 1024**3
        if free_gib < disk_gib:
            raise Missing(f"{free_gib:.1f} GiB of disk are free at {self._root}; {name} needs {disk_gib:g} GiB")
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=self._root))
        try:
            draft.chmod(0o755)
            content = draft / _CONTENT
            content.mkdir()
            make(content)
            made = manifest.describe(content)
            (draft / _MANIFEST).write_text(json.dumps(made.as_json()), encoding="utf-8")
            (draft / _USED).touch()
            # A rename reaches the disk before the files' content does; after a power failure they would be empty.
            os.sync()
            draft.rename(entry)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return entry / _CONTENT

    def _entry(self, name: str, key: str) -> Path:
        return self._root / f"{name}-{key}"

    def _entries(self) -> list[Path]:
        if not self._root.is_dir():
            return []
        return sorted(path.parent for path in self._root.glob(f"*/{_MANIFEST}") if not path.parent.name.startswith("."))

    def _remove_drafts(self) -> None:
        """What a run left that was killed: whoever has the lock is the only one that drafts."""
        for draft in self._root.glob(f"{_DRAFT}*"):
            shutil.rmtree(draft)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        # The lock ends with the process, however that ends.
        with (self._root / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._report(f"waiting for another run that builds in {self._root}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _fault(entry: Path, *, thorough: bool) -> str | None:
    try:
        made = manifest.from_json(json.loads((entry / _MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return f"{_MANIFEST} cannot be read"
    return made.fault(entry / _CONTENT, thorough=thorough)


def _last_used(entry: Path) -> float:
    return max(path.stat().st_mtime for path in (entry, entry / _USED) if path.exists())


def to_stderr(line: str) -> None:
    """Report a line where it does not mix with results."""
    print(line, file=sys.stderr, flush=True)
