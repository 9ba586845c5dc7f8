"""What is wanted of an instance, and what follows when a boot of it ends: the pure part of its life."""

from __future__ import annotations

from enum import Enum, auto

from rehearsal.machines.instance.power import Ending


class Aim(Enum):
    """What is wanted of an instance."""

    RUN = auto()
    REBOOT = auto()
    STOP = auto()
    TERMINATE = auto()


def next_step(aim: Aim, ended: Ending) -> Aim:
    """What becomes of an instance after a boot: RUN (once more), STOP or TERMINATE."""
    if aim in (Aim.STOP, Aim.TERMINATE):
        return aim
    if aim is Aim.REBOOT or ended is Ending.REBOOT:
        return Aim.RUN
    # An instance that switched itself off is stopped; one that died has lost its host, and EC2 gives it up.
    return Aim.STOP if ended is Ending.POWER_OFF else Aim.TERMINATE
