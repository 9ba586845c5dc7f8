"""What is done with etcd's disk, row by row, and what is never done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userdata.volume.decide import (
    Absent,
    AwaitDevice,
    Blank,
    DiskRecord,
    Foreign,
    Format,
    Found,
    Mount,
    Ours,
    Refuse,
    Step,
    Unclear,
    Unmarked,
    decide,
)

MINE, OTHERS = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
BEGUN, FORMATTED = DiskRecord(MINE, formatted=False), DiskRecord(MINE, formatted=True)

ROWS: dict[str, tuple[Found, DiskRecord | None, type[Step] | Step]] = {
    "no device yet": (Absent("no volume"), None, AwaitDevice("no volume")),
    "no device after a reboot": (Absent("no volume"), FORMATTED, AwaitDevice("no volume")),
    "a new volume": (Blank(), None, Format()),
    "a crash before mkfs wrote anything": (Blank(), BEGUN, Format(again=True)),
    "another volume in the place of the former": (Blank(), FORMATTED, Format()),
    "bytes of nobody knows whom": (Unmarked(), None, Refuse),
    "bytes of nobody knows whom, where this node's disk was": (Unmarked(), FORMATTED, Refuse),
    "a crash inside mkfs": (Unmarked(), BEGUN, Format(again=True)),
    "a crash between mkfs and the record of its end": (Ours(MINE), BEGUN, Format(again=True)),
    "a reboot": (Ours(MINE), FORMATTED, Mount(MINE)),
    "a disk of ours in a new instance": (Ours(OTHERS), None, Mount(OTHERS)),
    "another node's disk": (Ours(OTHERS), FORMATTED, Refuse),
    "another node's disk after a crash": (Ours(OTHERS), BEGUN, Refuse),
    "a foreign file system": (Foreign("ext4"), None, Refuse),
    "a foreign file system after a crash": (Foreign("ext4"), BEGUN, Refuse),
    "a foreign file system where this node's was": (Foreign("ext4"), FORMATTED, Refuse),
    "a probe that failed": (Unclear("Input/output error"), None, Refuse("Input/output error")),
    "a probe that failed after a crash": (Unclear("Input/output error"), BEGUN, Refuse("Input/output error")),
}


@pytest.mark.parametrize("row", ROWS)
def test_each_row(row: str) -> None:
    found, record, expected = ROWS[row]
    step = decide(found, record)
    assert step == expected if not isinstance(expected, type) else isinstance(step, expected)


uuids = st.sampled_from([MINE, OTHERS])
found_ones: st.SearchStrategy[Found] = st.one_of(
    st.builds(Absent, st.text()),
    st.builds(Blank),
    st.builds(Unmarked),
    st.builds(Ours, uuids),
    st.builds(Foreign, st.text()),
    st.builds(Unclear, st.text()),
)
records = st.none() | st.builds(DiskRecord, uuids, formatted=st.booleans())


@given(found=found_ones, record=records)
def test_nothing_is_formatted_but_a_blank_disk_and_what_this_node_itself_has_left_half_made(
    found: Found, record: DiskRecord | None
) -> None:
    step = decide(found, record)
    if isinstance(step, Format):
        begun = record is not None and not record.formatted
        own = Ours("" if record is None else record.uuid)
        assert isinstance(found, Blank) or (begun and found in (Unmarked(), own))
        assert begun or not step.again


@given(found=found_ones, record=records)
def test_nothing_is_mounted_but_a_file_system_of_ours_and_never_one_that_was_not_finished(
    found: Found, record: DiskRecord | None
) -> None:
    step = decide(found, record)
    if isinstance(step, Mount):
        assert found == Ours(step.uuid)
        assert record in (None, DiskRecord(step.uuid, formatted=True))


def test_what_is_refused_says_what_was_found() -> None:
    step = decide(Foreign("ext4 labelled 'X'"), None)
    assert isinstance(step, Refuse)
    assert "ext4 labelled 'X'" in step.reason
