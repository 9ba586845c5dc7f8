"""The agent keeps the file of its API server to the issuers that are deployed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordination.outcomes import Known, Unknown
from tests.unit.userdata.kubeadm.examples import ISSUER
from userdata.agent import issuers
from userdata.config.settings import InvalidSettings
from userdata.kubeadm.api_server import files
from userdata.kubeadm.oidc import OidcIssuer
from userdata.kubeadm.places import AUTHENTICATION_FILE
from userdata.logs.lines import StageFailed

UNKNOWN = Unknown("GetParametersByPath: timed out")
INVALID = InvalidSettings(("/holdfast/0/oidc/1: url is missing", "/holdfast/0/oidc/2: url is missing"))


def file(root: Path) -> Path:
    return root / AUTHENTICATION_FILE.lstrip("/")


def deployed(root: Path, *issuer: OidcIssuer) -> str:
    return issuers.task(root, lambda: Known(issuer)).run()


def test_the_file_becomes_what_a_boot_would_have_written(tmp_path: Path) -> None:
    said = deployed(tmp_path, ISSUER)
    assert said == "the API server is told to take the tokens of https://idp.example.com"
    assert file(tmp_path).read_text() == files((), (), (ISSUER,))[AUTHENTICATION_FILE].content
    assert file(tmp_path).stat().st_mode & 0o777 == 0o644


def test_an_issuer_that_is_taken_away_is_in_the_file_no_more(tmp_path: Path) -> None:
    deployed(tmp_path, ISSUER)
    assert deployed(tmp_path) == "the API server is told to take the tokens of no issuer"
    assert "jwt" not in json.loads(file(tmp_path).read_text())


def test_a_file_that_is_right_is_not_touched(tmp_path: Path) -> None:
    deployed(tmp_path, ISSUER)
    before = file(tmp_path).stat()
    assert deployed(tmp_path, ISSUER) == ""
    assert file(tmp_path).stat() == before


@pytest.mark.parametrize(
    ("read", "reason"),
    [(UNKNOWN, UNKNOWN.reason), (INVALID, "; ".join(INVALID.problems))],
    ids=["unknown", "invalid"],
)
def test_what_is_not_known_changes_nothing(tmp_path: Path, read: Unknown | InvalidSettings, reason: str) -> None:
    deployed(tmp_path, ISSUER)
    before = file(tmp_path).read_text()
    with pytest.raises(StageFailed) as failed:
        issuers.task(tmp_path, lambda: read).run()
    assert str(failed.value) == reason
    assert file(tmp_path).read_text() == before


def test_each_agent_sees_to_its_own_node(tmp_path: Path) -> None:
    assert not issuers.task(tmp_path, lambda: Known(())).leader_only
