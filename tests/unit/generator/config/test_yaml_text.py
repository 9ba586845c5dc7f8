"""YAML as a person means it: nothing of YAML 1.1's surprises comes through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generator.config import ConfigError, load, parse
from generator.config.yaml_text import read_yaml

EXAMPLE = 'allowed: a mapping such as "zones: 3"'
NOT_YAML = "given text that is not YAML"
TAB = "a tab; indent with spaces"


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
    document = read_yaml(f"field: {text}")
    assert document.problems == []
    assert document.values == {"field": value}
    assert type(document.values["field"]) is type(value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", f"given an empty file; {EXAMPLE}"),
        ("# only a comment\n", f"given an empty file; {EXAMPLE}"),
        ("- zones", f"1: given a list; {EXAMPLE}"),
        ("# comment\nzones", f"2: given a single value; {EXAMPLE}"),
        ("zones: [", f"2: {NOT_YAML} (column 1: did not find expected node content); allowed: one YAML mapping"),
        ("zones: 3\nname: [a\nshape: b",
         f"3: {NOT_YAML} (column 6: did not find expected ',' or ']'); allowed: one YAML mapping"),
        ("zones: 3\n---\nzones: 4", f"2: {NOT_YAML} (column 1: but found another document); allowed: one YAML mapping"),
        ("network:\n\tvpc: given", f"2: {NOT_YAML} (column 1: {TAB}); allowed: one YAML mapping"),
        ("network:\n  vpc: given\r\n\ttenancy: default", f"3: {NOT_YAML} (column 1: {TAB}); allowed: one YAML mapping"),
        ("pools:\n- \tname: general", f"2: {NOT_YAML} (column 3: {TAB}); allowed: one YAML mapping"),
        ("name: a\0", f"{NOT_YAML} (the character U+0000: control characters are not allowed); allowed: one YAML "
         "mapping"),
        ("zones: 3\nname: aa\nzones: 4", "3: zones: given twice (lines 1 and 3); allowed: once"),
        ("pools:\n- {name: aa, labels: {a: b, a: c}}",
         "2: pools[0].labels.a: given twice (lines 2 and 2); allowed: once"),
        ("zones: !!int three", '1: zones: given "three" tagged tag:yaml.org,2002:int; allowed: a value without a tag'),
        ("zones: !python/name:os.system x", '1: zones: given "x" tagged !python/name:os.system; allowed: a value '
         "without a tag"),
        ("name: aa\n? [a, b]\n: 3", "2: given a key that is no plain word; allowed: plain keys"),
        ("pools: &p [*p]", "1: pools[0]: given an alias (*) of what it is in; allowed: an alias of what stands "
         "elsewhere"),
        ("network:\n  <<: 3", '2: network["<<"]: given something else than a mapping; allowed: a mapping to merge, or '
         "a list of such"),
        ("pools:\n- &a {name: aa}\n- <<: *a\n  <<: *a\n  name: bb",
         '4: pools[1]["<<"]: given twice (lines 3 and 4); allowed: once'),
    ],
)  # fmt: skip
def test_what_is_no_plain_mapping_is_refused_with_its_place(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse(text, "f.yaml")
    assert str(refusal.value) == ("f.yaml: " if line.startswith("given") else "f.yaml:") + line


def test_an_alias_is_the_value_that_its_anchor_names_and_a_merge_key_brings_what_is_not_there() -> None:
    text = """
pools:
  - &general {name: general, minSize: 1, maxSize: 3, labels: &labels {team: a}}
  - <<: [{minSize: 2}, *general]
    name: other
    maxSize: 5
    labels: *labels
  - {"<<": 3, name: cc}
"""
    document = read_yaml(text)
    assert document.problems == []
    assert document.values["pools"][1] == {"name": "other", "minSize": 2, "maxSize": 5, "labels": {"team": "a"}}
    assert document.values["pools"][2] == {"<<": 3, "name": "cc"}
    with pytest.raises(ConfigError) as refusal:
        parse(text.replace("maxSize: 3", "rootVolumeGib: 3"), "f.yaml")
    assert [str(problem).partition(": given")[0] for problem in refusal.value.problems] == [
        "f.yaml:3: pools[0].rootVolumeGib",
        "f.yaml:3: pools[1].rootVolumeGib",
        'f.yaml:8: pools[2]["<<"]',
    ]


@pytest.mark.parametrize("more", ["[*{0}, *{0}]", "{{<<: [*{0}, *{0}]}}"])
def test_aliases_of_aliases_of_aliases_end(more: str) -> None:
    """A "billion laughs" in 40 lines."""
    first = "[x]" if more.startswith("[") else "{x: y}"
    lines = [f"k0: &a0 {first}", *(f"k{n}: &a{n} {more.format(f'a{n - 1}')}" for n in range(1, 40))]
    with pytest.raises(ConfigError, match=r"value number 20001|a deeper level"):
        parse("\n".join(lines))


@pytest.mark.parametrize("levels", [30, 5000])
def test_levels_without_end_are_refused(levels: int) -> None:
    with pytest.raises(ConfigError):
        parse("pools: " + "[" * levels + "]" * levels)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"zones: 3\nname: caf\xe9")
    with pytest.raises(ConfigError) as refusal:
        load(path)
    assert str(refusal.value) == f"{path}:2: given bytes that are not UTF-8; allowed: a YAML file"
