"""What kubectl prints is found between its warnings."""

from __future__ import annotations

import json

import pytest

from userdata.kube.kubectl import printed

NODE = {"kind": "Node", "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
TEXT = json.dumps(NODE, indent=4)


@pytest.mark.parametrize(
    "said",
    [TEXT, f"Warning: a {{field}} is deprecated\n{TEXT}\n", f"{TEXT}\nWarning: v1 Endpoints is deprecated\n"],
    ids=["alone", "after a warning", "before a warning"],
)
def test_the_object_is_found(said: str) -> None:
    assert printed(said) == NODE


@pytest.mark.parametrize("said", ["", "Error from server (NotFound): it is not there\n", "[]"])
def test_where_no_object_was_printed_there_is_none(said: str) -> None:
    assert printed(said) is None


def test_an_object_that_is_cut_off_is_no_object() -> None:
    with pytest.raises(ValueError, match="line"):
        printed(TEXT[:-2])
