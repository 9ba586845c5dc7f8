"""How the kubelet gets credentials for ECR: by a provider, with the role of the instance."""

from __future__ import annotations

import json
from typing import Any

from imagebuilder.configure.tree import Entry, File, Folder
from imagebuilder.places import PROVIDER_FILE, PROVIDER_FOLDER, UNIT_FOLDER

PROVIDER = "ecr-credential-provider"
"""The name of its program, too."""
# The hosts that the provider itself takes (cmd/ecr-credential-provider/main.go, ecrPrivateHostPattern). An asterisk is
# one label; the first is the account, the second the region.
SUFFIXES = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
)
"""Of registries, in every partition."""
DUAL_STACK_SUFFIXES = ("on.aws", "on.amazonwebservices.com.cn")
"""Of registries' names with IPv6 addresses, too."""
_SERVICES = ("dkr.ecr", "dkr.ecr-fips")
_DUAL_STACK_SERVICES = ("dkr-ecr", "dkr-ecr-fips")

_ARGUMENTS = f"--image-credential-provider-config={PROVIDER_FILE} --image-credential-provider-bin-dir={PROVIDER_FOLDER}"
_UNIT = f"""\
[Service]
Environment="KUBELET_CREDENTIAL_ARGS={_ARGUMENTS}"
"""


def match_images() -> list[str]:
    """The hosts for which the kubelet asks the provider."""
    return [
        *(f"*.{service}.*.{suffix}" for suffix in SUFFIXES for service in _SERVICES),
        *(f"*.{service}.*.{suffix}" for suffix in DUAL_STACK_SUFFIXES for service in _DUAL_STACK_SERVICES),
    ]


def configuration() -> dict[str, Any]:
    """See https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/."""
    provider = {
        "name": PROVIDER,
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        "matchImages": match_images(),
        # ECR's token lasts twelve hours; the provider says how long each of its answers may be kept.
        "defaultCacheDuration": "0s",
    }
    return {
        "apiVersion": "kubelet.config.k8s.io/v1",
        "kind": "CredentialProviderConfig",
        "providers": [provider],
    }


def entries() -> dict[str, Entry]:
    """The kubelet's two flags, and the file that they name."""
    return {
        PROVIDER_FOLDER: Folder(),
        PROVIDER_FILE: File(json.dumps(configuration(), indent=2) + "\n"),
        f"{UNIT_FOLDER}/kubelet.service.d/20-credentials.conf": File(_UNIT),
    }
