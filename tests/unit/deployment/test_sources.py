"""No command judges what was packaged of templates that are not there any more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from coordination.names import IDENTITY_METADATA
from deployment import cli, digests, package, sources, templates
from deployment.aws import Account
from deployment.change_sets import Order
from deployment.digests import Digests
from deployment.next_steps import Typed
from deployment.package import Target
from deployment.refusal import Refusal
from tests.unit.deployment.conftest import REGION

BUCKET = "uploads"
TYPED = Typed(stack="prod", config="prod.yaml", bucket=BUCKET)
OUT = Path("build/templates/prod")
PACKAGED = templates.packaged_file(OUT)
NESTED = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "./layer.json"}}
LAYER = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}


def root(configuration: str = "a" * 64, **said: str) -> templates.Body:
    made = {"Cluster": "prod", "ConfigurationDigest": configuration, "GeneratorVersion": "1", **said}
    return {"Metadata": {IDENTITY_METADATA: made}, "Resources": {"Layer": NESTED}}


def generate(configuration: str = "a" * 64, layer: templates.Body = LAYER) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "root.json").write_text(json.dumps(root(configuration)))
    (OUT / "layer.json").write_text(json.dumps(layer))
    # The template of images, which no cluster is made of.
    (OUT / "image.json").write_text("{}")


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: Account) -> Path:
    """Templates, packaged."""
    monkeypatch.chdir(tmp_path)
    account.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    generate()
    package.run(account, OUT / "root.json", Target(BUCKET, region=REGION), PACKAGED, Uploader(account))
    return PACKAGED


class Uploader:
    """The AWS CLI's packager, which uploads the one nested template."""

    def __init__(self, account: Account) -> None:
        self._s3 = account.client("s3")

    def __call__(self, arguments: Sequence[str]) -> None:
        words = list(arguments)
        source = Path(words[words.index("--template-file") + 1])
        body = json.loads(source.read_text())
        self._s3.put_object(Bucket=BUCKET, Key="layer", Body=(source.parent / "layer.json").read_bytes())
        url = f"https://s3.{REGION}.amazonaws.com/{BUCKET}/layer"
        body["Resources"]["Layer"]["Properties"]["TemplateURL"] = url
        Path(words[words.index("--output-template-file") + 1]).write_text(json.dumps(body))


def test_what_was_packaged_of_the_templates_that_are_there_is_accepted(packaged: Path) -> None:
    sources.refuse_outdated(OUT, packaged, TYPED)
    (OUT / "image.json").write_text("{ }")
    sources.refuse_outdated(OUT, packaged, TYPED)


@pytest.mark.parametrize(
    ("configuration", "layer"), [("b" * 64, LAYER), ("a" * 64, {"Resources": {"Topic": {"Type": "AWS::SQS::Queue"}}})]
)
def test_templates_that_were_generated_anew_have_to_be_packaged_anew(
    packaged: Path, configuration: str, layer: templates.Body
) -> None:
    generate(configuration, layer)
    with pytest.raises(Refusal) as refusal:
        sources.refuse_outdated(OUT, packaged, TYPED)
    again = f"make package BUCKET={BUCKET} CONFIG=prod.yaml"
    assert str(refusal.value) == f"{packaged} was not made of the templates that {OUT} holds now: {again}"


def test_templates_that_were_packaged_elsewhere_are_not_compared(packaged: Path) -> None:
    for path in OUT.iterdir():
        path.unlink()
    OUT.rmdir()
    sources.refuse_outdated(OUT, packaged, TYPED)


def test_a_folder_without_templates_is_refused_by_its_file(packaged: Path) -> None:
    (OUT / "layer.json").unlink()
    with pytest.raises(Refusal, match=r"layer\.json is not there: make templates CONFIG=prod\.yaml makes it"):
        sources.refuse_outdated(OUT, packaged, TYPED)


def test_what_an_earlier_version_packaged_is_held_against_what_the_root_says(packaged: Path) -> None:
    now, made = sources.of(OUT / "root.json", ""), digests.load(packaged, "")
    earlier = replace(made, sources={})
    assert sources.are_packaged(now, root(), root(Commit="v1-2-gabc"), earlier)
    assert not sources.are_packaged(now, root("b" * 64), root(), earlier)
    assert not sources.are_packaged(now, root(), {"Resources": {}}, Digests())
    digests.beside(packaged).unlink()
    sources.refuse_outdated(OUT, packaged, TYPED)


@pytest.mark.parametrize("command", ["diff", "deploy"])
def test_both_commands_refuse_before_they_ask_of_the_stack(
    packaged: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def judged(_: Account, order: Order, **__: object) -> bool:
        raise AssertionError(order)

    monkeypatch.setattr(f"deployment.deploy.{command}", judged)
    typed = [command, "--region", REGION, "--stack", "prod", "--out", str(OUT), "--typed", "CONFIG=prod.yaml"]
    with pytest.raises(AssertionError):
        cli.main(typed)
    generate("b" * 64)
    assert cli.main(typed) == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith("make package BUCKET=NAME_OF_BUCKET CONFIG=prod.yaml REGION=eu-central-1")
    )
