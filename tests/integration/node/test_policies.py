"""A real kube-apiserver holds nodes, token holders, agents and Cilium's agents to what is their own."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from coordination.names import Encryption
from coordination.outcomes import Done, Known
from imagebuilder.addons import cilium_policies, policies
from tests.integration.node.kube import Kube, serving
from tests.programs import EACH_MINOR
from tests.unit.userdata.requests import of_node
from tests.waiting import wait_for
from userdata.addons.filling import Values, filled
from userdata.kube.client import Api
from userdata.kube.outcomes import ApiInvalid, Change, Forbidden
from userdata.kube.resources import (
    CLUSTER_ROLE_BINDINGS,
    NODES,
    PODS,
    SECRETS,
    SIGNING_REQUESTS,
    Object,
    Resource,
)
from userdata.kube.rights import CLIENT_SIGNER
from userdata.kubeadm.tokens import GROUP
from userdata.pki.issuing import Subject, new_key

ONE, OTHER = "i-0000000000000000a", "i-0000000000000000b"
ADDRESSES = {ONE: "10.0.0.5", OTHER: "10.0.0.6"}
ADDRESS_OF = {ONE: "100.64.1.9", OTHER: "100.64.2.9"}
RANGES = {ONE: "100.64.1.0/24", OTHER: "100.64.2.0/24"}
RBAC = "rbac.authorization.k8s.io"
CILIUM_NODES = Resource("cilium.io/v2", "ciliumnodes")
CILIUM_ENDPOINTS = Resource("cilium.io/v2", "ciliumendpoints")
CILIUM_IDENTITIES = Resource("cilium.io/v2", "ciliumidentities")
SERVICE_ACCOUNTS = Resource("v1", "serviceaccounts")
DEFINITIONS = Resource("apiextensions.k8s.io/v1", "customresourcedefinitions")
KINDS = {CILIUM_NODES: "CiliumNode", CILIUM_ENDPOINTS: "CiliumEndpoint", CILIUM_IDENTITIES: "CiliumIdentity"}
ADMISSION = {
    "ValidatingAdmissionPolicy": Resource("admissionregistration.k8s.io/v1", "validatingadmissionpolicies"),
    "ValidatingAdmissionPolicyBinding": Resource(
        "admissionregistration.k8s.io/v1", "validatingadmissionpolicybindings"
    ),
}
VALUES = Values("0b1c", "us-east-1", "api.holdfast.internal", "100.64.0.0/16", Encryption.WIREGUARD, ())
REQUEST = of_node(ONE, key=new_key())


def head(version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}


def node(name: str, provider_id: str = "") -> dict[str, Any]:
    return {**head("v1", "Node", name), "spec": {"providerID": provider_id} if provider_id else {}}


@pytest.fixture(scope="module", params=EACH_MINOR)
def kube(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """An API server of each minor with two nodes, Cilium's kinds and account, and the policies."""
    with serving(tmp_path_factory, request.param) as made:
        for name, address in ADDRESSES.items():
            assert made.master.create(NODES, node(name)) == Done()
            status = {"status": {"addresses": [{"type": "InternalIP", "address": address}]}}
            master = made.server.user(Subject("master", "system:masters"))
            path = f"{NODES.path(name)}/status"
            assert made.server.ask("PUT", path, master, {**node(name), **status})[0] == 200
        bound = {
            **head(f"{RBAC}/v1", "ClusterRoleBinding", "cilium"),
            "subjects": [{"kind": "ServiceAccount", "name": "cilium", "namespace": "kube-system"}],
            # Rights are not what is tried here.
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        }
        assert made.master.create(CLUSTER_ROLE_BINDINGS, bound) == Done()
        account = head("v1", "ServiceAccount", "cilium")
        assert made.master.create(SERVICE_ACCOUNTS, account, "kube-system") == Done()
        listed = policies.objects([*policies.POLICIES, *cilium_policies.POLICIES])
        document: Any = filled({"policies": json.dumps({"kind": "List", "items": listed})}, VALUES)["policies"]
        for each in document["items"]:
            assert made.master.create(ADMISSION[each["kind"]], each) == Done()
        # Later than the policies: Cilium's operator makes them.
        for resource, kind in KINDS.items():
            assert made.master.create(DEFINITIONS, definition(resource, kind)) == Done()
        wait_for(lambda: isinstance(made.master.list(CILIUM_NODES), Known), "Cilium's kinds", pause_seconds=0.2)
        for name, cidr in RANGES.items():
            given = {**head(CILIUM_NODES.api, "CiliumNode", name), "spec": {**ranges(cidr), **at(ADDRESSES[name])}}
            assert made.master.create(CILIUM_NODES, given) == Done()
        yield made


def definition(resource: Resource, kind: str) -> Object:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v2", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    scope = "Namespaced" if resource == CILIUM_ENDPOINTS else "Cluster"
    names = {"kind": kind, "plural": resource.plural, "singular": kind.lower()}
    return {
        **head(DEFINITIONS.api, "CustomResourceDefinition", f"{resource.plural}.cilium.io"),
        "spec": {"group": "cilium.io", "scope": scope, "names": names, "versions": [version]},
    }


def refused(change: Change) -> str:
    """What a policy says; empty where it lets pass."""
    if isinstance(change, Forbidden | ApiInvalid):
        return change.reason
    assert change == Done(), change
    return ""


def as_node(kube: Kube, name: str) -> Api:
    return kube.user(Subject(f"system:node:{name}", "system:nodes"))


# nodes


def test_a_node_is_its_own_instance(kube: Kube) -> None:
    name = "i-0000000000000000c"
    of_another = node(name, f"aws:///us-east-1a/{ONE}")

    def said() -> str:
        change = as_node(kube, name).create(NODES, of_another)
        if change == Done():
            kube.master.delete(NODES, name)
        return refused(change)

    wait_for(said, "the policy is in force", pause_seconds=0.2)
    assert "the providerID of a Node is that of its own instance" in said()
    both = node(name, f"aws:///us-east-1a/{ONE}/{name}")
    assert "the providerID of a Node is that of its own instance" in refused(as_node(kube, name).create(NODES, both))
    assert refused(as_node(kube, name).create(NODES, node(name, f"aws:///us-east-1a/{name}"))) == ""


def signing(name: str, request: str) -> Object:
    spec = {
        "request": base64.b64encode(request.encode()).decode(),
        "signerName": CLIENT_SIGNER,
        "usages": ["digital signature", "client auth"],
    }
    return {**head(SIGNING_REQUESTS.api, "CertificateSigningRequest", name), "spec": spec}


def test_requests_with_a_token_are_small_and_named_as_ours(kube: Kube) -> None:
    holder, good = kube.user(Subject("system:bootstrap:abcdef", GROUP)), f"holdfast-{ONE}-0123456789ab"

    def said(name: str, request: str = REQUEST) -> str:
        change = holder.create(SIGNING_REQUESTS, signing(name, request))
        kube.master.delete(SIGNING_REQUESTS, name)
        return refused(change)

    wait_for(lambda: said("mine"), "the policy is in force", pause_seconds=0.2)
    assert "a request is named holdfast-<instance>-" in said("csr-1")
    assert "at most 4096 bytes" in said(good, f"{'x' * 5000}\n{REQUEST}")
    for field, value in (("labels", {"a": "b"}), ("annotations", {"a": "b" * 100_000}), ("finalizers", ["a.b/c"])):
        large = {**signing(good, REQUEST), "metadata": {"name": good, field: value}}
        assert "neither labels nor annotations" in refused(holder.create(SIGNING_REQUESTS, large)), field
    assert said(good) == ""


def test_requests_of_nodes_are_small_and_a_kubelets(kube: Kube) -> None:
    def said(name: str, request: str = REQUEST) -> str:
        change = as_node(kube, ONE).create(SIGNING_REQUESTS, signing(name, request))
        kube.master.delete(SIGNING_REQUESTS, name)
        return refused(change)

    wait_for(lambda: said("mine"), "the policy is in force", pause_seconds=0.2)
    assert "at most 4096 bytes" in said("csr-1", f"{'x' * 5000}\n{REQUEST}")
    assert said("csr-1") == ""


# agents of control planes


def secret(name: str, kind: str, **annotations: str) -> Object:
    metadata = {"name": name, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": {}}


def test_an_agent_writes_join_tokens_and_no_other_secret(kube: Kube) -> None:
    token = secret("stolen", "kubernetes.io/service-account-token", **{"kubernetes.io/service-account.name": "cilium"})

    def said() -> str:
        change = kube.agent.create(SECRETS, token, "kube-system")
        kube.master.delete(SECRETS, "stolen", "kube-system")
        return refused(change)

    wait_for(said, "the policy is in force", pause_seconds=0.2)
    assert "an agent writes Secrets of join tokens only" in said()
    assert refused(kube.agent.create(SECRETS, secret("opaque", "Opaque"), "kube-system")) != ""
    good = secret("bootstrap-token-abcdef", "bootstrap.kubernetes.io/token")
    assert refused(kube.agent.create(SECRETS, good, "kube-system")) == ""


# Cilium


class CiliumAgent:
    """An agent of Cilium on a node: its token is bound to its Pod."""

    def __init__(self, kube: Kube, name: str) -> None:
        self._kube = kube
        pod = f"cilium-{secrets.token_hex(4)}"
        spec = {"serviceAccountName": "cilium", "nodeName": name, "containers": [{"name": "c", "image": "c"}]}
        assert kube.master.create(PODS, {**head("v1", "Pod", pod), "spec": spec}, "kube-system") == Done()
        found = kube.master.get(PODS, pod, "kube-system")
        assert isinstance(found, Known)
        bound = {"kind": "Pod", "apiVersion": "v1", "name": pod, "uid": found.value["metadata"]["uid"]}
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [], "boundObjectRef": bound},
        }
        path = f"{SERVICE_ACCOUNTS.path('cilium', 'kube-system')}/token"
        status, said = kube.server.ask("POST", path, kube.server.user(Subject("master", "system:masters")), body)
        assert status == 201, said
        self._token = json.loads(said)["status"]["token"]

    def writes(self, resource: Resource, name: str, namespace: str = "", method: str = "PUT", **fields: Any) -> str:
        """What a policy says to creating (POST), replacing (PUT) or deleting (DELETE) an object; empty for nothing."""
        body: Any = {**head(resource.api, KINDS[resource], name), **fields}
        path = resource.path("" if method == "POST" else name, namespace)
        if method == "PUT":
            found = self._kube.master.get(resource, name, namespace)
            assert isinstance(found, Known), found
            body["metadata"]["resourceVersion"] = found.value["metadata"]["resourceVersion"]
        status, said = self._kube.server.ask(method, path, self._token, None if method == "DELETE" else body)
        assert status in (200, 201, 403, 422), said
        return str(json.loads(said)["message"]) if status >= 400 else ""


@pytest.fixture
def agent(kube: Kube) -> CiliumAgent:
    """That of one of the nodes, once the policies hold."""
    made = CiliumAgent(kube, ONE)

    def holds() -> bool:
        said = made.writes(CILIUM_NODES, "probe", method="POST")
        kube.master.delete(CILIUM_NODES, "probe")
        for status in (endpoint(OTHER, ADDRESS_OF[ONE]), endpoint(ONE, ADDRESS_OF[OTHER]), endpoint(ONE, "10.0.0.2")):
            said = said and made.writes(CILIUM_ENDPOINTS, "probe", "default", "POST", status=status)
            kube.master.delete(CILIUM_ENDPOINTS, "probe", "default")
        # Everything is refused until the API server has found the kinds that the policies compare with.
        let_pass = made.writes(CILIUM_ENDPOINTS, "probe", "default", "POST", status=endpoint(ONE)) == ""
        kube.master.delete(CILIUM_ENDPOINTS, "probe", "default")
        return bool(said) and let_pass

    wait_for(holds, "the policies are in force", pause_seconds=0.2)
    return made


def endpoint(name: str, *addresses: str) -> dict[str, Any]:
    pod = [{"ipv4": each} for each in addresses or (ADDRESS_OF[name],)]
    return {"networking": {"node": ADDRESSES[name], "addressing": pod}}


def at(address: str) -> dict[str, Any]:
    return {"addresses": [{"type": "InternalIP", "ip": address}]}


def ranges(*cidrs: str) -> dict[str, Any]:
    return {"ipam": {"podCIDRs": list(cidrs)}}


def internal(address: str) -> dict[str, Any]:
    return {"addresses": [{"type": "InternalIP", "ip": ADDRESSES[ONE]}, {"type": "CiliumInternalIP", "ip": address}]}


def also(address: str) -> dict[str, Any]:
    return {"addresses": [{"type": "InternalIP", "ip": ADDRESSES[ONE]}, {"type": "ExternalIP", "ip": address}]}


FOREIGN = "a node's addresses in the Pods' network are of its own range"
NO_NODES = "neither of the Pods' range nor the metadata service's"


def test_an_agent_of_cilium_writes_its_own_node(kube: Kube, agent: CiliumAgent) -> None:
    assert "the CiliumNode of its own node" in agent.writes(CILIUM_NODES, OTHER, method="POST", spec={})
    assert kube.master.delete(CILIUM_NODES, ONE) == Done()
    assert FOREIGN in agent.writes(CILIUM_NODES, ONE, method="POST", spec=internal(ADDRESS_OF[OTHER]))
    assert agent.writes(CILIUM_NODES, ONE, method="POST", spec=also("10.0.0.7")) == ""
    given = {**head(CILIUM_NODES.api, "CiliumNode", ONE), "spec": {**ranges(RANGES[ONE]), **at(ADDRESSES[ONE])}}
    assert kube.master.apply(CILIUM_NODES, given) == Done()
    assert "the CiliumNode of its own node" in agent.writes(CILIUM_NODES, OTHER, spec=ranges(RANGES[OTHER]))
    own = {**ranges("100.64.1.0/24"), **at(ADDRESSES[ONE])}
    assert agent.writes(CILIUM_NODES, ONE, spec={**own, "bootid": "2"}) == ""
    pools = {
        "ipam": {**ranges("100.64.1.0/24")["ipam"], "pools": {"allocated": [{"pool": "p", "cidrs": ["100.64.2.0/24"]}]}}
    }
    assert "is for Cilium's operator to say" in agent.writes(CILIUM_NODES, ONE, spec=pools)
    both = ranges("100.64.1.0/24", "100.64.2.0/24")
    assert "is for Cilium's operator to say" in agent.writes(CILIUM_NODES, ONE, spec=both)


TRIED: list[tuple[dict[str, Any], str]] = [
    (internal("100.64.1.1"), ""),
    ({**internal("100.64.1.1"), "health": {"ipv4": "100.64.1.2", "ipv6": ""}}, ""),
    # Of no node yet.
    (internal("100.64.9.1"), FOREIGN),
    (internal(ADDRESS_OF[OTHER]), FOREIGN),
    ({"health": {"ipv4": ADDRESS_OF[OTHER]}}, FOREIGN),
    # An agent does not look whether the address is one of IPv6.
    ({"health": {"ipv6": ADDRESS_OF[OTHER]}}, FOREIGN),
    ({"ingress": {"ipv4": ADDRESS_OF[OTHER]}}, FOREIGN),
    # The VPC's resolver, a service.
    (internal("10.0.0.2"), FOREIGN),
    ({"ingress": {"ipv6": "172.20.0.10"}}, FOREIGN),
    (also("10.0.0.7"), ""),
    # No deny of an address is about a node.
    (also("169.254.169.254"), NO_NODES),
    (also("fd00:ec2:0::254"), NO_NODES),
    (also(ADDRESS_OF[OTHER]), NO_NODES),
    (also("anything"), "expression"),
]


def test_a_node_of_cilium_has_addresses_of_its_own(agent: CiliumAgent) -> None:
    for spec, said in TRIED:
        found = agent.writes(CILIUM_NODES, ONE, spec={**ranges(RANGES[ONE]), **spec})
        assert (said in found, bool(found)) == (True, bool(said)), (spec, found)


def test_an_agent_of_cilium_writes_endpoints_of_its_own_node(kube: Kube, agent: CiliumAgent) -> None:
    def writes(name: str, method: str, status: dict[str, Any] | None = None) -> str:
        return agent.writes(CILIUM_ENDPOINTS, name, "default", method, **({"status": status} if status else {}))

    elsewhere = endpoint(OTHER, ADDRESS_OF[ONE])
    assert writes("own", "POST", endpoint(ONE)) == ""
    assert writes("own", "PUT", endpoint(ONE)) == ""
    assert "of its own node" in writes("foreign", "POST", elsewhere)
    # Not a way around: taken over, or given away.
    theirs = {**head(CILIUM_ENDPOINTS.api, "CiliumEndpoint", "theirs"), "status": elsewhere}
    assert kube.master.create(CILIUM_ENDPOINTS, theirs, "default") == Done()
    assert "of its own node" in writes("theirs", "PUT", endpoint(ONE))
    assert "of its own node" in writes("own", "PUT", elsewhere)
    assert "of its own node" in writes("theirs", "DELETE")
    assert writes("own", "DELETE") == ""


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ((ADDRESS_OF[ONE],), ""),
        (("100.64.1.9", "100.64.1.10"), ""),
        # Of no node yet: where it is given out, the operator gives the range to one.
        (("100.64.9.9",), ""),
        ((ADDRESS_OF[OTHER],), "an address of another node's range"),
        (("100.64.1.9", ADDRESS_OF[OTHER]), "an address of another node's range"),
        # The VPC's resolver, another node, a service.
        (("10.0.0.2",), "has addresses of the Pods' range"),
        ((ADDRESSES[OTHER],), "has addresses of the Pods' range"),
        (("172.20.0.10",), "has addresses of the Pods' range"),
        (("anywhere",), "expression"),
    ],
    ids=str,
)
def test_an_endpoint_has_addresses_of_its_nodes_range(
    kube: Kube, agent: CiliumAgent, addresses: tuple[str, ...], said: str
) -> None:
    found = agent.writes(CILIUM_ENDPOINTS, "tried", "default", "POST", status=endpoint(ONE, *addresses))
    kube.master.delete(CILIUM_ENDPOINTS, "tried", "default")
    assert said in found
    assert bool(said) is bool(found)


def test_an_address_is_one_whatever_the_field_that_it_stands_in(kube: Kube, agent: CiliumAgent) -> None:
    """Agents that read an endpoint take what is in the field for IPv6 as it is."""
    for address, said in (
        ("10.0.0.2", "of the Pods' range"),
        (ADDRESS_OF[OTHER], "an address of another node's range"),
    ):
        status = endpoint(ONE)
        status["networking"]["addressing"][0]["ipv6"] = address
        found = agent.writes(CILIUM_ENDPOINTS, "tried", "default", "POST", status=status)
        kube.master.delete(CILIUM_ENDPOINTS, "tried", "default")
        assert said in found


def test_no_endpoint_is_changed_that_has_another_nodes_address(kube: Kube, agent: CiliumAgent) -> None:
    """Whoever could say that another node's address is its own one, as a kubelet can, gets no further."""
    status = endpoint(ONE, ADDRESS_OF[OTHER])
    theirs = {**head(CILIUM_ENDPOINTS.api, "CiliumEndpoint", "claimed"), "status": status}
    assert kube.master.create(CILIUM_ENDPOINTS, theirs, "default") == Done()
    for method, fields in (("DELETE", {}), ("PUT", {"status": endpoint(ONE)})):
        said = agent.writes(CILIUM_ENDPOINTS, "claimed", "default", method, **fields)
        assert "an address of another node's range" in said


def test_an_agent_of_cilium_makes_identities_and_changes_none(kube: Kube, agent: CiliumAgent) -> None:
    labels: dict[str, Any] = {"security-labels": {"k8s:app": "web"}}
    assert agent.writes(CILIUM_IDENTITIES, "4711", method="POST", **labels) == ""
    assert agent.writes(CILIUM_IDENTITIES, "4711", more="heartbeat", **labels) == ""
    others: dict[str, Any] = {"security-labels": {"k8s:app": "database"}}
    assert "changes no labels" in agent.writes(CILIUM_IDENTITIES, "4711", **others)


def test_a_token_of_no_pod_writes_nothing_of_ciliums(kube: Kube, agent: CiliumAgent) -> None:
    stranger = CiliumAgent.__new__(CiliumAgent)
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
    path = f"{SERVICE_ACCOUNTS.path('cilium', 'kube-system')}/token"
    said = kube.server.ask("POST", path, kube.server.user(Subject("master", "system:masters")), body)[1]
    stranger._kube, stranger._token = kube, json.loads(said)["status"]["token"]
    assert stranger.writes(CILIUM_NODES, ONE, method="POST", spec={}) != ""
    assert stranger.writes(CILIUM_ENDPOINTS, "x", "default", "POST", status=endpoint(ONE)) != ""


def test_whoever_is_not_named_is_not_judged(kube: Kube) -> None:
    assert kube.master.create(SECRETS, secret("anything", "Opaque"), "kube-system") == Done()
    assert kube.master.create(SIGNING_REQUESTS, signing("anything", REQUEST)) == Done()
    assert kube.master.create(CILIUM_NODES, head(CILIUM_NODES.api, "CiliumNode", "anything")) == Done()
