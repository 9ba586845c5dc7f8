"""Programs that are taken from this computer, because building them needs more than Go: runc, and iptables.

iptables goes into the image of kube-proxy, with every library that it and its matches load.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rehearsal.binaries.failures import BuildFailed, Missing
from rehearsal.binaries.store import Store, content_key
from rehearsal.prerequisites import SYSTEM_PATH

# One program under many names. Not the nftables one: kube-proxy's rules and a rehearsal's firewall then share no table.
_IPTABLES = "xtables-legacy-multi"
_IPTABLES_NAMES = tuple(f"{tool}{action}" for tool in ("iptables", "ip6tables") for action in ("", "-save", "-restore"))
_MATCH_FOLDERS = ("/usr/lib/x86_64-linux-gnu/xtables", "/usr/lib/aarch64-linux-gnu/xtables", "/usr/lib64/xtables")


@dataclass(frozen=True)
class Borrowed:
    """Files of this computer that images hold."""

    runc: Path
    iptables: Path
    matches: tuple[Path, ...]

    def programs(self, store: Store) -> Path:
        """A folder with `runc`, and `iptables/` as kube-proxy's image has it below /. OSError, BuildFailed."""
        return store.obtain("borrowed", self.key(), self._copy)

    def key(self) -> str:
        """The key of that folder: what is borrowed, but for libraries, which every update of the system changes."""
        roots = (self.runc, self.iptables, *self.matches)
        return content_key(*(part for path in roots for part in (str(path), path.read_bytes())))

    def _copy(self, folder: Path) -> None:
        shutil.copy(self.runc, folder / "runc")
        for path, source in self._iptables_files().items():
            target = folder / "iptables" / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)

    def _iptables_files(self) -> Mapping[str, Path]:
        files = {f"/usr/sbin/{name}": self.iptables for name in _IPTABLES_NAMES}
        # The matches need libraries that the program itself does not: without libm there is no `statistic`.
        files |= {str(path): path for path in self.matches}
        return files | libraries(self.iptables, *self.matches)


def find() -> Borrowed:
    """What this computer has. Missing when a program is not installed."""
    matches = [path for folder in _MATCH_FOLDERS for path in sorted(Path(folder).glob("*.so"))]
    if not matches:
        raise Missing(f"there are no matches of iptables in any of {', '.join(_MATCH_FOLDERS)}: install iptables")
    return Borrowed(_program("runc", "runc"), _program(_IPTABLES, "iptables"), tuple(matches))


def _program(name: str, package: str) -> Path:
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise Missing(f"there is no {name}: install {package}")
    return Path(found).resolve()


def libraries(*files: Path) -> dict[str, Path]:
    """The shared libraries that files load, and the loader itself: where a loader without a cache finds them -> here.

    BuildFailed.
    """
    done = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"ldd: {done.stderr.strip()}")
    found = re.findall(r"^\t(?:\S+ => )?(/\S+) \(0x", done.stdout, re.MULTILINE)
    # A library that a program finds beside itself stands where libc does, in a folder that is searched without a cache.
    usual = Path(next(path for path in found if "/libc.so." in path)).parent
    return {str(usual / Path(path).name) if "/../" in path else path: Path(os.path.normpath(path)) for path in found}
