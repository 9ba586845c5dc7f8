"""How templates read: the order of their keys, and what they say about themselves to whoever audits them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.templates.cluster import Cluster
from tests.templates.rules.rule import rule

_TEMPLATE = (
    "AWSTemplateFormatVersion Description Metadata Parameters Rules Mappings Conditions Resources Outputs".split()
)
_RESOURCE = (
    "Type Condition DependsOn DeletionPolicy UpdateReplacePolicy CreationPolicy UpdatePolicy Metadata Properties"
).split()
_PARAMETER = ["Type", "Description", "Default"]
_OUTPUT = ["Description", "Condition", "Value"]


@rule
def keys_stand_in_the_order_in_which_people_write_them(cluster: Cluster) -> Iterator[str]:
    for layer, template in cluster.templates.items():
        entries = [(layer, template, _TEMPLATE)]
        for section, order in (("Parameters", _PARAMETER), ("Resources", _RESOURCE), ("Outputs", _OUTPUT)):
            named = template.get(section, {}).items()
            entries += [(f"{layer}/{section}/{name}", entry, order) for name, entry in named]
        for place, entry, order in entries:
            if list(entry) != _sorted(list(entry), order):
                yield f"{place}: {', '.join(entry)}"


def _sorted(keys: Sequence[str], order: Sequence[str]) -> list[str]:
    """The keys with those of the order first; a parameter's constraints come after them as they are."""
    return sorted(keys, key=lambda key: order.index(key) if key in order else len(order))
