"""YAML as a person means it: nothing of YAML 1.1's surprises comes through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generator.config import ConfigError, load, parse
from generator.config.yaml_text import read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("'3'", "3"),
        ("=", "="),
        ("true", True),
        ("False", False),
        ("10", 10),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("null", None),
        ("~", None),
        ("", None),
        ("!!str 3", "3"),
    ],
)
def test_a_scalar_is_what_yaml_1_2_says(text: str, value: Any) -> None:
    values, problems = read_yaml(f"field: {text}", "file")
    assert problems == []
    assert values == {"field": value}
    assert type(values["field"]) is type(value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 'f.yaml: given an empty file; allowed: a mapping such as "zones: 3"'),
        ("# only a comment\n", 'f.yaml: given an empty file; allowed: a mapping such as "zones: 3"'),
        ("- zones", 'f.yaml: given a list; allowed: a mapping such as "zones: 3"'),
        ("zones", 'f.yaml: given a single value; allowed: a mapping such as "zones: 3"'),
        ("zones: [", "f.yaml: given text that is not YAML (line 2, column 1: did not find expected node content); "
         "allowed: one YAML mapping"),
        ("zones: 3\nname: [a\nshape: b", "f.yaml: given text that is not YAML (line 3, column 6: did not find expected "
         "',' or ']'); allowed: one YAML mapping"),
        ("zones: 3\n---\nzones: 4", "f.yaml: given text that is not YAML (line 2, column 1: but found another "
         "document); allowed: one YAML mapping"),
        ("zones: 3\nname: aa\nzones: 4", "zones: given twice (lines 1 and 3); allowed: once"),
        ("pools:\n- {name: aa, labels: {a: b, a: c}}", "pools[0].labels.a: given twice (lines 2 and 2); allowed: once"),
        ("name: &n aa\npools: [{name: *n}]", "pools[0].name: given an alias (*); allowed: the value itself"),
        ("zones: !!int three", 'zones: given "three" tagged tag:yaml.org,2002:int; allowed: a value without a tag'),
        ("zones: !python/name:os.system x", 'zones: given "x" tagged !python/name:os.system; allowed: a value without '
         "a tag"),
        ("? [a, b]\n: 3", "the file: given a key that is no plain word (line 1); allowed: plain keys"),
    ],
)  # fmt: skip
def test_what_is_no_plain_mapping_is_refused_with_its_place(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse(text, "f.yaml")
    assert str(refusal.value) == line


def test_an_alias_that_contains_itself_ends() -> None:
    with pytest.raises(ConfigError, match="an alias"):
        parse("pools: &p [*p]")


@pytest.mark.parametrize("levels", [30, 5000])
def test_levels_without_end_are_refused(levels: int) -> None:
    with pytest.raises(ConfigError):
        parse("pools: " + "[" * levels + "]" * levels)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: caf\xe9")
    with pytest.raises(ConfigError) as refusal:
        load(path)
    assert str(refusal.value) == f"{path}: given bytes that are not UTF-8; allowed: a YAML file"
