"""The two tests that every correction gets, and the one that finds a correction without a probe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from rehearsal.aws.corrections import corrections
from rehearsal.aws.server import LocalAws
from tests.rehearsal.moto_probes import Probe, on_plain_moto


def suite(module: str, probes: Mapping[str, Probe], *subjects: str) -> tuple[Any, ...]:
    """Return the fixtures and tests of a module whose PROBES belong to the corrections in these modules."""

    @pytest.fixture(scope="module", name="plain")
    def plain_fixture() -> dict[str, Any]:
        return on_plain_moto(module)

    @pytest.fixture(scope="module", name="aws")
    def aws_fixture() -> Iterator[LocalAws]:
        aws = LocalAws().start()
        yield aws
        aws.stop()

    @pytest.mark.parametrize("name", probes)
    def test_plain_moto_still_has_the_fault(plain: dict[str, Any], name: str) -> None:
        assert plain[name] is not True, f"moto has mended this by now: delete the correction {name}"

    @pytest.mark.parametrize("name", probes)
    def test_the_local_aws_does_not_have_the_fault(aws: LocalAws, name: str) -> None:
        assert probes[name](aws.client) is True

    def test_every_correction_has_a_probe(aws: LocalAws) -> None:
        modules = tuple(f"rehearsal.aws.services.{subject}" for subject in subjects)
        registered = {each.apply.__name__ for each in corrections() if each.apply.__module__.startswith(modules)}
        assert registered == set(probes)

    return (
        plain_fixture,
        aws_fixture,
        test_plain_moto_still_has_the_fault,
        test_the_local_aws_does_not_have_the_fault,
        test_every_correction_has_a_probe,
    )
