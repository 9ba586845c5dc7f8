"""One template for every partition, region and account: no literal of any."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rehearsal.aws.partitions import COMMERCIAL, by_name
from tests.templates.cluster import Cluster
from tests.templates.rules.rule import rule

# A region's name, or the twelve digits of an account that are not part of a uuid.
_LITERAL = re.compile(
    r"\b(af|ap|ca|cn|eu|il|me|mx|sa|us)-(gov-|iso[a-z]?-)?(north|south|east|west|central)[a-z]*-\d\b"
    r"|(?<![0-9a-f-])\d{12}(?![0-9a-f-])"
)
_ARN = re.compile(r"\barn:(?!\$\{AWS::Partition\}:)")
# Service principals have these names in every partition; other hosts have a suffix of their own.
_PRINCIPAL = re.compile(r"[a-z0-9-]+\.amazonaws\.com")
_NAMES_A_SERVICE = re.compile(r".*(/Principal.*|/(aws:CalledVia|iam:PassedToService)(/\d+)?)")
_ENDPOINT_SERVICE = re.compile(r"(cn\.com|com|eu)\.amazonaws\.\$\{AWS::Region\}\.[a-z0-9.]+")
_CALLER = re.compile(r"([a-z0-9-]+)\.\$\{AWS::Region\}\.(amazonaws\.com|\$\{AWS::URLSuffix\})")


@rule
def every_arn_takes_its_partition_from_the_deploy(cluster: Cluster) -> Iterator[str]:
    for path, text in cluster.texts:
        if "arn:" in text and _ARN.search(text) and not path.endswith("/AllowedPattern"):
            yield f"{path}: {text}"


@rule
def no_text_names_a_region_or_an_account(cluster: Cluster) -> Iterator[str]:
    for path, text in cluster.texts:
        if _LITERAL.search(text):
            yield f"{path}: {text}"


@rule
def every_host_of_aws_takes_its_suffix_from_the_deploy(cluster: Cluster) -> Iterator[str]:
    for path, text in cluster.texts:
        if "amazonaws" not in text or _ENDPOINT_SERVICE.fullmatch(text) or "/kms:ViaService/" in path:
            continue
        # What names a service, and no host.
        if not (_PRINCIPAL.fullmatch(text) and _NAMES_A_SERVICE.fullmatch(path)):
            yield f"{path}: {text}"


@rule
def a_key_is_used_through_services_by_every_name_that_they_may_have(cluster: Cluster) -> Iterator[str]:
    """Where hosts do not end in amazonaws.com nobody has published what `kms:ViaService` ends in."""
    own_domain = by_name(cluster.config.partition).domain != COMMERCIAL
    wanted = {"${AWS::URLSuffix}", *([COMMERCIAL] if own_domain else [])}
    for statement in cluster.statements():
        found: dict[str, set[str]] = {}
        for value in statement.condition("StringEquals", "kms:ViaService") or ():
            named = _CALLER.fullmatch(value["Fn::Sub"])
            if named is None:
                yield f"{statement}: {value}"
            else:
                found.setdefault(named[1], set()).add(named[2])
        for service, domains in found.items():
            if domains != wanted:
                yield f"{statement}: {service} calls under {sorted(domains)}, not {sorted(wanted)}"
