"""What an image says of the computer under it: nothing on EC2, and what is wrong in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordination.timings import Timings
from userdata.config.image import IMAGE_FILE, ImageFacts, ImageFileError, image_facts, read
from userdata.config.pace import Pace
from userdata.kubeadm.cluster import Lifetimes
from userdata.kubeadm.node import Host


def written(root: Path, content: bytes) -> Path:
    place = root / IMAGE_FILE.lstrip("/")
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    return root


def test_without_the_file_all_is_as_on_ec2(tmp_path: Path) -> None:
    assert read(tmp_path) == ImageFacts()
    assert (ImageFacts().shared_clock, ImageFacts().kube_proxy, ImageFacts().host) == (False, False, Host())


def test_what_is_given_takes_the_place_of_the_default_and_nothing_else(tmp_path: Path) -> None:
    given = {
        "host": {"cgroup_v1": True},
        "kube_proxy": True,
        "shared_clock": True,
        "leases": {"lease": 6, "renew": 1.5},
        "pace": {"look": 0.5},
        "lifetimes": {"leaf": 600},
    }
    facts = read(written(tmp_path, json.dumps(given).encode()))
    assert facts == ImageFacts(
        host=Host(cgroup_v1=True),
        kube_proxy=True,
        shared_clock=True,
        pace=Pace(leases=Timings(lease=6, renew=1.5), look=0.5),
        lifetimes=Lifetimes(leaf=600),
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], " is no object"),
        ({"hots": {}}, ": 'hots' is not known, allowed: host, kube_proxy, "),
        ({"pace": {"lok": 1}}, ": pace: 'lok' is not known, allowed: look, gate, heartbeat, "),
        ({"pace": {"leases": {}}}, ": pace: 'leases' is not known"),
        ({"pace": 5}, ": pace is no object"),
        ({"kube_proxy": "yes"}, ": kube_proxy is 'yes', allowed: true, false"),
        ({"host": {"cgroup_v1": 1}}, ": host.cgroup_v1 is 1, allowed: true, false"),
        ({"leases": {"lease": 0}}, ": leases.lease is 0, allowed: a number of seconds above 0"),
        ({"leases": {"lease": True}}, ": leases.lease is True, allowed: a number of seconds above 0"),
        ({"timeouts": {"discovery": "5s"}}, ": timeouts.discovery is '5s', allowed: a number of seconds above 0"),
    ],
)
def test_what_is_wrong_is_named(found: object, said: str) -> None:
    with pytest.raises(ImageFileError) as raised:
        image_facts(found)
    assert str(raised.value).startswith(f"{IMAGE_FILE}{said}")


@pytest.mark.parametrize(
    ("content", "said"), [(b"{", "is no JSON"), (b"\xff", "cannot be read: UnicodeDecodeError"), (b"", "is no JSON")]
)
def test_a_file_that_cannot_be_understood_is_never_taken_for_no_file(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(ImageFileError, match=said):
        read(written(tmp_path, content))
