"""cfn-lint over generated clusters, in this process: starting it takes seconds, and so does reading its rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from cfnlint.config import ConfigMixIn
from cfnlint.runner import Runner

from rehearsal.lint import ignored
from tests.templates.cluster import Cluster

# Partition -> the regions that its templates are checked for.
REGIONS = {
    "aws": ["us-east-1", "eu-central-1"],
    "aws-us-gov": ["us-gov-west-1"],
    "aws-cn": ["cn-north-1"],
    "aws-eusc": ["eusc-de-east-1"],
    "aws-iso": ["us-iso-east-1", "us-iso-west-1"],
    "aws-iso-b": ["us-isob-east-1", "us-isob-west-1"],
    "aws-iso-e": ["eu-isoe-west-1"],
    "aws-iso-f": ["us-isof-east-1", "us-isof-south-1"],
}
_CIDR = re.compile(r"\d+\.\d+\.\d+\.\d+/\d+")


def findings(clusters: Iterable[Cluster], folder: Path) -> list[str]:
    """Every error and warning; `folder` takes the templates.

    Templates that differ in the cluster's name and in address ranges only are checked once per partition.
    """
    to_check: dict[tuple[str, str], str] = {}
    for number, cluster in enumerate(clusters):
        beside = folder / f"{number}-{cluster.name}"
        beside.mkdir(parents=True)
        for layer, template in cluster.templates.items():
            text = json.dumps(template, indent=1)
            # The root's nested stacks are checked against the templates beside it.
            (beside / f"{layer}.json").write_text(text)
            content = _CIDR.sub("", text.replace(cluster.config.name, ""))
            to_check.setdefault((cluster.config.partition, content), str(beside / f"{layer}.json"))
    found = []
    for partition, regions in REGIONS.items():
        files = [file for (of, _), file in to_check.items() if of == partition]
        if files:
            # The empty command line keeps cfn-lint from reading pytest's.
            config = ConfigMixIn([], templates=files, regions=regions, ignore_checks=list(ignored()))
            found += [f"{match.filename}: {match.rule.id} {match.message}" for match in Runner(config).run()]
    return found
