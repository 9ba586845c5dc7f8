"""What is left on a node once kubeadm has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordination.outcomes import Done, Unknown
from userdata.host.files import File, draft_of, private, write
from userdata.kubeadm.leftovers import (
    INSTANCE_CONFIGURATION_FILE,
    KUBELET_CONFIGURATION_FILE,
    KUBELET_FLAGS_FILE,
    SUPER_ADMIN_FILE,
    tidy,
)
from userdata.kubeadm.places import DISCOVERY_FILE, INIT_FILE, JOIN_FILE, KUBELET_FILE

SPENT = (INIT_FILE, JOIN_FILE, DISCOVERY_FILE, SUPER_ADMIN_FILE)


def at(root: Path, place: str) -> Path:
    return root / place.lstrip("/")


def test_spent_secrets_and_their_drafts_are_gone_and_others_stay(tmp_path: Path) -> None:
    write(tmp_path, {place: private("secret") for place in (*SPENT, KUBELET_FILE)})
    drafts = [draft_of(at(tmp_path, place)) for place in SPENT]
    for draft in drafts:
        draft.write_text("half of it")
    assert tidy(tmp_path) == Done()
    assert not any(path.exists() for path in (*drafts, *(at(tmp_path, place) for place in SPENT)))
    assert at(tmp_path, KUBELET_FILE).exists()


@pytest.mark.parametrize("place", [KUBELET_CONFIGURATION_FILE, INSTANCE_CONFIGURATION_FILE, KUBELET_FLAGS_FILE])
def test_how_the_kubelet_is_configured_only_root_may_read(tmp_path: Path, place: str) -> None:
    write(tmp_path, {place: File("{}")})
    assert at(tmp_path, place).stat().st_mode & 0o777 == 0o644
    assert tidy(tmp_path) == Done()
    assert at(tmp_path, place).stat().st_mode & 0o777 == 0o600


def test_a_machine_on_which_kubeadm_never_ran_is_tidy(tmp_path: Path) -> None:
    assert tidy(tmp_path) == Done()
    assert list(tmp_path.iterdir()) == []


def test_one_that_stays_holds_no_other_up_and_is_named(tmp_path: Path) -> None:
    at(tmp_path, INIT_FILE).mkdir(parents=True)
    write(tmp_path, {SUPER_ADMIN_FILE: private("secret")})
    found = tidy(tmp_path)
    assert isinstance(found, Unknown)
    assert INIT_FILE in found.reason
    assert not at(tmp_path, SUPER_ADMIN_FILE).exists()
