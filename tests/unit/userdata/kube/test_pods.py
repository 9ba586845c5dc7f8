"""What a drain does with a Pod: every rule of `kubectl drain` that holds here, as a row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.userdata.kube.pods import MIRROR, TERMINATING, owner, pod
from userdata.kube.pods import Treatment, daemon_set, treatment
from userdata.kube.resources import Object

REPLICAS, DAEMONS = owner("ReplicaSet", "web-5d8f"), owner("DaemonSet", "cilium")
NODE = owner("Node", "i-1", "v1")
DATA = {"volumes": [{"name": "data", "emptyDir": {}}]}

EVICT, AWAIT, SKIP = Treatment.EVICT, Treatment.AWAIT, Treatment.SKIP


@pytest.mark.parametrize(
    ("given_pod", "treated"),
    [
        (pod("a", REPLICAS), EVICT),
        (pod("a", owner("StatefulSet", "db")), EVICT),
        (pod("a", owner("Job", "once", "batch/v1")), EVICT),
        (pod("a", REPLICAS, phase="Pending"), EVICT),
        (pod("a"), EVICT),
        ({**pod("a", REPLICAS), "spec": DATA}, EVICT),
        (pod("a", REPLICAS, **TERMINATING), AWAIT),
        (pod("a", REPLICAS, phase="Succeeded"), EVICT),
        (pod("a", phase="Failed"), EVICT),
        (pod("a", phase="Failed", **TERMINATING), AWAIT),
        (pod("a", NODE, **MIRROR), SKIP),
        (pod("a", NODE, annotations={"kubernetes.io/config.mirror": ""}), SKIP),
        (pod("a", NODE, phase="Failed", **MIRROR), SKIP),
        (pod("a", NODE, **MIRROR, **TERMINATING), SKIP),
        (pod("a", REPLICAS, annotations={"kubernetes.io/config.source": "api"}), EVICT),
        (pod("a", DAEMONS), SKIP),
        (pod("a", DAEMONS, phase="Pending"), SKIP),
        (pod("a", DAEMONS, **TERMINATING), SKIP),
        (pod("a", DAEMONS, phase="Failed"), EVICT),
        (pod("a", DAEMONS, phase="Succeeded", **TERMINATING), AWAIT),
        (pod("a", annotations=None, ownerReferences=None), EVICT),
        ({"metadata": {"name": "a"}}, EVICT),
    ],
)
def test_a_pod_is_treated_as_kubectl_treats_it(given_pod: Object, treated: Treatment) -> None:
    assert treatment(given_pod, daemon_set_exists=True) is treated


@pytest.mark.parametrize(
    ("given_pod", "treated"),
    [
        (pod("a", DAEMONS), EVICT),
        (pod("a", DAEMONS, **TERMINATING), AWAIT),
        (pod("a", DAEMONS, **MIRROR), SKIP),
        (pod("a", REPLICAS), EVICT),
    ],
)
def test_without_its_daemon_set_a_pod_is_like_any_other(given_pod: Object, treated: Treatment) -> None:
    assert treatment(given_pod, daemon_set_exists=False) is treated


@pytest.mark.parametrize(
    ("owners", "name"),
    [
        ([], None),
        ([DAEMONS], "cilium"),
        ([REPLICAS], None),
        ([owner("DaemonSet", "proxy", controller=False)], None),
        ([owner("DaemonSet", "proxy", controller=False), DAEMONS], "cilium"),
        ([REPLICAS, owner("DaemonSet", "proxy", controller=False)], None),
        ([owner("DaemonSet", "proxy", "apps.example.org/v1")], None),
        ([NODE], None),
    ],
)
def test_only_the_controller_of_a_pod_is_its_daemon_set(owners: list[Object], name: str | None) -> None:
    assert daemon_set(pod("a", *owners)) == name


@st.composite
def pods(draw: st.DrawFn) -> Object:
    """Any Pod, as far as a drain looks at it."""
    metadata: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "annotations": st.sampled_from([None, {}, MIRROR["annotations"]]),
                "deletionTimestamp": st.just(TERMINATING["deletionTimestamp"]),
            },
        )
    )
    owners = draw(st.lists(st.sampled_from([REPLICAS, DAEMONS, NODE]), max_size=1))
    phase = draw(st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"]))
    return pod("a", *owners, phase=phase, **metadata)


@given(pods(), st.booleans())
def test_no_pod_is_evicted_that_terminates_or_comes_back_by_itself(drawn: Object, exists: bool) -> None:
    treated = treatment(drawn, exists)
    metadata = drawn["metadata"]
    mirror = bool(metadata.get("annotations"))
    finished = drawn["status"]["phase"] in ("Succeeded", "Failed")
    comes_back = mirror or (daemon_set(drawn) is not None and exists and not finished)
    assert (treated is SKIP) == comes_back
    assert (treated is AWAIT) == ("deletionTimestamp" in metadata and not comes_back)
