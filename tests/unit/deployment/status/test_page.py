"""The page about looking at a cluster shows what the commands say, and names what they ask."""

from __future__ import annotations

import re
import textwrap

import deployment.status
from coordination.report.parts import Verdict
from coordination.report.rendering import screen
from deployment.status.command import SCREEN
from deployment.status.decide import decide
from tests.unit.deployment.status.looks import WELL
from tests.unit.project.rooms import ROOT

PAGE = (ROOT / "docs/how-to/look-at-a-cluster.md").read_text(encoding="utf-8")
ACTION = re.compile(r"`((?:cloudformation|dynamodb|kms|autoscaling):[A-Z]\w+)`")


def section(heading: str) -> str:
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_the_page_shows_the_screen_of_a_healthy_cluster() -> None:
    assert textwrap.indent(screen(decide(WELL), SCREEN), "    ") in PAGE


def test_the_page_and_the_package_name_the_same_actions() -> None:
    assert set(ACTION.findall(section("What it takes"))) == set(ACTION.findall(deployment.status.__doc__ or ""))


def test_the_page_describes_every_part_of_the_document() -> None:
    described = re.findall(r"^\| `([a-z ]+)` \|", section("JSON"), re.MULTILINE)
    assert sorted(described) == sorted(part.name for part in decide(WELL).parts)


def test_the_page_has_every_exit_code() -> None:
    told = re.findall(r"^\| (\d) \| ", section("Exit codes"), re.MULTILINE)
    assert told == [str(int(each)) for each in Verdict]
