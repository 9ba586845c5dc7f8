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
# CloudFormation user guide: up to 4,000 characters ("Parameters"), up to 1,024 bytes ("Outputs", and a template's own).
_MAX_PARAMETER_CHARACTERS = 4000
_MAX_BYTES = 1024


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


@rule
def every_parameter_and_output_says_what_it_is_in_words_of_its_own(cluster: Cluster) -> Iterator[str]:
    for layer, template in cluster.templates.items():
        if not 0 < len(template["Description"].encode()) <= _MAX_BYTES:
            yield f"{layer}: {len(template['Description'].encode())} bytes of description"
        for section, size in (("Parameters", _MAX_PARAMETER_CHARACTERS), ("Outputs", _MAX_BYTES)):
            said: dict[str, str] = {}
            for name, entry in template.get(section, {}).items():
                text = entry.get("Description", "")
                if not text or len(text.encode()) > size:
                    yield f"{layer}/{section}/{name}: {len(text.encode())} bytes of description"
                elif _letters(text) == _letters(name):
                    yield f"{layer}/{section}/{name}: says no more than its name"
                elif text in said:
                    yield f"{layer}/{section}/{name}: says the same as {said[text]}"
                said[text] = name


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def _sorted(keys: Sequence[str], order: Sequence[str]) -> list[str]:
    """The keys with those of the order first; a parameter's constraints come after them as they are."""
    return sorted(keys, key=lambda key: order.index(key) if key in order else len(order))
