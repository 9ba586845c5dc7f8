"""What was packaged is a value that names what S3 holds, and the file is written last.

The AWS CLI is a fake here, for the tests decide how it fails; tests/integration packages with the real one.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError, NoCredentialsError

from deployment import digests, identity, package
from deployment.aws import Account
from deployment.package import Target
from deployment.packaged_tree import PackagedTemplate
from deployment.refusal import Refusal
from tests.unit.deployment.conftest import REGION

BUCKET, PREFIX = "uploads", "v1"
TARGET = Target(BUCKET, PREFIX)
CODE = b"PK any zip"
LAYER = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Resources": {
        "Reconcile": {"Type": "AWS::Lambda::Function", "Properties": {"Code": "../build/code.zip", "Timeout": 60}},
        "Inline": {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ZipFile": "pass"}}},
        "Topic": {"Type": "AWS::SNS::Topic"},
    },
}
ROOT = {
    "Resources": {
        "Layer": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "./layer.json"}},
        "Elsewhere": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": "https://example.com/a.json"},
        },
        "Text": {"Type": "AWS::SSM::Parameter", "Properties": {"Value": "2020-01-01 ☸"}},
    }
}


@dataclass
class Packager:
    """The AWS CLI: uploads what the two templates refer to, and writes the root that refers to the uploads."""

    account: Account
    bucket: str = BUCKET
    change: Callable[[dict[str, Any], dict[str, Any]], None] = lambda layer, root: None
    upload: bool = True

    def __call__(self, arguments: Sequence[str]) -> None:
        words = [each for each in arguments[2:] if each != "--use-json"]
        options = dict(zip(words[::2], words[1::2], strict=True))
        source = Path(options["--template-file"])
        root = json.loads((source.parent / "root.json").read_text())
        layer = json.loads((source.parent / "layer.json").read_text())
        self.change(layer, root)
        code = self._put((source.parent / "../build/code.zip").read_bytes(), "")
        layer["Resources"]["Reconcile"]["Properties"]["Code"] = {"S3Bucket": self.bucket, "S3Key": code}
        nested = self._put(yaml.safe_dump(layer, sort_keys=False).encode(), ".template")
        url = f"https://s3.{REGION}.amazonaws.com/{self.bucket}/{nested}"
        root["Resources"]["Layer"]["Properties"]["TemplateURL"] = url
        written = {"root.json": root, "layer.json": layer}[source.name]
        Path(options["--output-template-file"]).write_text(json.dumps(written, indent=4, ensure_ascii=False))

    def _put(self, content: bytes, ending: str) -> str:
        key = f"{PREFIX}/{hashlib.md5(content).hexdigest()}{ending}"
        s3 = self.account.client("s3")
        held = [each["Key"] for each in s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]
        # As the AWS CLI does it: what is there by its name is not uploaded again.
        if self.upload and key not in held:
            s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return key


@pytest.fixture
def template(tmp_path: Path, account: Account) -> Path:
    """The root template of a small tree, and a bucket for it."""
    for bucket in (BUCKET, "other"):
        account.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for name, content in (("root", ROOT), ("layer", LAYER)):
        (tmp_path / "templates").mkdir(exist_ok=True)
        (tmp_path / "templates" / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "code.zip").write_bytes(CODE)
    return tmp_path / "templates" / "root.json"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where an earlier command has written."""
    file = tmp_path / "build" / "packaged.json"
    file.write_text("earlier")
    return file


def forgotten(output: Path) -> bool:
    """Whether the earlier file is gone, with nothing in its place: no deploy may take it for the new one."""
    return {each.name for each in output.parent.iterdir()} <= {"code.zip"}


def packaged(account: Account, template: Path, **options: Any) -> PackagedTemplate:
    return package.package(account, template, TARGET, Packager(account, **options))


def test_the_value_names_every_upload_by_what_s3_holds(account: Account, template: Path) -> None:
    layer = packaged(account, template).nested["Layer"]
    code = layer.template.code["Reconcile"]
    uploads = list(packaged(account, template).uploads())
    assert uploads == [code, layer.upload]
    assert [each.path.resolve() for each in uploads] == [
        template.parent.parent / "build" / "code.zip",
        template.parent / "layer.json",
    ]
    for each in uploads:
        held = account.client("s3").get_object(Bucket=each.bucket, Key=each.key)["Body"].read()
        assert (each.size_bytes, each.sha256) == (len(held), hashlib.sha256(held).hexdigest())
        assert each.url.endswith(f"/{BUCKET}/{each.key}")
        assert each.url.startswith("https://s3.")


def test_each_template_of_the_value_refers_to_uploads_and_is_otherwise_as_it_was(
    account: Account, template: Path
) -> None:
    root = packaged(account, template)
    layer = root.nested["Layer"]
    assert root.nested.keys() == {"Layer"}
    assert root.body["Resources"]["Layer"]["Properties"]["TemplateURL"] == layer.upload.url
    assert root.body["Resources"]["Text"] == ROOT["Resources"]["Text"]
    assert yaml.safe_load(layer.template.text) == layer.template.body
    code = layer.template.code["Reconcile"]
    where = {"S3Bucket": BUCKET, "S3Key": code.key}
    assert layer.template.body["Resources"]["Reconcile"]["Properties"] == {"Code": where, "Timeout": 60}
    assert layer.template.code.keys() == {"Reconcile"}


def test_the_file_is_the_root_as_the_cli_wrote_it(
    account: Account, template: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = package.run(account, template, TARGET, output, Packager(account))
    assert output.read_text(encoding="utf-8") == root.text == json.dumps(root.body, indent=4, ensure_ascii=False)
    assert capsys.readouterr().out == (
        f"{output} refers to uploads in s3://{BUCKET}/{PREFIX}\n"
        f"{BUCKET} keeps no versions: turn them on, and no upload can be changed while it is read\n"
        "next: make deploy STACK=NAME_OF_STACK PARAMS=PARAMETERS.json\n"
    )
    assert {each.name for each in output.parent.iterdir()} == {"packaged.json", "packaged.digests.json", "code.zip"}


def test_a_bucket_that_keeps_versions_has_each_reference_name_one(account: Account, template: Path) -> None:
    s3 = account.client("s3")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    root = packaged(account, template)
    layer = root.nested["Layer"]
    code = layer.template.code["Reconcile"]
    assert code.version
    assert layer.template.body["Resources"]["Reconcile"]["Properties"]["Code"]["S3ObjectVersion"] == code.version
    assert root.body["Resources"]["Layer"]["Properties"]["TemplateURL"] == layer.upload.url
    assert layer.upload.url.endswith(f"{layer.upload.key}?versionId={layer.upload.version}")
    held = s3.get_object(Bucket=BUCKET, Key=layer.upload.key, VersionId=layer.upload.version)["Body"].read()
    assert json.loads(held) == layer.template.body
    # The same again is the same: nothing is uploaded twice, so that nothing changes in the stack.
    assert packaged(account, template).text == root.text


def test_digests_name_every_upload(account: Account, template: Path) -> None:
    root = packaged(account, template)
    layer = root.nested["Layer"]
    found = digests.of_tree(root)
    assert found.templates == {layer.upload.url: digests.meaning(json.dumps(layer.template.body))}
    code = layer.template.code["Reconcile"]
    assert found.code == {f"{BUCKET}/{code.key}": hashlib.sha256(CODE).hexdigest()}


def test_options_reach_the_cli(account: Account, template: Path) -> None:
    commands: list[Sequence[str]] = []

    def cli(arguments: Sequence[str]) -> None:
        commands.append(arguments)
        Packager(account)(arguments)

    package.package(account, template, Target(BUCKET, PREFIX, "alias/key", REGION), cli)
    assert [Path(command[command.index("--template-file") + 1]).name for command in commands] == [
        "root.json",
        "layer.json",
    ]
    for command in commands:
        assert [*command[:2]] == ["cloudformation", "package"]
        for option, value in (("--s3-prefix", PREFIX), ("--kms-key-id", "alias/key"), ("--region", REGION)):
            assert command[command.index(option) + 1] == value


def test_a_cli_that_fails_leaves_no_earlier_file(account: Account, template: Path, output: Path) -> None:
    def fail(arguments: Sequence[str]) -> None:
        Path(arguments[arguments.index("--output-template-file") + 1]).write_text('{"Resou')
        raise Refusal("aws cloudformation package failed: no bucket")

    with pytest.raises(Refusal, match="no bucket"):
        package.run(account, template, TARGET, output, fail)
    assert forgotten(output)


def test_a_cli_that_writes_half_a_template_leaves_no_earlier_file(
    account: Account, template: Path, output: Path
) -> None:
    def stop(arguments: Sequence[str]) -> None:
        Path(arguments[arguments.index("--output-template-file") + 1]).write_text('{"Resou')

    with pytest.raises(Refusal):
        package.run(account, template, TARGET, output, stop)
    assert forgotten(output)


def test_an_upload_that_s3_does_not_hold_is_an_error(account: Account, template: Path, output: Path) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        package.run(account, template, TARGET, output, Packager(account, upload=False))
    assert forgotten(output)


def test_an_upload_to_another_bucket_is_refused(account: Account, template: Path, output: Path) -> None:
    with pytest.raises(Refusal, match=r"layer\.json was uploaded to the bucket other, and uploads was asked for"):
        package.run(account, template, TARGET, output, Packager(account, bucket="other"))
    assert forgotten(output)


@pytest.mark.parametrize("which", ["layer", "root"])
def test_a_template_that_became_another_one_is_refused(
    account: Account, template: Path, output: Path, which: str
) -> None:
    def change(layer: dict[str, Any], root: dict[str, Any]) -> None:
        {"layer": layer, "root": root}[which]["Resources"]["More"] = {"Type": "AWS::SNS::Topic"}

    with pytest.raises(Refusal, match=rf"{which}\.json was packaged to something else"):
        package.run(account, template, TARGET, output, Packager(account, change=change))
    assert forgotten(output)


def test_a_file_that_cannot_be_written_is_named(account: Account, template: Path, output: Path) -> None:
    with pytest.raises(Refusal, match=r"packaged\.json/more\.digests: "):
        package.run(account, template, TARGET, output / "more", Packager(account))
    assert output.read_text() == "earlier"


def test_a_disk_that_is_full_leaves_no_earlier_file(
    account: Account, template: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(Refusal, match=r"packaged\.digests\.json: No space left on device"):
        package.run(account, template, TARGET, output, Packager(account))
    assert forgotten(output)


def test_a_missing_cli_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "awscli", None)
    with pytest.raises(Refusal, match="the AWS CLI is not installed"):
        package.aws_cli(["cloudformation", "package"])


def test_what_the_cli_said_is_in_the_refusal_and_the_path_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "aws"
    other.write_text("#!/bin/sh\nexit 0\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refusal, match=r"^aws cloudformation package failed: .*--template-file") as refused:
        package.aws_cli(["cloudformation", "package"])
    assert "\n" not in str(refused.value)


def test_code_is_taken_from_the_folder_that_was_named_wherever_the_templates_are(
    account: Account, template: Path, tmp_path: Path
) -> None:
    deeper = tmp_path / "any" / "where" / "else"
    deeper.parent.mkdir(parents=True)
    template.parent.rename(deeper)
    with pytest.raises(FileNotFoundError):
        package.package(account, deeper / "root.json", TARGET, Packager(account))
    found = package.package(account, deeper / "root.json", TARGET, Packager(account), code=tmp_path / "build")
    code = found.nested["Layer"].template.code["Reconcile"]
    assert code.sha256 == hashlib.sha256(CODE).hexdigest()
    with pytest.raises(Refusal, match=r"no-such: No such file or directory"):
        package.package(account, deeper / "root.json", TARGET, Packager(account), code=tmp_path / "no-such")


def test_the_root_says_at_which_commit_it_was_packaged_and_nothing_else_changes(
    account: Account, template: Path
) -> None:
    ours = ROOT | {"Metadata": {"Holdfast": {"Cluster": "one"}, "Other": 1}}
    template.write_text(json.dumps(ours))
    before = package.package(account, template, TARGET, Packager(account))
    found = package.package(account, template, TARGET, Packager(account), commit="abc-dirty")
    made = identity.of(found.body)
    assert made is not None
    assert (made.cluster, made.commit) == ("one", "abc-dirty")
    assert json.loads(found.text) == found.body
    assert identity.without(found.body) == identity.without(before.body)
    assert json.loads(template.read_text()) == ours


def kept(account: Account, output: Path, run: Callable[[], object], line: str) -> None:
    """It is refused with the line, before anything was uploaded, and the earlier file is there."""
    with pytest.raises(Refusal, match=line) as refused:
        run()
    assert "\n" not in str(refused.value)
    assert output.read_text() == "earlier"
    assert "Contents" not in account.client("s3").list_objects_v2(Bucket=BUCKET)


def test_templates_for_another_partition_are_refused_before_anything_is_uploaded(
    account: Account, template: Path, output: Path
) -> None:
    template.write_text(json.dumps(ROOT | {"Metadata": {"Holdfast": {"Cluster": "one", "Partition": "aws-cn"}}}))
    run = partial(package.run, account, template, TARGET, output, Packager(account))
    kept(account, output, run, "are for the partition aws-cn, and the account is in aws: ")


@pytest.mark.parametrize(
    ("bucket", "line"), [("", "a bucket is needed: BUCKET="), ("no-such-bucket", "BUCKET: given no-such-bucket, which")]
)
def test_without_a_bucket_the_earlier_file_is_left(
    account: Account, template: Path, output: Path, bucket: str, line: str
) -> None:
    run = partial(package.run, account, template, Target(bucket), output, Packager(account))
    kept(account, output, run, line)


@pytest.mark.parametrize("file", ["templates/root.json", "templates/layer.json", "build/code.zip"])
def test_what_cannot_be_read_leaves_the_earlier_file(account: Account, template: Path, output: Path, file: str) -> None:
    (template.parent.parent / file).unlink()
    run = partial(package.run, account, template, TARGET, output, Packager(account))
    kept(account, output, run, file.rpartition("/")[2])


def test_without_credentials_the_earlier_file_is_left(
    account: Account, template: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(**_: object) -> None:
        raise NoCredentialsError

    monkeypatch.setattr(account.client("s3"), "get_object", nobody)
    run = partial(package.run, account, template, TARGET, output, Packager(account))
    kept(account, output, run, "Unable to locate credentials")


def test_a_bucket_that_nobody_may_list_is_taken(
    account: Account, template: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = account.client("s3").get_object

    def unlisted(**named: Any) -> Any:
        if named["Key"].endswith("no-such-object"):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")
        return plain(**named)

    monkeypatch.setattr(account.client("s3"), "get_object", unlisted)
    package.run(account, template, TARGET, output, Packager(account))
    assert output.read_text() != "earlier"
