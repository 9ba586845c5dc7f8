"""The certificates of a node: when they are due, and what has to be restarted for them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from coordination.outcomes import Known, Unknown
from userdata.pki.inspecting import Certificate
from userdata.pki.inventory import (
    CONTROL_PLANE,
    KUBELET,
    HeldCertificate,
    Pod,
    Renewal,
    due,
    pem_of,
    stale,
)
from userdata.pki.issuing import BACKDATED, Subject, issue, new_authority

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BY_NAME = {place.name: place for place in (*CONTROL_PLANE, *KUBELET)}


def held(name: str, days_left: float, lifetime_days: float = 90) -> HeldCertificate:
    ends = NOW + days_left * DAY
    return HeldCertificate(
        BY_NAME[name], Known(Certificate("CN=x", "CN=y", ends - lifetime_days * DAY - BACKDATED, ends))
    )


@pytest.mark.parametrize(
    ("days_left", "is_due", "is_alarming"),
    [(89, False, False), (31, False, False), (29, True, False), (19, True, False), (17, True, True), (-1, True, True)],
)
def test_a_certificate_is_due_when_a_third_is_left_and_alarms_at_a_fifth(
    days_left: float, is_due: bool, is_alarming: bool
) -> None:
    assert held("apiserver", days_left).is_due(NOW) is is_due
    assert held("apiserver", days_left).is_alarming(NOW) is is_alarming


def test_a_certificate_of_a_minute_is_not_due_when_it_is_new() -> None:
    minute = 1 / (24 * 60)
    assert not held("apiserver", minute, minute).is_due(NOW)
    assert held("apiserver", minute / 4, minute).is_due(NOW)


def test_only_what_the_agent_renews_is_due_to_it() -> None:
    assert due([held("ca", 1), held("kubelet-client", 1), held("admin.conf", 1)], NOW) == ("admin.conf",)
    assert held("kubelet-client", 1).is_alarming(NOW)


def test_what_is_missing_or_cannot_be_read_is_not_due() -> None:
    assert (
        due(
            [HeldCertificate(BY_NAME["apiserver"], Known(None)), HeldCertificate(BY_NAME["admin.conf"], Unknown("?"))],
            NOW,
        )
        == ()
    )


def test_a_pod_that_started_before_its_certificates_changed_is_stale() -> None:
    changed = {Pod.API_SERVER: 100.0, Pod.ETCD: 100.0, Pod.SCHEDULER: 100.0}
    started = {Pod.SCHEDULER: 99.9, Pod.API_SERVER: 100.1, Pod.ETCD: 50.0, Pod.CONTROLLER_MANAGER: 1.0}
    assert stale(started, changed) == (Pod.ETCD, Pod.SCHEDULER)


def test_a_pod_that_does_not_run_will_start_with_what_is_there() -> None:
    assert stale({Pod.ETCD: None}, {Pod.ETCD: 100.0}) == ()


def test_every_certificate_of_kubeadm_that_a_pod_reads_names_the_pod() -> None:
    without = {place.name for place in CONTROL_PLANE if place.renewal is Renewal.AGENT and place.user is None}
    assert without == {"etcd/healthcheck-client", "admin.conf"}


def test_a_control_plane_may_be_without_the_administrators_kubeconfig_alone() -> None:
    assert [place.name for place in CONTROL_PLANE if place.optional] == ["admin.conf"]


def test_a_certificate_is_found_in_pem_beside_a_key_and_in_a_kubeconfig_and_the_key_is_left() -> None:
    leaf = issue(new_authority("kubernetes", NOW), Subject("x"), ["clientAuth"], NOW, DAY)
    encoded = base64.b64encode(leaf.certificate.encode()).decode()
    assert pem_of(leaf.certificate) == leaf.certificate
    assert pem_of(leaf.key + leaf.certificate) == leaf.certificate
    assert pem_of(f"users:\n- name: x\n  user:\n    client-certificate-data: {encoded}\n") == leaf.certificate
    assert pem_of(f'{{\n"client-certificate-data": "{encoded}",\n}}') == leaf.certificate
    assert pem_of("users: []\n") == ""
    assert pem_of(leaf.key) == ""
