"""ECR's API: repositories, and tokens that are their holder's."""

from __future__ import annotations

import base64
import io
import itertools
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.ecr import archive
from rehearsal.aws.ecr.api import ecr_of
from rehearsal.aws.ecr.model import ImageManifest
from rehearsal.aws.server import LocalAws
from rehearsal.binaries.archive import ContainerImage, write
from tests.rehearsal.iam_actors import act, allow

_NUMBERS = itertools.count()


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


@pytest.fixture
def name(aws: LocalAws) -> str:
    """The name of a new repository."""
    made = f"team/app-{next(_NUMBERS)}"
    aws.client("ecr").create_repository(repositoryName=made)
    return made


def test_a_repository_is_described_with_the_name_of_its_registry(aws: LocalAws, name: str) -> None:
    (found,) = aws.client("ecr").describe_repositories(repositoryNames=[name])["repositories"]
    assert found["repositoryUri"] == f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{name}"
    assert found["repositoryArn"] == f"arn:aws:ecr:us-east-1:123456789012:repository/{name}"
    everywhere = aws.client("ecr", "eu-west-1").describe_repositories()["repositories"]
    assert name not in [each["repositoryName"] for each in everywhere]


def test_the_host_of_a_registry_ends_as_the_hosts_of_its_partition_do(aws: LocalAws) -> None:
    made = aws.client("ecr", "cn-north-1").create_repository(repositoryName="one")["repository"]
    assert made["repositoryUri"] == "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/one"


def test_pages_of_repositories_follow_each_other(aws: LocalAws, name: str) -> None:
    aws.client("ecr").create_repository(repositoryName=f"{name}-two")
    pages = aws.client("ecr").get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 1})
    found = [each["repositoryName"] for page in pages for each in page["repositories"]]
    assert {name, f"{name}-two"} <= set(found)
    assert found == sorted(set(found))


def test_what_cannot_be_is_refused_with_the_services_errors(aws: LocalAws, name: str) -> None:
    ecr = aws.client("ecr")
    assert refusal(lambda: ecr.create_repository(repositoryName=name)) == (
        "RepositoryAlreadyExistsException",
        f"The repository with name '{name}' already exists in the registry with id '123456789012'",
    )
    code, _ = refusal(lambda: ecr.create_repository(repositoryName="Team"))
    assert code == "InvalidParameterException"
    assert refusal(lambda: ecr.describe_repositories(repositoryNames=["none"])) == (
        "RepositoryNotFoundException",
        "The repository with name 'none' does not exist in the registry with id '123456789012'",
    )


def test_what_is_not_played_is_refused_by_name(aws: LocalAws) -> None:
    ecr = aws.client("ecr")
    scan = {"scanOnPush": True}
    _, said = refusal(lambda: ecr.create_repository(repositoryName="new", imageScanningConfiguration=scan))
    assert said == "imageScanningConfiguration of a repository is not supported by the local AWS"
    _, said = refusal(lambda: ecr.get_authorization_token(registryIds=["210987654321"]))
    assert "210987654321" in said


def test_a_repository_that_is_deleted_is_gone(aws: LocalAws, name: str) -> None:
    aws.client("ecr").delete_repository(repositoryName=name)
    code, _ = refusal(lambda: aws.client("ecr").delete_repository(repositoryName=name))
    assert code == "RepositoryNotFoundException"


def test_a_token_is_a_password_for_twelve_hours(aws: LocalAws) -> None:
    before = aws.clock.now()
    (given,) = aws.client("ecr").get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(given["authorizationToken"]).decode().partition(":")
    assert user == "AWS"
    assert abs(given["expiresAt"] - before - timedelta(hours=12)) < timedelta(minutes=1)
    assert given["proxyEndpoint"] == "https://123456789012.dkr.ecr.us-east-1.amazonaws.com"
    assert ecr_of(aws).in_region("us-east-1").tokens[password].holder is None


def test_each_token_is_of_whoever_asked_for_it(aws: LocalAws) -> None:
    actors = [act(aws, allow("ecr:GetAuthorizationToken")) for _ in range(2)]
    for actor in actors:
        (given,) = actor.client("ecr").get_authorization_token()["authorizationData"]
        password = base64.b64decode(given["authorizationToken"]).decode().partition(":")[2]
        assert ecr_of(aws).in_region("us-east-1").tokens[password].holder == actor.session


def test_without_the_grant_there_is_no_token(aws: LocalAws) -> None:
    code, said = refusal(act(aws).client("ecr").get_authorization_token)
    assert code == "AccessDeniedException"
    assert "is not authorized to perform: ecr:GetAuthorizationToken on resource: *" in said


def test_what_is_no_image_is_not_pushed(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("x", encoding="utf-8")
    whole = tmp_path / "whole.tar"
    write(whole, [ContainerImage("name", {"/program": program})], "amd64")
    digest = archive.read(whole).manifest.digest.removeprefix("sha256:")
    changes: dict[str, dict[str, bytes | None]] = {
        "empty": {"index.json": None},
        "damaged": {f"blobs/sha256/{digest}": b"{}"},
    }
    for name, changed in changes.items():
        copy = tmp_path / f"{name}.tar"
        with tarfile.open(whole) as source, tarfile.open(copy, "w") as target:
            for member in source.getmembers():
                held = source.extractfile(member)
                assert held is not None
                content = changed.get(member.name, held.read())
                if content is not None:
                    member.size = len(content)
                    target.addfile(member, io.BytesIO(content))
        with pytest.raises(archive.BadArchive, match=f"{name}.tar: no image in the OCI image layout: "):
            archive.read(copy)


def test_nothing_is_pushed_into_a_repository_that_does_not_exist(aws: LocalAws) -> None:
    pushed = archive.Pushed(ImageManifest("sha256:0", "type", b""), {})
    with pytest.raises(LookupError, match="'none' does not exist in the registry with id '123456789012'"):
        ecr_of(aws).push("us-east-1", "none", "v1", pushed)
