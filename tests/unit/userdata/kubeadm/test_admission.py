"""What the API server takes in: told to it in its own words. That it keeps to it, a real one shows.

(tests/integration/node/test_admission.py)
"""

from __future__ import annotations

import json
from typing import Any

from userdata.kubeadm import admission, api_server
from userdata.kubeadm.places import ADMISSION_FILE


def plugins(*privileged: str) -> dict[str, Any]:
    """The configuration of each plug-in by its name."""
    found = json.loads(api_server.files((), privileged, ())[ADMISSION_FILE].content)
    assert (found["apiVersion"], found["kind"]) == ("apiserver.config.k8s.io/v1", "AdmissionConfiguration")
    return {each["name"]: each["configuration"] for each in found["plugins"]}


def test_a_pod_may_not_share_its_hosts_network_unless_it_is_of_kube_system() -> None:
    told = plugins()["PodSecurity"]
    assert told["defaults"]["enforce"] == "baseline"
    assert {told["defaults"][each] for each in ("audit", "warn")} == {"restricted"}
    assert told["exemptions"] == {"namespaces": ["kube-system"]}


def test_the_configuration_names_further_namespaces_and_takes_none_away() -> None:
    assert plugins("storage", "kube-system", "storage")["PodSecurity"]["exemptions"] == {
        "namespaces": ["kube-system", "storage"]
    }


def test_one_user_cannot_take_the_events_of_all() -> None:
    limits = {each["type"]: (each["qps"], each["burst"]) for each in plugins()["EventRateLimit"]["limits"]}
    assert limits.keys() == {"Server", "Namespace", "User"}
    assert limits["User"] < limits["Namespace"] < limits["Server"]


def test_every_plugin_that_is_configured_is_switched_on() -> None:
    # PodSecurity is on by default.
    assert plugins().keys() - {"PodSecurity"} <= set(admission.PLUGINS)
    assert api_server.ARGUMENTS["enable-admission-plugins"].split(",") == list(admission.PLUGINS)
    assert api_server.ARGUMENTS["admission-control-config-file"] == ADMISSION_FILE
