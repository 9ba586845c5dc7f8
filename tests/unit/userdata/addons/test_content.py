"""When add-ons are installed over what a cluster has."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from coordination.names import Addon
from tests.unit.userdata.addons.test_filling import VALUES, config_map, listed
from userdata.addons.content import Addons, Record, added, addons, due, read_record, record_document
from userdata.addons.filling import ManifestError
from userdata.addons.places import CHOSEN, POLICIES

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


METRICS, VOLUMES = Addon.METRICS_SERVER, Addon.EBS_CSI
WHOLE = {**MANIFESTS, **{name: listed({"metadata": {"name": name}}) for name in CHOSEN.values()}}


@pytest.mark.parametrize("chosen", [frozenset(), {METRICS}, {VOLUMES}, {METRICS, VOLUMES}])
def test_a_cluster_gets_the_add_ons_that_its_settings_have_and_remembers_which(chosen: frozenset[Addon]) -> None:
    made = addons(WHOLE, replace(VALUES, addons=frozenset(chosen)), "v1.37.2", kube_proxy=False)
    assert set(made.documents) == {*MANIFESTS, *(CHOSEN[each] for each in chosen)}
    assert made.record.addons == chosen
    assert read_record(record_document(made.record)) == made.record


def test_an_image_without_an_add_on_that_the_settings_have_is_named() -> None:
    with pytest.raises(ManifestError, match=r"the image has no 45-ebs-csi\.json"):
        addons(MANIFESTS, replace(VALUES, addons=frozenset({VOLUMES})), "v1.37.2", kube_proxy=False)


def test_a_cluster_with_kube_proxy_has_none_of_them() -> None:
    made = addons(MANIFESTS, replace(VALUES, addons=frozenset(Addon)), "v1.37.2", kube_proxy=True)
    assert (dict(made.documents), made.record.addons) == ({}, frozenset())


def test_what_was_installed_stays_of_its_image_when_an_add_on_comes_in() -> None:
    recorded = Record("v1.36.3", "older", frozenset({METRICS}))
    wanted = addons(WHOLE, replace(VALUES, addons=frozenset(Addon)), "v1.37.2", kube_proxy=False)
    more = added(recorded, wanted)
    assert more is not None
    assert list(more.documents) == [CHOSEN[VOLUMES]]
    assert more.record == replace(recorded, addons=frozenset(Addon))
    assert added(more.record, wanted) is None


def test_a_record_of_an_earlier_release_names_no_add_ons() -> None:
    assert read_record({"data": {"version": "v1.37.2", "content": "a"}}) == Record("v1.37.2", "a")


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
