"""Sees to it that a cluster has its add-ons, also where its founder was lost before it had installed them."""

from __future__ import annotations

from collections.abc import Callable

from coordination.outcomes import Done, Reading, Unknown
from userdata.addons.content import Addons, Record
from userdata.agent.tasks import Task
from userdata.kube.unwrap import done, known

PERIOD_SECONDS = 60.0


def task(
    addons: Callable[[], Addons],
    installed: Callable[[], Reading[Record | None]],
    install: Callable[[Addons], Done | Unknown],
) -> Task:
    """Installs what was never installed whole. What is there is left alone: newer add-ons come with an upgrade."""

    def run() -> str:
        if known(installed()) is not None:
            return ""
        wanted = addons()
        done(install(wanted))
        return f"installed the add-ons of {wanted.record.version}"

    return Task("add-ons", PERIOD_SECONDS, run, leader_only=True)
