"""The renewal of a control plane's certificates, with real certificates and pods that are played."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from coordination.outcomes import Known, Reading
from tests.unit.userdata.agent.looks import THREE, view
from userdata.agent.certificate_renewal import LOADED_FILE, CertificateContext, found, renew
from userdata.agent.etcd_restart import TooFewVoters, Verdict, judge
from userdata.etcd.view import EtcdView
from userdata.host.commands import Finished
from userdata.host.files import private, write
from userdata.kubeadm.certs_config import COMMAND, RENEW_FILE
from userdata.kubeadm.static_pods import STAMP
from userdata.logs.lines import StageFailed
from userdata.pki.inventory import CONTROL_PLANE, Place, Pod, Renewal, due
from userdata.pki.issuing import Subject, issue, new_authority

NOW = datetime.now(UTC).replace(microsecond=0)
AUTHORITY = new_authority("kubernetes", NOW)
LONG, MONTH, SHORT = timedelta(days=365), timedelta(days=30), timedelta(minutes=2)
MANIFEST = "kind: Pod\nmetadata:\n  labels:\n    a: b\nspec: {}\n"


@cache
def certificate(lifetime: timedelta, number: int) -> str:
    """The certificate that a machine of a test issues as its so-many-th set. openssl is asked once for all places."""
    # One that is short has begun long ago.
    begun = NOW if lifetime == LONG else NOW - 10 * lifetime
    return issue(
        AUTHORITY, Subject(f"set-{number}"), ["clientAuth"], begun, lifetime * (1 if lifetime == LONG else 11)
    ).certificate


class Machine:
    """A control plane: kubeadm is played by issuing anew, the kubelet by starting pods whose manifest changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.commands: list[tuple[str, ...]] = []
        self.leases: list[str] = []
        self.busy = ""
        self.lost = ""
        self.etcd: Reading[EtcdView] = Known(view(*THREE))
        self.conditions: list[TooFewVoters | None] = [None]
        self.judged: list[list[str]] = []
        """The leases at each look at etcd."""
        self.silent: set[Pod] = set()
        self.dead_kubelet = False
        self.kubeadm = Finished(0, "")
        self.moment = 1_000.0
        self.sets = 0
        self.issue(LONG)
        write(root, {self.manifest(pod): private(MANIFEST) for pod in Pod})
        self.moment += 10
        self.running: dict[Pod, tuple[str, float]] = dict.fromkeys(Pod, (MANIFEST, self.moment))

    @staticmethod
    def manifest(pod: Pod) -> str:
        return f"/etc/kubernetes/manifests/{pod}.yaml"

    def issue(self, lifetime: timedelta, names: Sequence[str] = ()) -> None:
        self.moment += 10
        self.sets += 1
        for place in CONTROL_PLANE:
            # kubeadm renews what is there, and passes over the rest.
            is_there = self.sets == 1 or (self.root / place.path.lstrip("/")).exists()
            if is_there and (not names or place.name in names):
                self._place(place, LONG if place.renewal is Renewal.NOBODY else lifetime)

    def ages(self, left: timedelta) -> None:
        """Every pod has read certificates that are good for so long still."""
        self.issue(left)
        self.moment += 10
        self.running = dict.fromkeys(Pod, (MANIFEST, self.moment))

    def _place(self, place: Place, lifetime: timedelta) -> None:
        content = certificate(lifetime, self.sets)
        if place.name.endswith(".conf"):
            content = f"    client-certificate-data: {base64.b64encode(content.encode()).decode()}\n"
        write(self.root, {place.path: private(content)})
        os.utime(self.root / place.path.lstrip("/"), (self.moment, self.moment))

    def run(self, command: Sequence[str], seconds: float) -> Finished:
        self.commands.append(tuple(command))
        if self.kubeadm.succeeded:
            self.issue(LONG)
        return self.kubeadm

    def started(self) -> Mapping[Pod, float | None]:
        for pod in Pod:
            text = (self.root / self.manifest(pod).lstrip("/")).read_text()
            if text != self.running[pod][0] and not self.dead_kubelet:
                self.moment += 1
                self.running[pod] = (text, self.moment)
        return {pod: moment for pod, (_, moment) in self.running.items()}

    def restarted(self) -> list[Pod]:
        return [pod for pod in Pod if STAMP in self.running[pod][0]]

    @contextmanager
    def during(self) -> Iterator[None]:
        if self.busy:
            raise StageFailed(self.busy)
        self.leases.append("taken")
        try:
            yield
        finally:
            self.leases.append("let go")

    def judge(self, ends: float | None, now: float) -> Verdict:
        self.judged.append([*self.leases])
        return judge(self.etcd, "i-1", ends, now)

    def require(self) -> None:
        if self.lost:
            raise StageFailed(self.lost)

    def until(self, look: Callable[[], bool], seconds: float) -> bool:
        return look()

    def surroundings(self) -> CertificateContext:
        return CertificateContext(
            root=self.root,
            lease=self,
            configuration="{}",
            run=self.run,
            started=self.started,
            why_not_serving=lambda pod: f"{pod} is silent" if pod in self.silent else "",
            judge=self.judge,
            tell=self.conditions.append,
            until=self.until,
            now=lambda: NOW,
        )

    def renew(self) -> str:
        return renew(self.surroundings())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nothing_is_done_while_nothing_is_due(machine: Machine) -> None:
    assert machine.renew() == ""
    assert (machine.commands, machine.leases, machine.restarted()) == ([], [], [])


def test_what_is_due_is_renewed_and_every_pod_restarted_under_the_lease(machine: Machine) -> None:
    machine.issue(SHORT)
    assert len(due(found(machine.root), NOW)) == 10
    said = machine.renew()
    assert said == (
        "renewed 10 certificates that were due, and the others with them; "
        "restarted etcd, kube-apiserver, kube-controller-manager, kube-scheduler"
    )
    assert machine.commands == [COMMAND]
    assert machine.leases == ["taken", "let go"]
    assert machine.restarted() == list(Pod)
    assert due(found(machine.root), NOW) == ()
    assert (machine.root / RENEW_FILE.lstrip("/")).stat().st_mode & 0o777 == 0o600
    assert machine.renew() == ""


def test_a_crash_between_renewal_and_restart_is_made_good_without_a_second_renewal(machine: Machine) -> None:
    # Renewed after the pods have started, and nothing else happened.
    machine.issue(LONG)
    assert machine.renew().startswith("restarted etcd")
    assert machine.commands == []
    assert machine.restarted() == list(Pod)


def test_only_pods_whose_certificates_changed_are_restarted(machine: Machine) -> None:
    machine.issue(LONG, names=["scheduler.conf"])
    assert machine.renew() == "restarted kube-scheduler"
    assert machine.restarted() == [Pod.SCHEDULER]


def test_etcd_waits_until_a_majority_answers_without_it(machine: Machine) -> None:
    machine.issue(SHORT)
    machine.etcd = Known(view(*THREE, problems={3: "no answer"}))
    with pytest.raises(StageFailed, match=r"etcd is not restarted .* i-3 \(10\.0\.0\.3\): no answer"):
        machine.renew()
    assert machine.restarted() == [Pod.API_SERVER, Pod.CONTROLLER_MANAGER, Pod.SCHEDULER]
    machine.etcd = Known(view(*THREE))
    assert machine.renew() == "restarted etcd"
    assert set(machine.conditions) == {None}


def test_a_majority_that_goes_between_the_look_before_the_lease_and_the_restart_is_seen(machine: Machine) -> None:
    machine.issue(LONG, names=["etcd/server"])
    node = machine.surroundings()

    def looks(ends: float | None, now: float) -> Verdict:
        found = machine.judge(ends, now)
        machine.etcd = Known(view(*THREE, problems={3: "no answer"}))
        return found

    with pytest.raises(StageFailed, match="etcd is not restarted"):
        renew(replace(node, judge=looks))
    assert machine.judged == [[], ["taken"]]
    assert machine.restarted() == []


def test_of_two_voters_etcd_waits_with_a_condition_and_without_the_lease_and_the_others_are_restarted(
    machine: Machine,
) -> None:
    machine.etcd = Known(view(*THREE[:2]))
    machine.ages(MONTH)
    assert machine.renew().endswith("restarted kube-apiserver, kube-controller-manager, kube-scheduler")
    assert machine.conditions[-1] == TooFewVoters("without this node's there would be no majority of 2 voters of etcd")
    machine.leases.clear()
    assert machine.renew() == ""
    assert machine.leases == []
    machine.etcd = Known(view(*THREE))
    assert machine.renew() == "restarted etcd"
    assert machine.conditions[-1] is None


def test_of_two_voters_etcd_is_restarted_all_the_same_within_three_days_of_the_end_of_what_it_has_read(
    machine: Machine,
) -> None:
    machine.etcd = Known(view(*THREE[:2]))
    machine.ages(MONTH)
    machine.renew()
    node = machine.surroundings()
    assert renew(replace(node, now=lambda: NOW + MONTH - timedelta(days=3))) == ""
    assert renew(replace(node, now=lambda: NOW + MONTH - timedelta(days=3, seconds=-1))) == "restarted etcd"


def test_a_second_renewal_does_not_forget_what_etcd_has_read(machine: Machine) -> None:
    machine.etcd = Known(view(*THREE[:2]))
    machine.ages(MONTH)
    machine.renew()
    machine.issue(timedelta(days=40), names=["admin.conf"])
    machine.renew()
    assert float((machine.root / LOADED_FILE.lstrip("/")).read_text()) == (NOW + MONTH).timestamp()


def test_where_nobody_knows_what_etcd_has_read_it_waits_and_the_condition_says_so(machine: Machine) -> None:
    machine.etcd = Known(view(*THREE[:2]))
    machine.issue(LONG)
    machine.renew()
    assert machine.conditions[-1] is not None
    assert Pod.ETCD not in machine.restarted()


def test_a_pod_that_does_not_come_back_stops_the_rest_and_is_named(machine: Machine) -> None:
    machine.issue(SHORT)
    machine.silent = {Pod.API_SERVER}
    with pytest.raises(StageFailed, match=r"kube-apiserver does not serve 180 s after its restart: .* is silent"):
        machine.renew()
    assert machine.restarted() == [Pod.ETCD, Pod.API_SERVER]
    assert machine.leases == ["taken", "let go"]


def test_a_kubelet_that_does_not_act_is_not_taken_for_a_restart(machine: Machine) -> None:
    machine.issue(SHORT)
    machine.dead_kubelet = True
    with pytest.raises(StageFailed, match=r"etcd does not serve .* it has not been started again"):
        machine.renew()


def test_whoever_loses_the_lease_restarts_nothing_more(machine: Machine) -> None:
    machine.issue(SHORT)
    machine.lost = "the lease restart is not this node's any more"
    with pytest.raises(StageFailed, match="not this node's any more"):
        machine.renew()
    assert machine.restarted() == []


def test_while_another_node_restarts_its_own_certificates_are_renewed_all_the_same(machine: Machine) -> None:
    machine.issue(SHORT)
    machine.busy = "i-2 holds lease#restart"
    with pytest.raises(StageFailed, match="i-2 holds"):
        machine.renew()
    assert machine.commands
    assert machine.restarted() == []
    machine.busy = ""
    assert "restarted" in machine.renew()


def test_a_renewal_that_fails_restarts_nothing_and_says_what_kubeadm_said(machine: Machine) -> None:
    machine.issue(SHORT)
    machine.kubeadm = Finished(1, "[renew] Reading\n\nerror: no CA key\n")
    with pytest.raises(StageFailed, match=r"kubeadm did not renew apiserver, .*: error: no CA key"):
        machine.renew()
    assert machine.leases == []


def test_a_success_that_renewed_nothing_is_not_believed(machine: Machine) -> None:
    machine.issue(SHORT)
    node = replace(machine.surroundings(), run=lambda command, seconds: Finished(0, "renewed"))
    with pytest.raises(StageFailed, match=r"kubeadm succeeded, and apiserver, .* are due all the same"):
        renew(node)


def test_a_node_without_the_administrators_kubeconfig_lacks_nothing(machine: Machine) -> None:
    (machine.root / "etc/kubernetes/admin.conf").unlink()
    assert machine.renew() == ""
    machine.issue(SHORT)
    assert machine.renew().startswith("renewed 9 certificates that were due, and the others with them; restarted etcd")
    assert not (machine.root / "etc/kubernetes/admin.conf").exists()


def test_a_certificate_that_is_missing_or_unreadable_is_told(machine: Machine) -> None:
    (machine.root / "etc/kubernetes/pki/apiserver.crt").unlink()
    (machine.root / "etc/kubernetes/admin.conf").write_text("nothing")
    with pytest.raises(StageFailed) as failed:
        machine.renew()
    assert str(failed.value) == (
        "/etc/kubernetes/admin.conf holds no certificate; /etc/kubernetes/pki/apiserver.crt is missing"
    )
