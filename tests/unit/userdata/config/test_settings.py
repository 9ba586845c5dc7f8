"""Settings from the local SSM: whole, or with one line for each problem, or unknown."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from coordination.names import AccessGroup, Addon, Encryption, Setting
from coordination.outcomes import Known, Unknown
from rehearsal.aws.server import LocalAws
from userdata.config.settings import (
    ClusterSettings,
    InvalidSettings,
    PoolSettings,
    SettingsError,
    cluster_settings,
    pool_settings,
)
from userdata.config.ssm import read_cluster, read_pool
from userdata.kubeadm.node import Taint

STORED = {
    "cluster-id": "arn:aws:cloudformation:us-east-1:123456789012:stack/holdfast/0b1c",
    "cluster-name": "holdfast",
    "api-endpoint": "api.holdfast.internal",
    "api-extra-names": "a.example.com,b.example.com,",
    "control-plane-slots": "3",
    "pod-cidr": "100.64.0.0/16",
    "service-cidr": "172.20.0.0/16",
    "etcd-volume-gib": "20",
    "privileged-namespaces": "monitoring,storage,",
    "network-encryption": "none",
    "backup-bucket": "backups",
    "key-arn": "arn:aws:kms:us-east-1:123456789012:key/1",
    "control-plane-log-group": "control-planes",
    "worker-log-group": "workers",
    "audit-log-group": "audits",
    "control-plane-stack": "arn:aws:cloudformation:us-east-1:123456789012:stack/controlplane/1",
    "autoscaler-role": "arn:aws:iam::123456789012:role/holdfast/autoscaler",
    "viewers": ",",
    "editors": "arn:aws:iam::123456789012:role/dev,arn:aws:iam::123456789012:user/bo,",
    "administrators": "arn:aws:iam::123456789012:role/ops,",
    "access-table": "access",
    "tags": '{"owner": "Team Größe"}',
    "startup-taints": "ebs.csi.aws.com/agent-not-ready,",
    "addons": '{"metrics-server":{},"ebs-csi":{"role":"arn:aws:iam::123456789012:role/holdfast/ebs-csi"}}',
}
POOL = {
    "labels": {"tier": "batch"},
    "taints": [{"key": "gpu", "value": "", "effect": "NoSchedule"}],
    "startup-taints": [{"key": "ebs.csi.aws.com/agent-not-ready", "value": "", "effect": "NoExecute"}],
    "stack": "arn:aws:cloudformation:us-east-1:123456789012:stack/workers/1",
    "group": "Group",
}
UUIDS = itertools.count()


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    aws = LocalAws().start()
    yield aws.client("ssm")
    aws.stop()


@pytest.fixture
def prefix() -> str:
    """A cluster without parameters."""
    return f"/holdfast/{next(UUIDS):04}"


def put(client: Any, prefix: str, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        client.put_parameter(Name=f"{prefix}/settings/{name}", Value=value, Type="String")


def test_all_pages_of_the_settings_are_read(client: Any, prefix: str) -> None:
    put(client, prefix, STORED)
    assert len(STORED) == len(Setting) > 10, "a page has ten"
    assert read_cluster(client, prefix) == Known(
        ClusterSettings(
            cluster_id=STORED["cluster-id"],
            cluster_name="holdfast",
            api_endpoint="api.holdfast.internal",
            api_extra_names=("a.example.com", "b.example.com"),
            slots=3,
            pod_cidr="100.64.0.0/16",
            service_cidr="172.20.0.0/16",
            etcd_volume_gib=20,
            privileged_namespaces=("monitoring", "storage"),
            encryption=Encryption.NONE,
            backup_bucket="backups",
            key_arn=STORED["key-arn"],
            control_plane_log_group="control-planes",
            worker_log_group="workers",
            audit_log_group="audits",
            control_plane_stack=STORED["control-plane-stack"],
            autoscaler_role=STORED["autoscaler-role"],
            access_table="access",
            tags={"owner": "Team Größe"},
            startup_taints=("ebs.csi.aws.com/agent-not-ready",),
            addons=frozenset(Addon),
            ebs_csi_role="arn:aws:iam::123456789012:role/holdfast/ebs-csi",
            listed={
                AccessGroup.VIEW: (),
                AccessGroup.EDIT: ("arn:aws:iam::123456789012:role/dev", "arn:aws:iam::123456789012:user/bo"),
                AccessGroup.ADMIN: ("arn:aws:iam::123456789012:role/ops",),
            },
        )
    )


def test_a_lone_comma_stands_for_no_names(client: Any, prefix: str) -> None:
    put(client, prefix, {**STORED, "api-extra-names": ",", "privileged-namespaces": ","})
    reading = read_cluster(client, prefix)
    assert isinstance(reading, Known)
    assert (reading.value.api_extra_names, reading.value.privileged_namespaces) == ((), ())


def test_every_problem_is_told_by_its_parameter(client: Any, prefix: str) -> None:
    wrong = {
        "control-plane-slots": "three",
        "etcd-volume-gib": "7",
        "pod-cidr": "100.64.0.1/16",
        "network-encryption": "ipsec",
        "tags": '{"owner": 1}',
        "addons": '{"ebs-csi":{}}',
    }
    put(client, prefix, {name: value for name, value in {**STORED, **wrong}.items() if name != "key-arn"})
    assert read_cluster(client, prefix) == InvalidSettings(
        (
            f"{prefix}/settings/key-arn is missing",
            f"{prefix}/settings/control-plane-slots is 'three', allowed: a whole number from 1",
            f"{prefix}/settings/etcd-volume-gib is '7', allowed: a whole number from 8",
            f"{prefix}/settings/pod-cidr is '100.64.0.1/16', allowed: a range such as 10.0.0.0/16",
            f"{prefix}/settings/network-encryption is 'ipsec', allowed: wireguard or none",
            f"""{prefix}/settings/tags is '{{"owner": 1}}', allowed: a JSON object of texts""",
            f"""{prefix}/settings/addons is '{{"ebs-csi":{{}}}}', allowed: a JSON object by metrics-server, ebs-csi, """
            "ebs-csi with its role",
        )
    )


@pytest.mark.parametrize("text", ["[]", "x", '{"metrics-server": 1}', '{"ebs-csi": {"role": ""}}'])
def test_add_ons_that_are_not_an_object_with_what_each_needs_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^addons is .*, allowed: a JSON object"):
        cluster_settings({**STORED, "addons": text})


def test_a_cluster_has_no_add_ons_but_those_of_its_settings() -> None:
    found = cluster_settings({**STORED, "addons": '{"metrics-server":{}, "of-a-later-release":{}}'})
    assert (found.addons, found.ebs_csi_role) == (frozenset({Addon.METRICS_SERVER}), "")


def test_a_later_release_may_have_more_settings(client: Any, prefix: str) -> None:
    put(client, prefix, {**STORED, "colour": "red"})
    assert isinstance(read_cluster(client, prefix), Known)


def test_a_page_that_does_not_come_makes_all_unknown(client: Any, prefix: str) -> None:
    put(client, prefix, STORED)

    def second_page(params: dict[str, Any], **_: Any) -> None:
        if "NextToken" in params:
            raise ReadTimeoutError(endpoint_url="https://ssm")

    event = "provide-client-params.ssm.GetParametersByPath"
    client.meta.events.register(event, second_page)
    try:
        assert read_cluster(client, prefix) == Unknown("GetParametersByPath: ReadTimeoutError", "ReadTimeoutError")
    finally:
        client.meta.events.unregister(event, second_page)


def test_a_pool_has_labels_taints_and_a_group(client: Any, prefix: str) -> None:
    client.put_parameter(Name=f"{prefix}/pools/batch", Value=json.dumps(POOL), Type="String")
    assert read_pool(client, prefix, "batch") == Known(
        PoolSettings(
            {"tier": "batch"},
            (Taint("gpu", "NoSchedule"),),
            (Taint("ebs.csi.aws.com/agent-not-ready", "NoExecute"),),
            str(POOL["stack"]),
            "Group",
        )
    )


def test_a_pool_that_is_not_there_is_named(client: Any, prefix: str) -> None:
    assert read_pool(client, prefix, "batch") == InvalidSettings((f"{prefix}/pools/batch is missing",))


def test_a_pool_that_cannot_be_read_is_unknown(client: Any, prefix: str) -> None:
    def lose(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://ssm")

    event = "after-call.ssm.GetParameter"
    client.meta.events.register(event, lose)
    try:
        assert read_pool(client, prefix, "batch") == Unknown("GetParameter: ReadTimeoutError", "ReadTimeoutError")
    finally:
        client.meta.events.unregister(event, lose)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps({**POOL, "labels": "a=b"}),
        json.dumps({**POOL, "labels": {"a": 1}}),
        json.dumps({**POOL, "taints": [{"key": "a"}]}),
        json.dumps({**POOL, "taints": 7}),
        json.dumps({**POOL, "startup-taints": [{"key": "a", "effect": "NoSchedule", "value": 1}]}),
        json.dumps({**POOL, "group": None}),
    ],
)
def test_a_pool_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        pool_settings(text)
