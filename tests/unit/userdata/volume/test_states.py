"""What the unit leaves for the boot program, and what a node remembers of its disk."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from userdata.volume import states
from userdata.volume.decide import DiskRecord
from userdata.volume.states import Broken, Missing, Mounted, Prepared, RecordError, Refused, Untold

RECORD = DiskRecord("11111111-1111-4111-8111-111111111111", formatted=False)


def at(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


@pytest.mark.parametrize("state", [Missing("none"), Refused("ext4"), Broken("mkfs.xfs: no")])
def test_a_state_is_read_as_it_was_stored_and_for_root_alone(tmp_path: Path, state: Prepared) -> None:
    states.store(tmp_path, state)
    assert states.read(tmp_path) == state
    assert stat.S_IMODE(at(tmp_path, states.STATE_FILE).stat().st_mode) == 0o600


def test_what_says_that_it_is_mounted_and_is_not_is_not_believed(tmp_path: Path) -> None:
    states.store(tmp_path, Mounted("uuid"))
    assert states.read(tmp_path) == Untold("/var/lib/etcd is not mounted any more")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"state": "Format"}', '{"state": "Missing"}', "\0"])
def test_a_state_that_cannot_be_understood_is_none(tmp_path: Path, text: str) -> None:
    assert states.read(tmp_path) == Untold(f"{states.UNIT} has not said anything yet")
    place = at(tmp_path, states.STATE_FILE)
    place.parent.mkdir(parents=True)
    place.write_text(text)
    found = states.read(tmp_path)
    assert isinstance(found, Untold)
    assert "cannot be understood" in found.reason


def test_a_record_is_remembered_on_the_root_volume_for_root_alone(tmp_path: Path) -> None:
    assert states.remembered(tmp_path) is None
    states.remember(tmp_path, RECORD)
    assert states.remembered(tmp_path) == RECORD
    assert stat.S_IMODE(at(tmp_path, states.RECORD_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "found", ["", "{", [], {}, {"uuid": "x"}, {"uuid": 7, "formatted": True}, {"uuid": "x", "formatted": 1}]
)
def test_a_record_that_cannot_be_understood_is_not_taken_for_none(tmp_path: Path, found: object) -> None:
    place = at(tmp_path, states.RECORD_FILE)
    place.parent.mkdir(parents=True)
    place.write_text(found if isinstance(found, str) else json.dumps(found))
    with pytest.raises(RecordError, match="cannot be understood"):
        states.remembered(tmp_path)
