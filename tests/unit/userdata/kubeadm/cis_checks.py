"""The checks of the CIS Kubernetes Benchmark 1.12 that files and arguments answer, as kube-bench's cis-1.12 asks them.

Each looks at what the real kubeadm makes of our configuration, after the node program's own part (`rendered`).
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from imagebuilder import configure, places
from imagebuilder.configure import Settings
from tests.programs import RELEASES, program
from tests.unit.userdata.kubeadm.examples import CLUSTER, CONTROL_PLANE, TOKEN
from userdata.host.files import private, write
from userdata.kubeadm import api_server, init_config
from userdata.kubeadm.documents import Timeouts
from userdata.kubeadm.leftovers import tidy
from userdata.kubeadm.node import Host
from userdata.kubeadm.places import INIT_FILE
from userdata.pki import placing
from userdata.pki.issuing import new_pki

_PHASES = ("certs all", "kubeconfig all", "control-plane all", "etcd local", "kubelet-start")
# What kubeadm's dry run writes into one folder, and where it is on a node.
_PLACES = (
    (r"kube-.*\.yaml|etcd\.yaml", "/etc/kubernetes/manifests"),
    (r".*\.conf", "/etc/kubernetes"),
    (r"(etcd/)?[a-z-]+\.(crt|key|pub)", "/etc/kubernetes/pki"),
    (r"config\.yaml|instance-config\.yaml|kubeadm-flags\.env", "/var/lib/kubelet"),
)
API, CONTROLLERS, SCHEDULER, ETCD = _PODS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
_MANIFESTS = "/etc/kubernetes/manifests"
_KUBELET_FILE = f"{places.UNIT_FOLDER}/kubelet.service"
_STRONG = {
    f"TLS_ECDHE_{key}_WITH_{cipher}"
    for key in ("ECDSA", "RSA")
    for cipher in ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305")
}


@dataclass(frozen=True)
class Rendered:
    """A control plane's files below `root`, and the arguments of what runs on it."""

    root: Path
    arguments: Mapping[str, Mapping[str, str]]
    """Of each program: name -> value."""
    kubelet: Mapping[str, Any]
    """KubeletConfiguration."""
    as_root: bool
    """Whether the node program, and so whatever it starts, runs as root and writes as root."""

    def modes(self, pattern: str) -> list[int]:
        """The modes of the files that fit; there has to be one."""
        found = [path.stat().st_mode & 0o777 for path in self.root.glob(pattern.lstrip("/"))]
        assert found, f"{pattern} is not rendered"
        return found


def rendered(folder: Path, minor: str) -> Rendered:
    """What a founder of this minor has on its disk once kubeadm has ended, but for etcd's data."""
    root, made, told = folder / "root", folder / "made", folder / "init.json"
    version = next(release.version for release in RELEASES if release.minor == minor)
    cluster = replace(CLUSTER, version=version, kube_proxy=False)
    told.write_text(init_config.configuration(cluster, CONTROL_PLANE, TOKEN, 3600, Host(), Timeouts()))
    made.mkdir()
    for phase in _PHASES:
        command = [str(program("kubeadm", minor)), "init", "phase", *phase.split(), "--dry-run", "--config", str(told)]
        environment = {**os.environ, "KUBEADM_INIT_DRYRUN_DIR": str(made)}
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    configure.write(root, image := configure.entries(Settings("pause")))
    for path in sorted(made.rglob("*")):
        name = str(path.relative_to(made))
        for pattern, place in _PLACES:
            if path.is_file() and re.fullmatch(pattern, name):
                target = root / place.lstrip("/") / name
                target.parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)
                break
    assert [path for path in made.rglob("*") if path.is_file()] == []
    pki = new_pki(datetime.now(UTC))
    write(root, {**placing.files(pki), **api_server.files(pki.encryption, (), ()), INIT_FILE: private("{}")})
    tidy(root)
    boot = image[f"{places.UNIT_FOLDER}/{places.BOOT_UNIT}"]
    assert isinstance(boot, configure.File)
    return Rendered(
        root,
        {name: _arguments(root, name) for name in _PODS}
        | {"kubelet": _flags((root / "var/lib/kubelet/kubeadm-flags.env").read_text())},
        yaml.safe_load((root / "var/lib/kubelet/config.yaml").read_text()),
        not re.search(r"^(User|DynamicUser)=", boot.text, re.MULTILINE),
    )


def _arguments(root: Path, name: str) -> dict[str, str]:
    manifest = yaml.safe_load((root / f"{_MANIFESTS}/{name}.yaml".lstrip("/")).read_text())
    (container,) = manifest["spec"]["containers"]
    return _pairs(container["command"][1:])


def _flags(text: str) -> dict[str, str]:
    return _pairs(shlex.split(text.strip().partition("=")[2].strip('"')))


def _pairs(words: list[str]) -> dict[str, str]:
    return {name.removeprefix("--"): value for name, _, value in (word.partition("=") for word in words)}


Check = Callable[[Rendered], bool]


def _mode(pattern: str, most: int) -> Check:
    return lambda node: not any(mode & ~most for mode in node.modes(pattern))


def _of_root(pattern: str) -> Check:
    return lambda node: node.as_root and bool(node.modes(pattern))


def _set(of: str, *names: str) -> Check:
    return lambda node: all(node.arguments[of].get(name) for name in names)


def _unset(of: str, name: str) -> Check:
    return lambda node: name not in node.arguments[of]


def _is(of: str, name: str, value: str) -> Check:
    return lambda node: node.arguments[of].get(name) == value


def _has(of: str, name: str, word: str, *, default: str = "") -> Check:
    return lambda node: word in node.arguments[of].get(name, default).split(",")


def _without(of: str, name: str, word: str) -> Check:
    return lambda node: word not in node.arguments[of].get(name, "").split(",")


def _at_least(of: str, name: str, least: int) -> Check:
    return lambda node: int(node.arguments[of].get(name, "0")) >= least


def _kubelet(path: str, is_right: Callable[[Any], bool]) -> Check:
    def check(node: Rendered) -> bool:
        found: Any = node.kubelet
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return is_right(found)

    return check


def _strong(suites: Any) -> bool:
    return bool(suites) and set(suites) <= _STRONG


def _providers(node: Rendered) -> bool:
    found = yaml.safe_load((node.root / "etc/kubernetes/api-server/encryption.json").read_text())
    return [[*each] for each in found["resources"][0]["providers"]] in ([["secretbox"]], [["kms"]], [["aescbc"]])


_PLUGINS = "enable-admission-plugins"

CHECKS: Mapping[str, Check] = {
    **{f"1.1.{2 * at + 1}": _mode(f"{_MANIFESTS}/{name}.yaml", 0o600) for at, name in enumerate(_PODS)},
    **{f"1.1.{2 * at + 2}": _of_root(f"{_MANIFESTS}/{name}.yaml") for at, name in enumerate(_PODS)},
    "1.1.9": _unset("kubelet", "cni-conf-dir"),
    "1.1.10": _unset("kubelet", "cni-conf-dir"),
    "1.1.12": lambda node: not node.as_root,
    # One file: super-admin.conf is none of them.
    "1.1.13": lambda node: node.modes("/etc/kubernetes/*admin.conf") == [0o600],
    "1.1.14": _of_root("/etc/kubernetes/*admin.conf"),
    "1.1.15": _mode("/etc/kubernetes/scheduler.conf", 0o600),
    "1.1.16": _of_root("/etc/kubernetes/scheduler.conf"),
    "1.1.17": _mode("/etc/kubernetes/controller-manager.conf", 0o600),
    "1.1.18": _of_root("/etc/kubernetes/controller-manager.conf"),
    "1.1.19": _of_root("/etc/kubernetes/pki/**/*"),
    "1.1.20": _mode("/etc/kubernetes/pki/**/*.crt", 0o644),
    "1.1.21": _mode("/etc/kubernetes/pki/**/*.key", 0o600),
    "1.2.1": _is(API, "anonymous-auth", "false"),
    "1.2.2": _unset(API, "token-auth-file"),
    "1.2.3": _has(API, _PLUGINS, "DenyServiceExternalIPs"),
    "1.2.4": _set(API, "kubelet-client-certificate", "kubelet-client-key"),
    "1.2.5": _set(API, "kubelet-certificate-authority"),
    "1.2.6": lambda node: "AlwaysAllow" not in node.arguments[API].get("authorization-mode", "AlwaysAllow"),
    "1.2.7": _has(API, "authorization-mode", "Node"),
    "1.2.8": _has(API, "authorization-mode", "RBAC"),
    "1.2.9": _has(API, _PLUGINS, "EventRateLimit"),
    "1.2.10": _without(API, _PLUGINS, "AlwaysAdmit"),
    "1.2.11": _has(API, _PLUGINS, "AlwaysPullImages"),
    "1.2.12": _without(API, "disable-admission-plugins", "ServiceAccount"),
    "1.2.13": _without(API, "disable-admission-plugins", "NamespaceLifecycle"),
    "1.2.14": _has(API, _PLUGINS, "NodeRestriction"),
    "1.2.15": _is(API, "profiling", "false"),
    "1.2.16": _set(API, "audit-log-path"),
    "1.2.17": _at_least(API, "audit-log-maxage", 30),
    "1.2.18": _at_least(API, "audit-log-maxbackup", 10),
    "1.2.19": _at_least(API, "audit-log-maxsize", 100),
    "1.2.21": lambda node: node.arguments[API].get("service-account-lookup", "true") == "true",
    "1.2.22": _set(API, "service-account-key-file"),
    "1.2.23": _set(API, "etcd-certfile", "etcd-keyfile"),
    "1.2.24": _set(API, "tls-cert-file", "tls-private-key-file"),
    "1.2.25": _set(API, "client-ca-file"),
    "1.2.26": _set(API, "etcd-cafile"),
    "1.2.27": _set(API, "encryption-provider-config"),
    "1.2.28": _providers,
    "1.2.29": lambda node: _strong(node.arguments[API].get("tls-cipher-suites", "").split(",")),
    "1.2.30": _is(API, "service-account-extend-token-expiration", "false"),
    "1.3.1": _set(CONTROLLERS, "terminated-pod-gc-threshold"),
    "1.3.2": _is(CONTROLLERS, "profiling", "false"),
    "1.3.3": _is(CONTROLLERS, "use-service-account-credentials", "true"),
    "1.3.4": _set(CONTROLLERS, "service-account-private-key-file"),
    "1.3.5": _set(CONTROLLERS, "root-ca-file"),
    "1.3.6": _without(CONTROLLERS, "feature-gates", "RotateKubeletServerCertificate=false"),
    "1.3.7": _is(CONTROLLERS, "bind-address", "127.0.0.1"),
    "1.4.1": _is(SCHEDULER, "profiling", "false"),
    "1.4.2": _is(SCHEDULER, "bind-address", "127.0.0.1"),
    "2.1": _set(ETCD, "cert-file", "key-file"),
    "2.2": _is(ETCD, "client-cert-auth", "true"),
    "2.3": lambda node: node.arguments[ETCD].get("auto-tls", "false") == "false",
    "2.4": _set(ETCD, "peer-cert-file", "peer-key-file"),
    "2.5": _is(ETCD, "peer-client-cert-auth", "true"),
    "2.6": lambda node: node.arguments[ETCD].get("peer-auto-tls", "false") == "false",
    "2.7": lambda node: node.arguments[ETCD]["trusted-ca-file"] not in ("", node.arguments[API]["client-ca-file"]),
    "3.2.1": _set(API, "audit-policy-file"),
    "4.1.1": _mode(_KUBELET_FILE, 0o600),
    "4.1.2": _of_root(_KUBELET_FILE),
    "4.1.5": _mode("/etc/kubernetes/kubelet.conf", 0o600),
    "4.1.6": _of_root("/etc/kubernetes/kubelet.conf"),
    "4.1.7": _mode("/etc/kubernetes/pki/ca.crt", 0o644),
    "4.1.8": _of_root("/etc/kubernetes/pki/ca.crt"),
    "4.1.9": _mode("/var/lib/kubelet/*config.yaml", 0o600),
    "4.1.10": _of_root("/var/lib/kubelet/config.yaml"),
    "4.2.1": _kubelet("authentication.anonymous.enabled", lambda value: value is False),
    "4.2.2": _kubelet("authorization.mode", lambda value: value == "Webhook"),
    "4.2.3": _kubelet("authentication.x509.clientCAFile", bool),
    "4.2.4": _kubelet("readOnlyPort", lambda value: value in (None, 0)),
    "4.2.5": _kubelet("streamingConnectionIdleTimeout", lambda value: value not in (0, "0", "0s")),
    "4.2.6": _kubelet("makeIPTablesUtilChains", lambda value: value in (None, True)),
    "4.2.7": _unset("kubelet", "hostname-override"),
    "4.2.8": _kubelet("eventRecordQPS", lambda value: value is None or value >= 0),
    "4.2.9": _kubelet("tlsCertFile", bool),
    "4.2.10": _kubelet("rotateCertificates", lambda value: value in (None, True)),
    "4.2.11": _kubelet("featureGates.RotateKubeletServerCertificate", lambda value: value in (None, True)),
    "4.2.12": _kubelet("tlsCipherSuites", _strong),
    "4.2.13": _kubelet("podPidsLimit", lambda value: isinstance(value, int) and value > 0),
    "4.2.14": _kubelet("seccompDefault", lambda value: value is True),
}
SCORED = frozenset(
    [f"1.1.{at}" for at in range(1, 22) if at not in (9, 10, 20, 21)]
    + [f"1.2.{at}" for at in (2, *range(4, 9), 10, *range(12, 20), *range(21, 27), 30)]
    + [f"1.3.{at}" for at in range(2, 8)]
    + [f"1.4.{at}" for at in (1, 2)]
    + [f"2.{at}" for at in range(1, 7)]
    + [f"4.1.{at}" for at in (1, 2, 5, 6, 9, 10)]
    + [f"4.2.{at}" for at in (1, 2, 3, 6, 10)]
    + ["4.3.1"]
)
