"""The go.mod that a unit's lock starts from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rehearsal.binaries.lock import module_file
from rehearsal.binaries.units import Unit

UPSTREAM = """\
module k8s.io/kubernetes

go 1.26.0

require github.com/other/thing v1.0.0

replace (
\tk8s.io/api => ./staging/src/k8s.io/api
\tk8s.io/client-go => ./staging/src/k8s.io/client-go
)
"""


def _unit(requires: dict[str, str], commands: dict[str, str]) -> Unit:
    return Unit("thing", Path("/nowhere"), requires, commands, {}, 0)


def test_kubernetes_libraries_come_from_where_they_are_published() -> None:
    unit = _unit({"k8s.io/kubernetes": "v1.37.2"}, {"kubeadm": "k8s.io/kubernetes/cmd/kubeadm"})
    assert module_file(unit, UPSTREAM) == (
        "module holdfast.rehearsal/thing\n"
        "go 1.26.0\n"
        "tool k8s.io/kubernetes/cmd/kubeadm\n"
        "require k8s.io/kubernetes v1.37.2\n"
        "replace k8s.io/api => k8s.io/api v0.37.2\n"
        "replace k8s.io/client-go => k8s.io/client-go v0.37.2\n"
    )


def test_every_required_module_and_command_is_named() -> None:
    unit = _unit({"a/server": "v3.7.0", "a/ctl": "v3.7.0"}, {"server": "a/server", "ctl": "a/ctl"})
    lines = module_file(unit, "module a/server\ngo 1.24\n").splitlines()
    assert lines[1:] == ["go 1.24", "tool a/server", "tool a/ctl", "require a/server v3.7.0", "require a/ctl v3.7.0"]


def test_what_stands_in_for_a_module_is_named() -> None:
    unit = replace(_unit({"a": "v1.0.0"}, {"a": "a"}), replaced={"b": "b v1.1.0", "c": "./c"})
    assert module_file(unit, "module a\ngo 1.24\n").splitlines()[-2:] == ["replace b => b v1.1.0", "replace c => ./c"]


def test_a_module_without_a_go_line_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the go\.mod of a has no go line$"):
        module_file(_unit({"a": "v1.0.0"}, {}), "module a\n")
