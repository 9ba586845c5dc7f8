"""Renders Cilium's chart anew, in development: `python -m rehearsal.binaries.charts`, which is `make addons`.

The chart is a folder of Cilium's Go module, and Helm is built from its own: Go checks that both are what was published,
and here it is checked that they are what was rendered before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from imagebuilder import versions
from imagebuilder.addons import cilium
from imagebuilder.addons.manifests import RENDERED, Document, listed, text
from imagebuilder.versions import Versions

HELM = "v4.3.1"
_CHART_SUMS = {"v1.20.2": "h1:dqiEGIcXc+gqCLYG/l7VCFJ8GHyb4HUrwbZOpkX5dL8="}
"""What go.sum would say of the module, by its version."""
_CACHE = Path(__file__).parents[2] / ".cache"
_GO = {"GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"}


class NotRendered(Exception):
    """The chart cannot be rendered here; the message is one line that says why."""


def rendered(found: Versions, helm: Path, chart: Path) -> Document:
    """Cilium's manifests. Raises NotRendered.

    The objects keep Helm's order, by which a namespace comes before what is in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        values = Path(folder, "values.json")
        values.write_text(json.dumps(cilium.VALUES), encoding="utf-8")
        said = _run(
            [
                *(str(helm), "template", "cilium", str(chart), "--namespace", "kube-system"),
                *("--values", str(values), "--kube-version", found.newest.version),
            ]
        )
    try:
        return listed(*cilium.narrowed([each for each in yaml.safe_load_all(said) if each is not None]))
    except LookupError as error:
        raise NotRendered(str(error)) from error


def chart(version: str) -> Path:
    """The chart's folder in the cache of Go modules, fetched if need be. Raises NotRendered."""
    expected = _CHART_SUMS.get(version)
    if expected is None:
        raise NotRendered(f"no checksum of Cilium {version} is known: add it to {Path(__file__).name}")
    with tempfile.TemporaryDirectory() as outside:
        said = _run(["go", "mod", "download", "-json", f"github.com/cilium/cilium@{version}"], Path(outside))
    module: dict[str, Any] = json.loads(said)
    if module.get("Sum") != expected:
        raise NotRendered(f"Cilium {version} has the checksum {module.get('Sum')} and not {expected}")
    return Path(module["Dir"], "install", "kubernetes", "cilium")


def helm_place() -> Path:
    """Where Helm is once it was built."""
    return _CACHE / f"helm-{HELM}" / "helm"


def helm() -> Path:
    """Helm, built if need be: that takes three minutes. Raises NotRendered."""
    place = helm_place()
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        _run(
            ["go", "install", "-trimpath", f"helm.sh/helm/v4/cmd/helm@{HELM}"], environment={"GOBIN": str(place.parent)}
        )
    return place


def main() -> int:
    """Write the rendered chart. 1 where it cannot be rendered."""
    found = versions.read()
    try:
        document = rendered(found, helm(), chart(found.cilium))
    except NotRendered as error:
        print(error, file=sys.stderr)
        return 1
    RENDERED.write_text(text(document), encoding="utf-8")
    return 0


def _run(command: Sequence[str], folder: Path | None = None, environment: dict[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **_GO, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise NotRendered(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise NotRendered(f"{' '.join(command[:3])}: {last[0]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
