"""The documents of an image's components: what AWSTOE and CreateComponent take, and what must be true of them all."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import jsonschema  # type: ignore[import-untyped]
import pytest

from imagebuilder import artefacts, components, places, versions
from imagebuilder.artefacts import Artefacts
from imagebuilder.components import Machine, documents
from imagebuilder.components.document import DATA_CHARACTERS, PHASES
from imagebuilder.configure import credentials
from imagebuilder.locks import ARCHITECTURES, Checksum, Digests
from rehearsal.binaries.imaging import making
from rehearsal.binaries.imaging.order import WrongParameters, tasks

KNOWN = versions.read()
FOLDER = Path(components.__file__).parent
SCHEMA = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
SCRIPTS = {path.stem: path.read_text(encoding="utf-8") for path in (FOLDER / "scripts").glob("*.sh")}
LIBRARIES = {"common", "fetch", "runtime"}
GIVEN = {"Sources": "s3://bucket/sources.tar.gz", "SourcesSha256": "0" * 64}
BY_MINOR = pytest.mark.parametrize("release", KNOWN.releases, ids=lambda release: release.minor)


def _locked(found: Artefacts) -> Artefacts:
    """Everything with a checksum, as after `make image-lock`."""
    checksum = Checksum("f" * 64, 1)
    digests = Digests("e" * 64, dict.fromkeys(ARCHITECTURES, checksum))
    return Artefacts(
        tuple(replace(each, locked=checksum) for each in found.files),
        tuple(replace(each, locked=digests) for each in found.images),
    )


def _documents(release: versions.Release) -> dict[str, components.Component]:
    return documents(KNOWN, release, Machine(artefacts=_locked(artefacts.of(KNOWN, release))))


@BY_MINOR
def test_every_document_is_one_of_awstoe_and_fits_into_createcomponent(release: versions.Release) -> None:
    for name, each in _documents(release).items():
        jsonschema.validate(each.document, SCHEMA)
        assert len(json.dumps(each.document)) <= DATA_CHARACTERS, name
        assert each.name == name


def _break(document: dict[str, Any], change: str) -> None:
    phase = document["phases"][0]
    match change:
        case "phase":
            phase["name"] = "install"
        case "action":
            phase["steps"][0]["action"] = "ExecutePowerShell"
        case "inputs":
            phase["steps"][0]["inputs"] = {}
        case "version":
            document["schemaVersion"] = 1.0
        case "parameter":
            document["parameters"] = [{"a b": {"type": "string"}}]
        case "type":
            document["parameters"] = [{"Files": {"type": "integer"}}]
        case "field":
            phase["steps"][0]["timeout"] = 5


@pytest.mark.parametrize("change", ["phase", "action", "inputs", "version", "parameter", "type", "field"])
def test_what_awstoe_would_not_take_the_schema_refuses(change: str) -> None:
    document: dict[str, Any] = copy.deepcopy(documents(KNOWN, KNOWN.newest)["containerd"].document)
    _break(document, change)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_names_are_unique_in_a_document() -> None:
    for name, each in documents(KNOWN, KNOWN.newest).items():
        document: dict[str, Any] = each.document
        phases = [phase["name"] for phase in document["phases"]]
        assert len(set(phases)) == len(phases), name
        for phase in document["phases"]:
            steps = [step["name"] for step in phase["steps"]]
            assert len(set(steps)) == len(steps), (name, phase["name"])


def test_every_script_is_in_a_document_and_no_document_refers_to_what_a_recipe_does_not_give() -> None:
    found = documents(KNOWN, KNOWN.newest)
    scripts = [each.script for each in tasks(found.values(), PHASES, GIVEN, {})]
    for name, text in SCRIPTS.items():
        last = text.rstrip().splitlines()[-1]
        assert any(last in script for script in scripts), name
    with pytest.raises(WrongParameters, match=r"^sources: no value for the parameter Sources$"):
        list(tasks(found.values(), PHASES, {}, {}))


def test_one_component_alone_asks_the_distributions_repositories() -> None:
    found = documents(KNOWN, KNOWN.newest)
    asking = {name for name, each in found.items() if "dnf install" in json.dumps(each.document)}
    assert asking == {"packages"}
    assert next(iter(found)) == "packages"
    assert list(found)[-1] == "cleanup"


def test_what_checks_an_image_needs_nothing_that_the_clean_up_removes() -> None:
    """Whichever order Image Builder has: each component's validation after its own build, or after all builds."""
    for each in tasks(documents(KNOWN, KNOWN.newest).values(), ("validate", "test"), GIVEN, {}):
        assert f"{places.SOURCE_FOLDER}" not in each.script or each.label.startswith("cleanup/"), each.label


def test_every_script_says_its_shell_and_stops_at_the_first_failure() -> None:
    for name, text in SCRIPTS.items():
        assert text.startswith("#!/bin/bash\n# "), name
        assert "\nset -euo pipefail\n" in text, name


@BY_MINOR
def test_add_ons_name_every_image_by_tag_and_digest(release: versions.Release) -> None:
    document = json.dumps(_documents(release)["add-ons"].document)
    for image in ("quay.io/cilium/cilium", "registry.k8s.io/autoscaling/cluster-autoscaler"):
        tag = KNOWN.cilium if "cilium" in image else release.cluster_autoscaler
        assert f"{image}:{tag}={image}:{tag}@sha256:{'e' * 64}" in document


def test_a_rehearsal_executes_every_component_or_says_why_not() -> None:
    found = documents(KNOWN, KNOWN.newest)
    executed = {*making.LAYER, *making.DATA, *making.NODE}
    assert executed | {each for each in making.SKIPPED if "/" not in each} == set(found)
    assert not executed & making.SKIPPED.keys()
    # Each label is one: tasks() refuses others.
    list(tasks(found.values(), PHASES, GIVEN, making.SKIPPED))


def test_the_kubelet_asks_for_credentials_of_every_partitions_registries() -> None:
    for partition in botocore.session.get_session().get_data("partitions")["partitions"]:
        suffix = partition["outputs"]["dnsSuffix"]
        region = next(iter(partition["regions"]))
        for service in ("dkr.ecr", "dkr.ecr-fips"):
            host = f"123456789012.{service}.{region}.{suffix}"
            assert any(_matches(each, host) for each in credentials.match_images()), host
    assert not any(
        _matches(each, "123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example")
        for each in credentials.match_images()
    )


def _matches(pattern: str, host: str) -> bool:
    """As the kubelet compares (pkg/credentialprovider/keyring.go, URLsMatch): label by label."""
    wanted, given = pattern.split("."), host.split(".")
    return len(wanted) == len(given) and all(one in ("*", other) for one, other in zip(wanted, given, strict=True))
