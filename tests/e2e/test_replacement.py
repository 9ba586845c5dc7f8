"""An instance that is lost is replaced by one that boots from the same template, and joins."""

from __future__ import annotations

from rehearsal.cloud import table
from rehearsal.cloud.rehearse import Kubectl, MachineRehearsal
from tests.e2e.conftest import Begin
from tests.waiting import wait_for

REPLACED_SECONDS = 180.0


def test_a_lost_worker_and_a_lost_control_plane_are_replaced_while_the_cluster_serves(begin: Begin) -> None:
    rehearsal = begin(lambda templates: None)
    rehearsal.complete()
    rehearsal.check_cluster()
    worker = in_service(rehearsal, "general")[0].instance_id
    (control_plane,) = in_service(rehearsal, "slot 1")
    with rehearsal.kubectl() as kubectl:
        rehearsal.control.act("lose", worker)
        before = names(kubectl)
        wait_for(lambda: ready(kubectl) - before, "a worker in the place of the lost one", REPLACED_SECONDS, 1)
        rehearsal.control.act("lose", control_plane.instance_id)
        # Two of three members serve. The balancer may still send a call to the third, until its checks have failed.
        wait_for(lambda: kubectl.run("get", "--raw", "/readyz").stdout == "ok", "the two others to serve")
        gone = control_plane.instance_id
        wait_for(
            lambda: [each for each in in_service(rehearsal, "slot 1") if each.instance_id != gone],
            "a control plane in the place of the lost one",
            REPLACED_SECONDS,
            1,
        )
        wait_for(lambda: gone not in names(kubectl), "the Node of the lost one to be deleted", REPLACED_SECONDS, 1)


def in_service(rehearsal: MachineRehearsal, place: str) -> list[table.Row]:
    """The instances at a place that serve."""
    return [row for row in rehearsal.rows() if row.place == place and row.lifecycle_state == "InService"]


def names(kubectl: Kubectl) -> set[str]:
    """The names of all nodes."""
    return {str(node["metadata"]["name"]) for node in kubectl.items("nodes")}


def ready(kubectl: Kubectl) -> set[str]:
    """The names of the nodes that are Ready."""
    found = kubectl.items("nodes")
    return {
        str(node["metadata"]["name"])
        for node in found
        for condition in node["status"]["conditions"]
        if (condition["type"], condition["status"]) == ("Ready", "True")
    }
