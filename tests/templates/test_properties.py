"""Whatever the generator accepts becomes templates that obey every rule, within the limits, always the same.

What it refuses is tested with the configuration (tests/unit/generator/config).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from generator import compute, limits
from generator.config import ClusterConfig
from generator.root import build, templates
from tests.strategies import valid_configs
from tests.templates.cluster import Cluster
from tests.templates.linting import REGIONS, findings
from tests.templates.rules import RULES, violations

# How many configurations are linted in `make check` and in `make slow`, and how many are generated in each.
LINTED, SLOWLY_LINTED = 1, int(os.environ.get("HOLDFAST_PROPERTIES", "100"))
GENERATED, SLOWLY_GENERATED = 40, 5 * SLOWLY_LINTED
# Indenting JSON takes as long as everything else here together; the next test measures the text itself, and the order
# of its keys is the same for every configuration.
OF_TEXTS = {"a_template_is_far_below_the_limits", "keys_stand_in_the_order_in_which_people_write_them"}
ALL_BUT_TEXTS = sorted(RULES.keys() - OF_TEXTS)
# A busy machine may be slow now and then, and building a configuration takes many draws.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(_PATIENT, max_examples=GENERATED)
@given(valid_configs())
def test_a_valid_configuration_becomes_templates_that_obey_every_rule(config: ClusterConfig) -> None:
    assert violations_of(config) == {}


@pytest.mark.slow
@settings(_PATIENT, max_examples=SLOWLY_GENERATED)
@given(valid_configs())
def test_many_valid_configurations_become_templates_that_obey_every_rule(config: ClusterConfig) -> None:
    assert violations_of(config) == {}


@settings(_PATIENT, max_examples=20)
@given(valid_configs())
def test_a_valid_configuration_becomes_the_same_bytes_twice_and_stays_within_the_limits(config: ClusterConfig) -> None:
    files = templates(config)

    limits.check(files)
    assert templates(config) == files


@pytest.mark.parametrize("count", [LINTED, pytest.param(SLOWLY_LINTED, marks=pytest.mark.slow)])
def test_a_valid_configuration_becomes_templates_without_a_finding_of_cfn_lint(count: int, tmp_path: Path) -> None:
    clusters = _drawn(count)

    assert len(clusters) == count
    assert findings(clusters, tmp_path) == []


def test_a_fault_of_the_generator_breaks_a_property(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "SUSPENDED_PROCESSES", ["AZRebalance"])

    # What both property tests ask of every configuration.
    assert violations_of(ClusterConfig()).keys() == {"an_update_waits_for_signals_with_everything_else_suspended"}


def violations_of(config: ClusterConfig) -> dict[str, list[str]]:
    """Every rule that the templates of a configuration break."""
    cluster = built(config)
    return {rule: broken for rule in ALL_BUT_TEXTS if (broken := violations(rule, cluster))}


def built(config: ClusterConfig) -> Cluster:
    """The cluster of a configuration, whose templates were not indented."""
    root = build(config)
    made = {"root": root.template, **root.children}
    return Cluster("drawn", config, {layer: json.loads(json.dumps(made[layer].to_dict())) for layer in made})


def _drawn(count: int) -> list[Cluster]:
    """Clusters of a partition that can be linted, all of one name so that equal templates are linted once."""
    configs: list[ClusterConfig] = []

    @settings(_PATIENT, max_examples=10 * count, phases=[Phase.generate], database=None)
    @given(valid_configs())
    def collect(config: ClusterConfig) -> None:
        named = msgspec.structs.replace(config, name="drawn")
        if config.partition in REGIONS and named not in configs:
            configs.append(named)

    collect()
    return [built(config) for config in configs[:count]]
