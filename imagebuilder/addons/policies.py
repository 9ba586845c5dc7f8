"""What the API server refuses nodes, token holders and agents beyond their rights: policies in it, without a webhook.

Rights say which kinds of objects somebody may write; these say which of them, and what may stand in them. Each holds
for whom its `who` names, and for nobody else. What cannot be judged is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_API = "admissionregistration.k8s.io/v1"
POD_RANGE = "podRange"
"""The variable into which the leader writes the cluster's range of Pods' addresses (userdata.addons.filling)."""
UNKNOWN_RANGE = "''"
"""What is there before: no range, so that nothing is let pass."""
LARGEST_REQUEST_BYTES = 4096
"""Of a certificate signing request in PEM; a kubelet's has 500."""

_NODE = "system:node:"
_TOKEN = "system:bootstrap:"
_AGENTS = "holdfast:agents"
"""The group of the agents of control planes (userdata.kube.access)."""


@dataclass(frozen=True)
class Params:
    """Objects that a policy looks at besides the one that is written: the rules are asked for each of the kind, as
    `params`, and without any nothing is let pass.

    Never a kind of Kubernetes' own. Aggregated API servers that are built on its library evaluate every policy of the
    cluster, and wait for the objects of such kinds before they are Ready, which they may not read (k8s.io/apiserver,
    pkg/admission/plugin/policy/generic/policy_source.go, ensureParamsForPolicyLocked: the informers of such kinds are
    shared ones, which readiness asks for; those of other kinds are not).
    """

    api: str
    kind: str


@dataclass(frozen=True)
class Policy:
    """One policy with its binding. `who` and each of `rules` are expressions of CEL; a rule has a sentence for whoever
    breaks it."""

    name: str
    groups: Mapping[str, Sequence[str]]
    """Resources by API group and version, as `/v1`."""
    operations: Sequence[str]
    who: str
    rules: Sequence[tuple[str, str]]
    variables: Mapping[str, str] = field(default_factory=dict)
    params: Params | None = None

    def objects(self) -> list[dict[str, Any]]:
        """The policy and its binding."""
        metadata = {"name": f"holdfast-{self.name}", "labels": {"app.kubernetes.io/part-of": "holdfast"}}
        spec: dict[str, Any] = {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [self._rule(*each) for each in self.groups.items()]},
            "matchConditions": [{"name": "who", "expression": self.who}],
            "variables": [{"name": name, "expression": text} for name, text in self.variables.items()],
            "validations": [{"expression": text, "message": said, "reason": "Forbidden"} for text, said in self.rules],
        }
        binding: dict[str, Any] = {"policyName": metadata["name"], "validationActions": ["Deny"]}
        if self.params is not None:
            spec["paramKind"] = {"apiVersion": self.params.api, "kind": self.params.kind}
            binding["paramRef"] = {"selector": {}, "parameterNotFoundAction": "Deny"}
        return [
            {"apiVersion": _API, "kind": "ValidatingAdmissionPolicy", "metadata": metadata, "spec": spec},
            {"apiVersion": _API, "kind": "ValidatingAdmissionPolicyBinding", "metadata": metadata, "spec": binding},
        ]

    def _rule(self, group: str, resources: Sequence[str]) -> dict[str, Any]:
        name, _, version = group.rpartition("/")
        return {
            "apiGroups": [name],
            "apiVersions": [version],
            "operations": list(self.operations),
            "resources": list(resources),
        }


def _of_user(prefix: str) -> str:
    return f"request.userInfo.username.startsWith('{prefix}')"


_SMALL = (
    (f"size(object.spec.request) <= {LARGEST_REQUEST_BYTES}", f"a request has at most {LARGEST_REQUEST_BYTES} bytes"),
    (
        " && ".join(
            f"!has(object.metadata.{each})" for each in ("annotations", "labels", "finalizers", "ownerReferences")
        ),
        "a request has neither labels nor annotations, finalizers or owners",
    ),
)
"""A kubelet's has none of these, and each may be as long as etcd lets it."""

POLICIES: Sequence[Policy] = (
    Policy(
        # A node that registers with another one's instance has the autoscaler end that one in its place.
        "node-is-its-instance",
        {"/v1": ("nodes",)},
        ("CREATE", "UPDATE"),
        _of_user(_NODE),
        (
            (
                "!has(object.spec.providerID) || object.spec.providerID == ''"
                " || object.spec.providerID.matches('^aws:/{3}[a-z0-9-]+/' + object.metadata.name + '$')",
                "the providerID of a Node is that of its own instance",
            ),
        ),
    ),
    Policy(
        # There are no quotas for these, and each is stored for hours.
        "requests-with-a-token",
        {"certificates.k8s.io/v1": ("certificatesigningrequests",)},
        ("CREATE",),
        _of_user(_TOKEN),
        (
            *_SMALL,
            (
                "object.metadata.name.matches('^holdfast-i-[0-9a-f]{8,17}-[0-9a-f]{12}$')",
                "a request is named holdfast-<instance>-<the first 12 digits of the key's fingerprint>",
            ),
        ),
    ),
    Policy(
        "requests-of-nodes",
        {"certificates.k8s.io/v1": ("certificatesigningrequests",)},
        ("CREATE",),
        _of_user(_NODE),
        (
            *_SMALL,
            ("object.metadata.name.startsWith('csr-')", "a kubelet's request is named csr-…"),
        ),
    ),
    Policy(
        # A Secret of another type would be a service account's token, and with it anybody's rights.
        "agents-write-join-tokens",
        {"/v1": ("secrets",)},
        ("CREATE", "UPDATE"),
        f"'{_AGENTS}' in request.userInfo.groups",
        (
            (
                "object.type == 'bootstrap.kubernetes.io/token' && object.metadata.namespace == 'kube-system'",
                "an agent writes Secrets of join tokens only",
            ),
        ),
    ),
)
"""For every cluster."""


def objects(policies: Iterable[Policy]) -> list[dict[str, Any]]:
    """Policies and their bindings, as the API server takes them."""
    return [each for policy in policies for each in policy.objects()]
