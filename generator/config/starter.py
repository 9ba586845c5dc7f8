"""The configuration that a new cluster begins with: what has to be decided before the first deploy."""

from __future__ import annotations

import json
import os
from pathlib import Path

from generator.config.read import parse
from generator.config.schema import FILE

_TEXT = """\
# yaml-language-server: $schema={schema}
#
# The shape of one cluster. What is left out has the default that examples/default.yaml shows with every other field.
# Images, zones by name, instance types and sizes can be chosen anew at each deploy: parameters of the root template.

name: {name} # never changes
partition: aws # or aws-us-gov, aws-cn
zones: 3 # how many; which ones is the parameter AvailabilityZones

network:
  vpc: create # given: a VPC and subnets that exist, see examples/existing-network.yaml
  tenancy: dedicated # hardware of this account alone; default for shared hardware, then in controlPlane and pools, too
  vpcCidr: 10.0.0.0/16 # never changes; overlaps nothing that the cluster is to be reached from

kubernetes:
  podCidr: 100.64.0.0/16 # never changes; a /24 for each node
  serviceCidr: 172.20.0.0/16 # never changes

controlPlane:
  slots: 3 # never changes; one loss is survived, 5 survive two
  tenancy: dedicated

pools:
  - name: general
    tenancy: dedicated
    instanceType: m7i.large
    minSize: 2
    maxSize: 10
"""


def text(name: str, folder: Path) -> str:
    """The starter of a cluster of this name, for a file in the folder, whose editor finds the schema from there.

    Raises ConfigError for a name that is none.
    """
    parse(json.dumps({"name": name}))
    schema = Path(__file__).parents[2] / FILE
    return _TEXT.format(name=name, schema=os.path.relpath(schema, folder.resolve()))


def write(name: str, folder: Path) -> Path:
    """Write <name>.yaml into the folder. Raises ConfigError, and OSError: FileExistsError for a file that is there."""
    content = text(name, folder)
    path = folder / f"{name}.yaml"
    with path.open("x", encoding="utf-8") as file:
        file.write(content)
    return path
