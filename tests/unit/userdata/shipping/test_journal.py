"""The journal of a unit by journalctl: where it goes on, what waits, and that it is started again when it ends.

No journal of a running systemd is here. A small program stands in journalctl's place, and the real one is asked whether
it knows the arguments, on a journal that is empty.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.waiting import wait_for
from userdata.shipping.journal import Journal, command
from userdata.shipping.source import Chunk

NOW = 1_800_000_000.0
STANDING_IN = """#!/bin/sh
echo "$@" >>{folder}/calls
cat {folder}/entries
[ -e {folder}/ends ] && exit 3
exec sleep 1000
"""


class Node:
    """A node whose journal is a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "journalctl"
        self.program.write_text(STANDING_IN.format(folder=folder))
        self.program.chmod(0o755)

    def has(self, *entries: tuple[str, object], rest: str = "") -> None:
        lines = [
            json.dumps({"__CURSOR": cursor, "__REALTIME_TIMESTAMP": f"{NOW - 5:.0f}000000", "MESSAGE": message}) + "\n"
            for cursor, message in entries
        ]
        (self.folder / "entries").write_text("".join(lines) + rest)

    def ends(self) -> None:
        (self.folder / "ends").write_text("")

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def journal(self, cursor: str = "", largest_bytes: int = 1 << 16) -> Journal:
        stored = {"journal": cursor} if cursor else {}
        return Journal("kubelet.service", stored, lambda: NOW, str(self.program), largest_bytes)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def chunks(journal: Journal, messages: int) -> list[Chunk]:
    """Look until so many messages have come."""
    found: list[Chunk] = []

    def look() -> bool:
        chunk = journal.read()
        if chunk is not None:
            found.append(chunk)
        return sum(len(each.events) for each in found) >= messages

    wait_for(look, f"{messages} messages")
    return found


def test_entries_come_with_their_times_and_the_cursor_of_the_last_one(node: Node) -> None:
    node.has(("s=1", "one"), ("s=2", None), ("s=3", "three"), ("s=4", None))
    journal = node.journal()
    found = chunks(journal, 2)
    assert [event.message for chunk in found for event in chunk.events] == ["one", "three"]
    assert {event.timestamp for chunk in found for event in chunk.events} == {int(NOW - 5) * 1000}
    assert found[-1].cursor == {"journal": "s=4"}
    assert journal.read() is None
    journal.close()
    assert "--boot" in node.calls()[0]


def test_it_goes_on_after_the_stored_cursor_and_after_an_end_of_journalctl(node: Node) -> None:
    node.has(("s=8", "eight"))
    node.ends()
    journal = node.journal("s=7")
    chunks(journal, 1)
    errors: list[str] = []

    def ended() -> bool:
        try:
            journal.read()
        except OSError as error:
            errors.append(str(error))
        return bool(errors)

    wait_for(ended, "the end of journalctl")
    assert errors == [f"{node.program} ended with 3"]
    node.has(("s=9", "nine"))
    assert chunks(journal, 1)[-1].cursor == {"journal": "s=9"}
    journal.close()
    assert [call.split()[-1] for call in node.calls()] == ["--after-cursor=s=7", "--after-cursor=s=8"]


def test_no_more_is_read_at_once_than_a_chunk_and_the_rest_of_an_entry_waits(node: Node) -> None:
    node.has(*((f"s={number}", "x" * 1000) for number in range(50)), rest='{"__CURSOR": "s=half')
    journal = node.journal(largest_bytes=4096)
    found = chunks(journal, 50)
    assert all(len(chunk.events) <= 5 for chunk in found)
    assert journal.read() is None
    journal.close()


def test_an_entry_without_end_is_lost_and_that_is_said(node: Node) -> None:
    node.has(rest="x" * (5 << 20))
    journal = node.journal(largest_bytes=1 << 20)
    losses: list[str] = []

    def look() -> bool:
        chunk = journal.read()
        losses.extend(chunk.losses if chunk is not None else ())
        return bool(losses)

    wait_for(look, "the loss")
    assert losses == [f"an entry of more than {4 << 20} bytes is lost"]
    journal.close()


def test_a_journalctl_that_is_not_there_is_an_error_that_may_pass(node: Node) -> None:
    node.program.unlink()
    journal = node.journal()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            journal.read()
    journal.close()


def test_a_cursor_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no text"):
        Journal("kubelet.service", {"journal": 5})


def test_the_real_journalctl_knows_every_argument(tmp_path: Path) -> None:
    if shutil.which("journalctl") is None:
        pytest.skip("journalctl is not here")
    for cursor in ("", "s=0;i=1;b=2;m=3;t=4;x=5"):
        told = [each for each in command("kubelet.service", cursor) if each not in ("--follow", "--boot")]
        done = subprocess.run(
            [*told, f"--directory={tmp_path}"], capture_output=True, text=True, check=False, timeout=60
        )
        assert "unrecognized option" not in done.stderr
        assert "requires an argument" not in done.stderr
