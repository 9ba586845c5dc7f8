"""When add-ons are installed over what a cluster has."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.unit.userdata.addons.test_filling import VALUES, config_map, listed
from userdata.addons.content import Addons, Record, addons, due, read_record, record_document
from userdata.addons.places import POLICIES

MANIFESTS = {"10.json": listed(config_map("kubernetes-endpoint", "host", "port"))}
WANTED = addons(MANIFESTS, VALUES, "v1.37.2", kube_proxy=False)


def test_the_same_image_and_cluster_have_the_same_record() -> None:
    assert addons(dict(MANIFESTS), VALUES, "v1.37.2", kube_proxy=False) == WANTED


@pytest.mark.parametrize(
    "other",
    [
        addons({**MANIFESTS, "20.json": listed()}, VALUES, "v1.37.2", kube_proxy=False),
        addons(MANIFESTS, replace(VALUES, api_endpoint="other.internal"), "v1.37.2", kube_proxy=False),
        addons(MANIFESTS, replace(VALUES, pod_cidr="10.0.0.0/16"), "v1.37.2", kube_proxy=False),
        addons(MANIFESTS, VALUES, "v1.37.3", kube_proxy=False),
        addons(MANIFESTS, VALUES, "v1.37.2", kube_proxy=True),
    ],
    ids=["manifests", "endpoint", "pods", "version", "kube-proxy"],
)
def test_whatever_is_installed_differently_has_another(other: Addons) -> None:
    assert other.record != WANTED.record
    assert due(WANTED.record, other.record)


def test_a_cluster_with_kube_proxy_gets_the_policies_and_nothing_else_of_the_image() -> None:
    made = addons({"broken.json": "", POLICIES: listed()}, VALUES, "v1.37.2", kube_proxy=True)
    assert dict(made.documents) == {POLICIES: json.loads(listed())}


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (None, True),
        (Record("v1.37.2", "same"), False),
        (Record("v1.37.2", "other"), True),
        (Record("v1.36.9", "other"), True),
        (Record("v1.37.10", "other"), False),
        (Record("v1.38.0", "other"), False),
        (Record("", "other"), True),
    ],
)
def test_an_older_image_takes_nothing_back(recorded: Record | None, expected: bool) -> None:
    assert due(recorded, Record("v1.37.2", "same")) is expected


def test_a_record_comes_back_as_it_was_stored() -> None:
    assert read_record(json.loads(json.dumps(record_document(WANTED.record)))) == WANTED.record


@pytest.mark.parametrize("document", [None, {}, {"data": None}, {"data": {"version": "v1.37.2"}}, {"data": []}])
def test_a_config_map_that_holds_no_record_is_none(document: object) -> None:
    assert read_record(document) is None
