"""What becomes of an instance after a boot."""

from __future__ import annotations

import signal

import pytest

from rehearsal.machines.instance.aims import Aim, next_step
from rehearsal.machines.instance.power import Ending, ending


@pytest.mark.parametrize(
    ("exit_code", "expected"),
    [
        (-signal.SIGHUP, Ending.REBOOT),
        (-signal.SIGINT, Ending.POWER_OFF),
        (-signal.SIGKILL, Ending.DEATH),
        (-signal.SIGSEGV, Ending.DEATH),
        (0, Ending.DEATH),
        (1, Ending.DEATH),
    ],
)
def test_a_boot_ends_as_its_first_process_did(exit_code: int, expected: Ending) -> None:
    assert ending(exit_code) is expected


@pytest.mark.parametrize(
    ("aim", "ended", "step"),
    [
        # nothing was asked: the system's own doing
        (Aim.RUN, Ending.REBOOT, Aim.RUN),
        (Aim.RUN, Ending.POWER_OFF, Aim.STOP),
        (Aim.RUN, Ending.DEATH, Aim.TERMINATE),
        # asked for, and done in whatever way
        (Aim.REBOOT, Ending.REBOOT, Aim.RUN),
        (Aim.REBOOT, Ending.DEATH, Aim.RUN),
        (Aim.REBOOT, Ending.POWER_OFF, Aim.RUN),
        (Aim.STOP, Ending.POWER_OFF, Aim.STOP),
        (Aim.STOP, Ending.DEATH, Aim.STOP),
        # a system that reboots itself while it is to stop does not come back
        (Aim.STOP, Ending.REBOOT, Aim.STOP),
        (Aim.TERMINATE, Ending.REBOOT, Aim.TERMINATE),
        (Aim.TERMINATE, Ending.DEATH, Aim.TERMINATE),
    ],
)
def test_the_next_step_follows_from_what_was_wanted_and_what_happened(aim: Aim, ended: Ending, step: Aim) -> None:
    assert next_step(aim, ended) is step
