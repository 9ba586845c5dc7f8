"""The API server's own files and arguments.

How Secrets are encrypted in etcd, who may ask without a name, what is taken in, and what is written down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from userdata.host.files import File, private
from userdata.kubeadm import admission, audit, tls
from userdata.kubeadm.documents import Document, text
from userdata.kubeadm.oidc import OidcIssuer, authenticator
from userdata.kubeadm.places import ADMISSION_FILE, AUDIT_POLICY_FILE, AUTHENTICATION_FILE, ENCRYPTION_FILE
from userdata.pki.material import EncryptionKey
from userdata.pki.placing import CLUSTER_CA

_ANONYMOUS_PATHS = ("/livez", "/readyz", "/healthz")


ARGUMENTS: Mapping[str, str] = {
    "encryption-provider-config": ENCRYPTION_FILE,
    "authentication-config": AUTHENTICATION_FILE,
    "admission-control-config-file": ADMISSION_FILE,
    "enable-admission-plugins": ",".join(admission.PLUGINS),
    **audit.LOG_ARGUMENTS,
    **tls.ARGUMENTS,
    # Without it the API server believes whoever answers at a kubelet's address.
    "kubelet-certificate-authority": CLUSTER_CA,
    # A pod's token ends when it says. The default lets one that was stolen live for a year.
    "service-account-extend-token-expiration": "false",
    "profiling": "false",
}
"""What kubeadm adds to its own."""


def files(
    keys: Sequence[EncryptionKey], privileged_namespaces: Sequence[str], issuers: Sequence[OidcIssuer]
) -> Mapping[str, File]:
    """What must be on a control plane before kubeadm starts the API server.

    Pods of `privileged_namespaces` may be privileged, as those of kube-system. Tokens of `issuers` are taken.
    """
    return {
        ENCRYPTION_FILE: private(text(encryption(keys))),
        AUTHENTICATION_FILE: authentication_file(issuers),
        ADMISSION_FILE: File(text(admission.configuration(privileged_namespaces))),
        AUDIT_POLICY_FILE: File(text(audit.policy(_ANONYMOUS_PATHS))),
    }


def encryption(keys: Sequence[EncryptionKey]) -> Document:
    """Secrets are encrypted with the first key, and decrypted with any.

    secretbox, because aescbc can be attacked by padding and aesgcm's key must be renewed every 200,000 writes
    (https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/). There is no identity provider: no Secret was
    ever stored in clear, so one that is found in clear in etcd was put there by nobody who may.
    """
    named = [{"name": key.name, "secret": key.secret} for key in keys]
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": [{"secretbox": {"keys": named}}]}],
    }


def authentication_file(issuers: Sequence[OidcIssuer]) -> File:
    """AUTHENTICATION_FILE. An API server reads a changed one, where the part about those without a name is the same."""
    return File(text(authentication(issuers)))


def authentication(issuers: Sequence[OidcIssuer]) -> Document:
    """Without a name only health may be asked, by exactly these paths: the balancer asks so."""
    jwt = {"jwt": [authenticator(issuer) for issuer in issuers]} if issuers else {}
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        **jwt,
        "anonymous": {"enabled": True, "conditions": [{"path": path} for path in _ANONYMOUS_PATHS]},
    }
