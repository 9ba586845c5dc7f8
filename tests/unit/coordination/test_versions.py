"""Which versions of Kubernetes go together."""

from __future__ import annotations

import pytest

from coordination.versions import why_no_control_plane, why_no_worker


@pytest.mark.parametrize(
    ("own", "cluster", "joins"),
    [
        ("v1.37.2", "v1.37.2", True),
        ("v1.37.2", "", True),
        ("v1.37.3", "v1.37.2", False),
        ("v1.36.2", "v1.37.2", False),
        ("v1.38.0", "v1.37.2", False),
    ],
)
def test_a_control_plane_joins_its_own_version(own: str, cluster: str, joins: bool) -> None:
    why = why_no_control_plane(own, cluster)
    assert (why is None) is joins
    assert why is None or (own in why and cluster in why)


@pytest.mark.parametrize(
    ("own", "cluster", "joins"),
    [
        ("v1.37.2", "v1.37.2", True),
        ("v1.37.9", "v1.37.2", True),
        ("v1.36.4", "v1.37.2", True),
        ("v1.34.0", "v1.37.2", True),
        ("v1.33.9", "v1.37.2", False),
        ("v1.38.0-rc.1", "v1.37.2", False),
        ("v2.37.2", "v1.37.2", False),
        ("v1.9.0", "v1.10.0", True),
        ("v1.37.2", "", True),
    ],
)
def test_a_workers_kubelet_may_be_three_minors_older_and_never_newer(own: str, cluster: str, joins: bool) -> None:
    why = why_no_worker(own, cluster)
    assert (why is None) is joins
    assert why is None or (own in why and cluster in why)
