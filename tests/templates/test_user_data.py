"""The user data is run as a booting node runs it: it writes node.json and starts the boot unit."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from coordination.names import BOOT_UNIT, NODE_FILE, SESSION_AGENT_UNIT, SESSIONS_FILE
from imagebuilder.configure import Folder, Settings, entries
from imagebuilder.places import SETTINGS_FOLDER
from tests.templates.cluster import EXAMPLES, example, substituted
from tests.templates.rules.machines import launch_templates

VALUES = {
    "AWS::Region": "eu-central-1",
    "ClusterUuid": "6f1ab6a0-85a6-11f0-a4ab-0e1d3b5c7f90",
    "ParameterPrefix": "/holdfast/6f1ab6a0-85a6-11f0-a4ab-0e1d3b5c7f90",
    # The longest name that CloudFormation gives a table: of a stack with a long name.
    "TableName": "holdfast-Database-1ABCDEFGHIJKL-Table-" + "Z" * 100,
}
# Of the pool's labels and taints, as the example has them. Another one replaces every node of such a pool.
MEMORY_DIGEST = hashlib.sha256(
    b'[[["workload.example.com/class", "memory"]], [["workload.example.com/class", "memory", "NoSchedule"]]]'
).hexdigest()[:16]
# A mount namespace of its own, with an empty /etc, in which a stub stands in systemctl's place, for no systemd runs
# there; it copies what it finds to where the test can read it.
_BOOT = f"""
set -eu
mount -t tmpfs tmpfs /etc
mkdir "$SEEN/bin"
cat >"$SEEN/bin/systemctl" <<'STUB'
#!/bin/sh
echo "$@" >>"$SEEN/calls"
[ -e {SESSIONS_FILE} ] && echo file >"$SEEN/sessions"
stat -c %a {NODE_FILE} {SETTINGS_FOLDER} >"$SEEN/modes"
exec cp {NODE_FILE} "$SEEN/node.json"
STUB
chmod 755 "$SEEN/bin/systemctl"
PATH="$SEEN/bin:$PATH" exec bash "$SEEN/user-data"
"""
_NAMESPACE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def scripts() -> dict[str, str]:
    """`example/layer/template` -> its user data as an instance gets it."""
    return {
        f"{name}/{template.layer}/{template.logical_id}": substituted(data["UserData"]["Fn::Base64"], VALUES)
        for name in EXAMPLES
        for template, data in launch_templates(example(name))
    }


@cache
def has_namespaces() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/etc"], capture_output=True).returncode == 0


def boot(script: str, seen: Path) -> dict[str, Any]:
    """Run user data and return what systemctl found: its calls, node.json, the modes of the file and its folder, and
    whether the file was there without which Session Manager's agent does not start."""
    (seen / "user-data").write_text(script)
    environment = {"SEEN": str(seen), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [*_NAMESPACE, "sh", "-c", _BOOT], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {
        "calls": (seen / "calls").read_text().splitlines(),
        "sessions": (seen / "sessions").exists(),
        "modes": (seen / "modes").read_text().split(),
        "node": json.loads((seen / "node.json").read_text()),
    }


def test_user_data_is_clean_bash(tmp_path: Path) -> None:
    paths = []
    for number, script in enumerate(sorted(set(scripts().values()))):
        paths.append(tmp_path / f"{number}.sh")
        paths[-1].write_text(script)
    shellcheck = Path(sys.executable).with_name("shellcheck")

    for path in paths:
        assert subprocess.run(["bash", "-n", path], capture_output=True, text=True).stderr == ""
    found = subprocess.run([shellcheck, "--enable=all", *paths], capture_output=True, text=True, check=False)
    assert found.stdout == ""


@pytest.mark.skipif(not has_namespaces(), reason="user data writes to /etc: no private mount namespace is allowed here")
@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("production/controlplane/Slot4Template", {"role": "control-plane", "slot": "4"}),
        ("production/workers-memory/Template", {"role": "worker", "pool": "memory", "pool-digest": MEMORY_DIGEST}),
        ("govcloud/controlplane/Slot0Template", {"role": "control-plane", "slot": "0"}),
    ],
)
def test_a_node_learns_who_it_is_and_the_boot_unit_starts(name: str, own: dict[str, str], tmp_path: Path) -> None:
    seen = boot(scripts()[name], tmp_path)

    # User data does not wait for a boot: cloud-init would be at work for minutes.
    assert seen["calls"] == [f"start --no-block {BOOT_UNIT}"]
    assert not seen["sessions"]
    # The image has made the folder for root alone, and it stays so.
    folder = entries(Settings("pause"))[SETTINGS_FOLDER]
    assert isinstance(folder, Folder)
    assert seen["modes"] == ["644", f"{folder.mode:o}"] == ["644", "700"]
    assert seen["node"] == {
        "cluster": VALUES["ClusterUuid"],
        "region": VALUES["AWS::Region"],
        "table": VALUES["TableName"],
        "parameters": VALUES["ParameterPrefix"],
        **own,
    }


@pytest.mark.skipif(not has_namespaces(), reason="user data writes to /etc: no private mount namespace is allowed here")
@pytest.mark.parametrize("name", ["controlplane/Slot0Template", "workers-general/Template"])
def test_a_node_with_sessions_starts_their_agent_too_and_a_boot_needs_none(name: str, tmp_path: Path) -> None:
    script = scripts()[f"development/{name}"]

    seen = boot(script, tmp_path)

    # The boot comes first: an image without the agent fails at the last line.
    assert seen["calls"] == [f"start --no-block {unit}" for unit in (BOOT_UNIT, SESSION_AGENT_UNIT)]
    assert seen["sessions"]
    assert seen["node"]["cluster"] == VALUES["ClusterUuid"]


@pytest.mark.skipif(not has_namespaces(), reason="user data writes to /etc: no private mount namespace is allowed here")
def test_a_unit_that_does_not_start_ends_the_user_data_with_an_error(tmp_path: Path) -> None:
    script = scripts()["minimal/controlplane/Slot0Template"].replace("exec systemctl", "exec no-systemctl")

    with pytest.raises(AssertionError, match="no-systemctl"):
        boot(script, tmp_path)
