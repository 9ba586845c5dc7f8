"""How a request refers to a packaged template, by its size."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployment import templates
from deployment.refusal import Refusal

LIMIT = templates.LARGEST_BODY_BYTES


class OneBucket:
    """An account of which only what is put into a bucket matters."""

    def __init__(self) -> None:
        self.put: dict[str, bytes] = {}

    def client(self, _: str) -> Any:
        return SimpleNamespace(put_object=self._put_object, meta=SimpleNamespace(endpoint_url="https://s3"))

    def _put_object(self, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:
        self.put[f"{Bucket}/{Key}"] = Body
        return {}


def written(folder: Path, resources: int) -> tuple[Path, dict[str, Any]]:
    """A template as the AWS CLI writes it: indented by four spaces."""
    body = {"Resources": {f"R{index:04}": {"Type": "AWS::SQS::Queue", "Properties": {}} for index in range(resources)}}
    path = folder / "packaged.json"
    path.write_text(json.dumps(body, indent=4))
    return path, body


def test_a_small_template_is_sent_as_it_is(tmp_path: Path) -> None:
    path, _ = written(tmp_path, 10)
    assert templates.argument(OneBucket(), path, None) == {"TemplateBody": path.read_text()}


def test_a_template_that_is_too_large_by_its_indentation_is_sent_without(tmp_path: Path) -> None:
    path, body = written(tmp_path, 600)
    assert path.stat().st_size > LIMIT
    sent = templates.argument(OneBucket(), path, None)["TemplateBody"]
    assert json.loads(sent) == body
    assert len(sent) <= LIMIT


def test_a_template_that_is_too_large_in_itself_needs_a_bucket(tmp_path: Path) -> None:
    path, body = written(tmp_path, 2000)
    with pytest.raises(Refusal, match=f"a request takes {LIMIT}: name a bucket"):
        templates.argument(OneBucket(), path, None)
    account = OneBucket()
    url = templates.argument(account, path, "mine")["TemplateURL"]
    ((name, content),) = account.put.items()
    assert url == f"https://s3/{name}"
    assert json.loads(content) == body
