"""Which region a command takes, and the line that it begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from deployment import cli, package, place
from deployment.aws import Account
from deployment.refusal import Refusal

FIRST, SECOND, PROFILE = "us-gov-west-1", "us-gov-east-1", "eu-west-1"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A profile with a region of its own, and none of the variables."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    config = tmp_path / "config"
    config.write_text(f"[default]\nregion = {PROFILE}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))


@pytest.mark.parametrize(
    ("option", "variables", "region"),
    [
        (None, {"AWS_REGION": FIRST}, FIRST),
        (None, {"AWS_DEFAULT_REGION": FIRST}, FIRST),
        (None, {"AWS_REGION": FIRST, "AWS_DEFAULT_REGION": FIRST}, FIRST),
        (None, {"AWS_REGION": "", "AWS_DEFAULT_REGION": FIRST}, FIRST),
        (SECOND, {"AWS_REGION": FIRST}, SECOND),
        (SECOND, {"AWS_REGION": FIRST, "AWS_DEFAULT_REGION": PROFILE}, SECOND),
        (None, {}, PROFILE),
    ],
)
def test_a_region_comes_from_the_option_then_from_either_variable_then_from_the_profile(
    option: str | None, variables: dict[str, str], region: str
) -> None:
    account = place.account(option, variables)
    assert account.region == region
    assert account.client("ec2").meta.region_name == region


def test_two_variables_that_disagree_are_refused_with_both() -> None:
    with pytest.raises(Refusal, match=f"AWS_REGION is {FIRST} and AWS_DEFAULT_REGION is {SECOND}: unset one"):
        place.account(None, {"AWS_REGION": FIRST, "AWS_DEFAULT_REGION": SECOND})


def test_no_region_at_all_is_refused_with_both_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(Refusal, match="Set AWS_REGION or AWS_DEFAULT_REGION, or give REGION="):
        place.account(None, {})


@mock_aws
def test_the_line_names_account_and_region_and_an_endpoint_that_is_not_of_aws() -> None:
    assert place.line(Account(FIRST), {}) == f"account 123456789012, region {FIRST}"
    told = place.line(Account(FIRST), {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000"})
    assert told == f"account 123456789012, region {FIRST}, at http://127.0.0.1:5000"


def test_an_account_that_nobody_tells_is_unknown_and_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    assert place.line(Account(FIRST), {}) == f"account unknown (Unable to locate credentials), region {FIRST}"


ENOUGH: dict[str, list[str]] = {
    "package": ["--bucket", "b"],
    "catalog": ["--bucket", "b"],
    "publish": ["--bucket", "b"],
    "purge": ["cluster", "--confirm", "no"],
}


WITHOUT_ACCOUNT = {"costs"}
"""What calls nobody."""


@mock_aws
@pytest.mark.parametrize("command", sorted(cli._COMMANDS.keys() - WITHOUT_ACCOUNT))
def test_every_command_begins_with_account_and_region(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_REGION", FIRST)
    monkeypatch.chdir(tmp_path)  # where nothing is that a command could act on
    cli.main([command, *ENOUGH.get(command, [])])
    assert capsys.readouterr().err.splitlines()[0] == f"account 123456789012, region {FIRST}"


@mock_aws
def test_the_aws_cli_is_told_the_region_that_a_variable_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", FIRST)
    told: list[Any] = []
    monkeypatch.setattr(package, "run", lambda account, template, target, output, **_: told.append(target.region))
    assert cli.main(["package", "--bucket", "b"]) == 0
    assert told == [FIRST]
