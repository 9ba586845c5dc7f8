"""From an outcome to its fault: by its type and its code, never by its reason."""

from __future__ import annotations

from typing import TypeAlias

from coordination.outcomes import NoTable, Unknown
from userdata.etcd.refusals import EtcdRefused
from userdata.faults.aws import NO_TABLE, of_aws
from userdata.faults.etcd import of_etcd, of_etcd_doubt
from userdata.faults.fault import Fault, unsorted
from userdata.faults.network import of_network
from userdata.kube.outcomes import ApiRefusal

Failure: TypeAlias = Unknown | EtcdRefused | ApiRefusal
"""What is no success, and may be tried again."""


def of_outcome(failed: Failure) -> Fault:
    """The fault of a call that failed. One that nobody has sorted is tried again, and shown by its reason."""
    if isinstance(failed, EtcdRefused):
        return of_etcd(failed.refusal)
    if isinstance(failed, NoTable):
        return NO_TABLE
    sorted_by_code = isinstance(failed, Unknown) and (
        of_aws(failed.code) or of_network(failed.code) or of_etcd_doubt(failed.code)
    )
    return sorted_by_code or unsorted(failed.reason)
