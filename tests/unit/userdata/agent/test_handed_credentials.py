"""Add-ons get credentials of roles of their own, for their users alone, and read new ones in time."""

from __future__ import annotations

import configparser
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import botocore.session
import pytest

from coordination.outcomes import Known, Reading, Unknown
from tests.unit.userdata.tree import modes
from userdata.addons.places import AUTOSCALER, EBS_CSI, METRICS_SERVER_USER, Recipient
from userdata.agent.handed_credentials import RENEW_SECONDS, HandedCredentials
from userdata.agent.loop import LONGEST_PAUSE_SECONDS
from userdata.host.role_credentials import SESSION_SECONDS, RoleCredentials
from userdata.logs.lines import StageFailed

CLUSTER = "6f1ab6a0-0000-4000-8000-000000000000"
GROUPS = f"--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/{CLUSTER}"


class Roles:
    """AWS, which gives credentials with a number, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    def __call__(self, role: str) -> Reading[RoleCredentials]:
        assert role == ROLE
        self.asked += 1
        return (
            Unknown("AssumeRole: AccessDenied") if self.away else Known(RoleCredentials(f"ASIA{self.asked}", "s", "t"))
        )


# Files and programs of the test's user stand for the add-on's: only root may give them to somebody else.
RECIPIENT = replace(AUTOSCALER, user=os.getuid())
ROLE = "arn:aws:iam::123456789012:role/autoscaler"


def handed(root: Path, roles: Roles, recipient: Recipient = RECIPIENT, role: str = ROLE) -> HandedCredentials:
    return HandedCredentials(root, CLUSTER, recipient, lambda: role, roles)


@pytest.fixture
def roles() -> Roles:
    return Roles()


def written(root: Path) -> Path:
    return root / RECIPIENT.file.lstrip("/")


def key_id(root: Path) -> str:
    parser = configparser.ConfigParser()
    parser.read(written(root))
    return parser["default"]["aws_access_key_id"]


def test_the_sdk_reads_what_is_written(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text(RoleCredentials("ASIA1", "secret", "token").file())
    session = botocore.session.Session()
    session.set_config_variable("credentials_file", str(file))
    provider = session.get_component("credential_provider").get_provider("shared-credentials-file")
    found = provider.load()
    assert (found.access_key, found.secret_key, found.token) == ("ASIA1", "secret", "token")


def test_nobody_but_the_autoscalers_user_reads_the_file(tmp_path: Path, roles: Roles) -> None:
    assert handed(tmp_path, roles).run() == "new credentials for the autoscaler"
    assert modes(tmp_path)[RECIPIENT.file] == "400"
    # The pod's own view begins at the folder, which its user has to pass.
    assert modes(tmp_path)[RECIPIENT.file.rpartition("/")[0]] == "755"


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to another user")
@pytest.mark.parametrize("recipient", [AUTOSCALER, EBS_CSI], ids=lambda each: each.name)
def test_the_file_belongs_to_the_user_that_the_manifest_names(
    tmp_path: Path, roles: Roles, recipient: Recipient
) -> None:
    handed(tmp_path, roles, recipient).run()
    found = (tmp_path / recipient.file.lstrip("/")).stat()
    assert (found.st_uid, found.st_gid) == (recipient.user, recipient.user)


def test_no_two_add_ons_have_a_file_or_a_user_in_common() -> None:
    assert (AUTOSCALER.file, AUTOSCALER.user) != (EBS_CSI.file, EBS_CSI.user)
    assert len({AUTOSCALER.user, EBS_CSI.user, METRICS_SERVER_USER}) == 3


def test_a_cluster_without_the_add_on_asks_aws_for_nothing(tmp_path: Path, roles: Roles) -> None:
    assert handed(tmp_path, roles, role="").run() == ""
    assert (roles.asked, written(tmp_path).exists()) == (0, False)


@pytest.mark.parametrize(
    ("age", "renewed"),
    [
        (0.0, False),
        (RENEW_SECONDS - 60, False),
        (RENEW_SECONDS + 1, True),
        (SESSION_SECONDS + 1, True),
        # The clock went back: nobody knows how old they are.
        (-120.0, True),
    ],
)
def test_credentials_are_renewed_at_an_age(tmp_path: Path, roles: Roles, age: float, renewed: bool) -> None:
    task = handed(tmp_path, roles)
    task.run()
    then = time.time() - age
    os.utime(written(tmp_path), (then, then))
    assert task.run() == ("new credentials for the autoscaler" if renewed else "")
    assert key_id(tmp_path) == ("ASIA2" if renewed else "ASIA1")


def test_what_is_there_stays_while_aws_gives_nothing(tmp_path: Path, roles: Roles) -> None:
    task = handed(tmp_path, roles)
    task.run()
    then = time.time() - RENEW_SECONDS - 1
    os.utime(written(tmp_path), (then, then))
    roles.away = True
    with pytest.raises(StageFailed, match="AssumeRole: AccessDenied"):
        task.run()
    assert key_id(tmp_path) == "ASIA1"
    roles.away = False
    assert task.run() == "new credentials for the autoscaler"


def test_there_are_two_tries_at_least_while_the_old_ones_are_good() -> None:
    assert 2 * LONGEST_PAUSE_SECONDS < SESSION_SECONDS - RENEW_SECONDS


class Program:
    """A process that calls itself a cluster-autoscaler."""

    def __init__(self, *arguments: str, name: str = "/cluster-autoscaler") -> None:
        self._process = subprocess.Popen(
            [name, "-c", "import time; time.sleep(60)", *arguments], executable=os.path.realpath("/proc/self/exe")
        )

    @property
    def number(self) -> int:
        return self._process.pid

    def ended_by(self) -> int | None:
        """The signal that ended it; None while it runs."""
        try:
            return -self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            return None

    def clear(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def real_processes(tmp_path: Path) -> Iterator[list[Program]]:
    (tmp_path / "proc").symlink_to("/proc")
    started: list[Program] = []
    yield started
    for each in started:
        each.clear()


def test_a_program_that_has_read_older_ones_is_told_to_end(
    tmp_path: Path, roles: Roles, real_processes: list[Program]
) -> None:
    old, strangers, other = Program(GROUPS), Program("--of-another-cluster"), Program(GROUPS, name="/scaler")
    real_processes += [old, strangers, other]
    time.sleep(0.05)
    task = handed(tmp_path, roles)
    assert f"ended process {old.number} of the autoscaler" in task.run()
    assert old.ended_by() == signal.SIGTERM
    assert (strangers.ended_by(), other.ended_by()) == (None, None)

    time.sleep(0.05)
    new = Program(GROUPS)
    real_processes.append(new)
    assert task.run() == ""
    assert new.ended_by() is None


def test_another_users_program_is_not_touched(tmp_path: Path, roles: Roles, real_processes: list[Program]) -> None:
    handed(tmp_path, roles).run()
    real_processes.append(Program(GROUPS))
    time.sleep(0.05)
    os.utime(written(tmp_path))
    another = replace(RECIPIENT, user=os.getuid() + 1)
    assert handed(tmp_path, roles, another).run() == ""
    assert real_processes[0].ended_by() is None
