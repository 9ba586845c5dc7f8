"""Keeps the API server to the issuers of tokens that the last deploy has named.

The API server looks at its file every minute and when it changes, so no slot has to be rolled, and an issuer that was
taken away is gone from every control plane within minutes. While one of the issuers in a changed file does not answer,
the API server goes on with what it has, and tries again (pkg/kubeapiserver/options/authentication.go of Kubernetes
1.36 and 1.37).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from coordination.outcomes import Known, Unknown
from userdata.agent.tasks import Task
from userdata.config.settings import InvalidSettings
from userdata.host.files import write
from userdata.kubeadm.api_server import authentication_file
from userdata.kubeadm.oidc import OidcIssuer
from userdata.kubeadm.places import AUTHENTICATION_FILE
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 60.0


def task(root: Path, read: Callable[[], Known[tuple[OidcIssuer, ...]] | InvalidSettings | Unknown]) -> Task:
    """Every agent's, for its own node, whose folders are below `root`. `read` asks for what was deployed."""

    def run() -> str:
        found = read()
        if not isinstance(found, Known):
            raise StageFailed(found.reason if isinstance(found, Unknown) else "; ".join(found.problems))
        wanted = authentication_file(found.value)
        if _written(root) == wanted.content:
            return ""
        write(root, {AUTHENTICATION_FILE: wanted})
        named = ", ".join(issuer.url for issuer in found.value) or "no issuer"
        return f"the API server is told to take the tokens of {named}"

    return Task("issuers", PERIOD_SECONDS, run, leader_only=False)


def _written(root: Path) -> str | None:
    try:
        return (root / AUTHENTICATION_FILE.lstrip("/")).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
