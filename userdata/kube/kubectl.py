"""Commands of kubectl's from a control plane, and what kubectl prints. Pure, but for who runs the commands."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from userdata.host.commands import Finished

CACHE_FOLDER = "/run/holdfast/kubectl"
"""What kubectl keeps of the API's description; a service has no home folder where it could."""

_OBJECT = re.compile(r"^\{", re.MULTILINE)


class RunKubectl(Protocol):
    """Runs a program for so many seconds at most, as `commands.run` does."""

    def __call__(self, command: Sequence[str], seconds: float, *, stdin: str = ...) -> Finished: ...


@dataclass(frozen=True)
class KubectlTarget:
    """What kubectl and kubeadm are run with on a control plane."""

    file: str
    """The kubeconfig: which API server is asked, and as whom (`Access.kubectl`)."""
    run: RunKubectl

    def kubectl(self, *arguments: str) -> tuple[str, ...]:
        """A command of kubectl's."""
        return ("kubectl", *arguments, *self.asking, "--cache-dir", CACHE_FOLDER)

    @property
    def asking(self) -> tuple[str, ...]:
        """The arguments by which either program finds its kubeconfig."""
        return ("--kubeconfig", self.file)


def printed(said: str) -> Mapping[str, Any] | None:
    """The object that kubectl printed as JSON, None where it printed none. Raises ValueError where it is cut off.

    What it says on its other output, warnings of the API server for example, may stand before and behind it.
    """
    begins = _OBJECT.search(said)
    if begins is None:
        return None
    found, _ = json.JSONDecoder().raw_decode(said, begins.start())
    return found  # type: ignore[no-any-return]
