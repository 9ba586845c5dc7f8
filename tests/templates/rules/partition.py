"""One template for every partition, region and account: no literal of any."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.templates.cluster import Cluster
from tests.templates.rules.rule import rule

# A region's name, or the twelve digits of an account that are not part of a uuid.
_LITERAL = re.compile(
    r"\b(af|ap|ca|cn|eu|il|me|mx|sa|us)-(gov-|iso[a-z]?-)?(north|south|east|west|central)[a-z]*-\d\b"
    r"|(?<![0-9a-f-])\d{12}(?![0-9a-f-])"
)
_ARN = re.compile(r"\barn:(?!\$\{AWS::Partition\}:)")
# Service principals and endpoint services have these names in every partition; other hosts have a suffix of their own.
_PRINCIPAL = re.compile(r"[a-z0-9-]+\.amazonaws\.com")
_ENDPOINT_SERVICE = re.compile(r"(cn\.)?com\.amazonaws\.\$\{AWS::Region\}\.[a-z0-9.]+")


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
        if "amazonaws" not in text or _ENDPOINT_SERVICE.fullmatch(text):
            continue
        # What names a service, and no host.
        if not (_PRINCIPAL.fullmatch(text) and ("/Principal" in path or path.endswith("/aws:CalledVia"))):
            yield f"{path}: {text}"
