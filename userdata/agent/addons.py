"""Sees to it that a cluster has its add-ons: all of them, also where its founder was lost before it had installed them,
and later those that its settings have now and had not then."""

from __future__ import annotations

from collections.abc import Callable, Collection

from coordination.names import Addon
from coordination.outcomes import Done, Reading, Unknown
from userdata.addons.content import Addons, Record, added
from userdata.agent.tasks import Task
from userdata.kube.unwrap import done, known

PERIOD_SECONDS = 60.0


def task(
    asked: Callable[[], Collection[Addon]],
    addons: Callable[[], Addons],
    installed: Callable[[], Reading[Record | None]],
    install: Callable[[Addons], Done | Unknown],
    install_more: Callable[[Addons], Done | Unknown],
) -> Task:
    """Installs what was never installed. What is there is left alone: newer add-ons come with an upgrade.

    `asked` are those that the settings have now, and `addons` everything that is to be installed.
    """

    def run() -> str:
        recorded = known(installed())
        if recorded is None:
            wanted = addons()
            done(install(wanted))
            return f"installed the add-ons of {wanted.record.version}"
        if not set(asked()) - recorded.addons:
            return ""
        more = added(recorded, addons())
        if more is None:
            return ""
        done(install_more(more))
        return f"installed {', '.join(sorted(more.record.addons - recorded.addons))}"

    return Task("add-ons", PERIOD_SECONDS, run, leader_only=True)
