"""Properties of the reader and the rules over generated configurations."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.config import ClusterConfig, ConfigError, Problem, parse
from generator.config.rules import check
from tests.breaks import Document
from tests.strategies import Broken, invalid_configs, valid_configs, valid_documents

LINE = re.compile(r"[^\n]+: given [^\n]+; allowed: [^\n]+")


def _problems(text: str) -> list[Problem]:
    try:
        parse(text)
    except ConfigError as refusal:
        return refusal.problems
    return []


SLOW_MACHINE = settings(deadline=None, max_examples=150)


@SLOW_MACHINE
@given(valid_documents())
def test_what_a_valid_file_says_is_what_the_configuration_holds(document: Document) -> None:
    config = parse(json.dumps(document))

    def agrees(given: object, read: object) -> bool:
        if isinstance(given, dict) and isinstance(read, dict):
            return all(agrees(value, read[key]) for key, value in given.items())
        if isinstance(given, list) and isinstance(read, list):
            return len(given) == len(read) and all(map(agrees, given, read))
        return given == read

    assert agrees(document, msgspec.json.decode(msgspec.json.encode(config)))


@SLOW_MACHINE
@given(valid_configs())
def test_a_configuration_written_out_in_full_reads_as_itself(config: ClusterConfig) -> None:
    assert parse(msgspec.json.encode(config).decode()) == config


@SLOW_MACHINE
@given(invalid_configs())
def test_a_broken_field_is_named_in_one_line(broken: Broken) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse(broken.text)
    lines = str(refusal.value).split("\n")
    assert broken.path in [problem.path for problem in refusal.value.problems]
    assert all(LINE.fullmatch(line) for line in lines)


@SLOW_MACHINE
@given(invalid_configs(), st.sampled_from(("colour", "tenency")))
def test_a_second_mistake_elsewhere_hides_no_first_one(broken: Broken, unknown: str) -> None:
    if not isinstance(broken.document["network"], dict):
        broken.document["network"] = {}
        broken = Broken(broken.document, f"network.{unknown}")
    broken.document["network"][unknown] = "x"
    with pytest.raises(ConfigError) as refusal:
        parse(broken.text)
    paths = [problem.path for problem in refusal.value.problems]
    assert f"network.{unknown}" in paths
    assert broken.path in paths


@SLOW_MACHINE
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_value_in_any_place_is_refused_or_read_but_never_a_crash(value: object) -> None:
    for document in ({"pools": value}, {"pools": [value]}, {"network": value}, {"pools": [{"taints": [value]}]}):
        for problem in _problems(json.dumps(document)):
            assert LINE.fullmatch(str(problem))


@SLOW_MACHINE
@given(st.text())
def test_any_text_is_refused_or_read_but_never_a_crash(text: str) -> None:
    for problem in _problems(text):
        assert LINE.fullmatch(str(problem))


def test_the_default_configuration_breaks_no_rule() -> None:
    assert check(ClusterConfig()) == []
