"""How a boot ends: what its log says, and with which exit code the program tells systemd."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from userdata import program
from userdata.boot import wiring
from userdata.boot.end import End


def last_line(root: Path, monkeypatch: pytest.MonkeyPatch, end: End) -> dict[str, object]:
    """The log's line of a whole boot that ends so."""
    monkeypatch.setattr(wiring, "_boot", lambda root, out: end)
    assert wiring.boot(root) is end
    line: dict[str, object] = json.loads((root / "var/log/holdfast/boot.log").read_text().splitlines()[-1])
    assert (line["stage"], line["outcome"]) == ("boot", "done")
    return line


def test_a_boot_that_was_told_to_stop_is_logged_neither_like_one_that_serves_nor_like_one_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = {end: last_line(tmp_path, monkeypatch, end)["reason"] for end in End}
    assert reasons[End.SERVES] == ""
    assert "without a node in service" in str(reasons[End.STOPPED])
    assert "could not become a node" in str(reasons[End.FAILED])


@pytest.mark.parametrize(("end", "code"), [(End.SERVES, 0), (End.STOPPED, 0), (End.FAILED, 3)])
def test_only_a_boot_that_failed_is_a_failure_to_systemd(monkeypatch: pytest.MonkeyPatch, end: End, code: int) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(wiring, "boot", lambda root: end)
    assert program.main(["boot"]) == code


def test_every_end_has_an_exit_code() -> None:
    assert set(program.EXIT_CODES) == set(End)
