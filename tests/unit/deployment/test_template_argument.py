"""A root template goes into the request, if need be without its white space, and only beyond that through a bucket."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployment import templates
from deployment.aws import Account
from deployment.refusal import Refusal
from deployment.templates import LARGEST_BODY_BYTES
from tests.unit.deployment.conftest import REGION


def written(folder: Path, text: str) -> Path:
    path = folder / "packaged.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_small_template_is_sent_as_it_is(account: Account, tmp_path: Path) -> None:
    text = json.dumps({"Resources": {}}, indent=4)
    assert templates.argument(account, written(tmp_path, text), None) == {"TemplateBody": text}


def test_white_space_alone_needs_no_bucket(account: Account, tmp_path: Path) -> None:
    body = {"Resources": {f"Text{number}": {"Type": "☸"} for number in range(1000)}}
    text = json.dumps(body, indent=8)
    assert len(text) > LARGEST_BODY_BYTES
    sent = templates.argument(account, written(tmp_path, text), None)["TemplateBody"]
    assert json.loads(sent) == body
    assert len(sent.encode()) <= LARGEST_BODY_BYTES


def test_a_larger_one_goes_through_a_bucket_that_has_to_be_named(account: Account, tmp_path: Path) -> None:
    body = {"Resources": {"Text": {"Type": "x" * LARGEST_BODY_BYTES}}}
    path = written(tmp_path, json.dumps(body))
    with pytest.raises(Refusal, match="name a bucket with BUCKET="):
        templates.argument(account, path, None)
    s3 = account.client("s3")
    s3.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": REGION})
    url = templates.argument(account, path, "uploads")["TemplateURL"]
    key = url.rsplit("/", 1)[1]
    assert json.loads(s3.get_object(Bucket="uploads", Key=key)["Body"].read()) == body


@pytest.mark.parametrize(
    ("out", "file"),
    [
        ("templates", "build/packaged/templates.json"),
        ("./templates-dev/", "build/packaged/templates-dev.json"),
        ("build/templates/prod", "build/packaged/build-templates-prod.json"),
        ("/srv/one", "build/packaged/srv-one.json"),
        ("../one", "build/packaged/one.json"),
    ],
)
def test_each_folder_of_templates_has_a_packaged_file_of_its_own(out: str, file: str) -> None:
    assert templates.packaged_file(Path(out)) == Path(file)


def test_what_is_no_json_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, '{\n "Resources": }')
    with pytest.raises(Refusal, match=r"packaged\.json:2: not JSON: .*; make package makes it anew"):
        templates.load(path, "make package")
