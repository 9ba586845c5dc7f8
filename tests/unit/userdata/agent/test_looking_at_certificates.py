"""How often certificates are read by openssl, which costs more than everything else that an idle agent does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coordination.outcomes import Known
from userdata.agent import certificate_renewal
from userdata.host.files import private, write
from userdata.pki.inspecting import Certificate, inspect
from userdata.pki.inventory import CONTROL_PLANE
from userdata.pki.issuing import Subject, issue, new_authority

NOW = datetime.now(UTC).replace(microsecond=0)
AUTHORITY = new_authority("kubernetes", NOW)
PLACE = CONTROL_PLANE[0]


def test_a_certificate_is_inspected_once_and_one_in_its_place_is_seen_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(pem: str) -> Certificate:
        asked.append(pem)
        return inspect(pem)

    monkeypatch.setattr(certificate_renewal, "inspect", counted)
    for number, days in enumerate((365, 30), start=1):
        leaf = issue(AUTHORITY, Subject("x"), ["clientAuth"], NOW, timedelta(days=days))
        write(tmp_path, {PLACE.path: private(leaf.certificate)})
        for _ in range(3):
            (held,) = certificate_renewal.found(tmp_path, [PLACE])
            assert isinstance(held.certificate, Known)
            assert held.certificate.value is not None
            assert held.certificate.value.ends == NOW + timedelta(days=days)
        assert len(asked) == number
