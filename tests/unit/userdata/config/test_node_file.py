"""node.json: what it says, and one line for each thing that is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coordination.names import NODE_FILE
from userdata.config.node_file import NodeFile, NodeFileError, node_file, read

CONTROL_PLANE = {
    "cluster": "0b1c",
    "role": "control-plane",
    "slot": "0",
    "region": "us-east-1",
    "table": "cluster-table",
    "parameters": "/holdfast/0b1c",
}
WORKER = {**{name: value for name, value in CONTROL_PLANE.items() if name != "slot"}, "role": "worker", "pool": "gpu"}


def without(fields: dict[str, str], name: str) -> dict[str, str]:
    return {field: value for field, value in fields.items() if field != name}


def problems(found: Any) -> tuple[str, ...]:
    with pytest.raises(NodeFileError) as raised:
        node_file(json.dumps(found))
    return raised.value.problems


def test_a_control_plane_has_a_slot_and_a_worker_a_pool() -> None:
    expected = NodeFile("0b1c", "control-plane", "0", "us-east-1", "cluster-table", "/holdfast/0b1c")
    assert node_file(json.dumps(CONTROL_PLANE)) == expected
    assert expected.is_control_plane
    worker = node_file(json.dumps(WORKER))
    assert (worker.place, worker.is_control_plane) == ("gpu", False)


@pytest.mark.parametrize("field", CONTROL_PLANE)
def test_a_missing_field_is_one_line(field: str) -> None:
    lines = problems(without(CONTROL_PLANE, field))
    assert lines[0] == f"/etc/holdfast/node.json: {field} is missing, allowed: text"


@pytest.mark.parametrize("value", ["", 7, None, [], True])
def test_a_field_that_is_no_text_is_one_line(value: Any) -> None:
    (line,) = problems({**CONTROL_PLANE, "table": value})
    assert line.startswith("/etc/holdfast/node.json: table is ")


def test_every_problem_is_told_at_once() -> None:
    found = {**without(CONTROL_PLANE, "region"), "role": "bystander", "colour": "red"}
    assert problems(found) == (
        "/etc/holdfast/node.json: region is missing, allowed: text",
        "/etc/holdfast/node.json: role is 'bystander', allowed: control-plane, worker",
        "/etc/holdfast/node.json: 'colour' is not known",
        "/etc/holdfast/node.json: 'slot' is not known",
    )


def test_a_worker_in_a_slot_is_refused() -> None:
    assert problems({**CONTROL_PLANE, "role": "worker"}) == (
        "/etc/holdfast/node.json: pool is missing, allowed: text",
        "/etc/holdfast/node.json: 'slot' is not known",
    )


def test_a_worker_may_have_the_digest_of_its_pool_and_a_control_plane_may_not() -> None:
    assert node_file(json.dumps({**WORKER, "pool-digest": "0123456789ab"})) == node_file(json.dumps(WORKER))
    assert problems({**WORKER, "pool-digest": 7}) == ("/etc/holdfast/node.json: pool-digest is 7, allowed: text",)
    assert problems({**CONTROL_PLANE, "pool-digest": "0123456789ab"}) == (
        "/etc/holdfast/node.json: 'pool-digest' is not known",
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "null"])
def test_what_is_no_object_is_one_line(text: str) -> None:
    with pytest.raises(NodeFileError, match=r"node\.json is no (JSON|object)"):
        node_file(text)


def test_it_is_read_below_a_root(tmp_path: Path) -> None:
    with pytest.raises(NodeFileError, match=r"node\.json: No such file or directory; the instance's user data"):
        read(tmp_path)
    place = tmp_path / NODE_FILE.lstrip("/")
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(WORKER))
    assert read(tmp_path).place == "gpu"
    place.write_bytes(b"\xff")
    with pytest.raises(NodeFileError, match="is no text"):
        read(tmp_path)
