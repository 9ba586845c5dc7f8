"""What several of the root's parameters take, as regular expressions that CloudFormation knows."""

from __future__ import annotations

# How ARNs begin, as the services' own models have it.
PARTITION = "arn:aws(-[a-z]+)*"
# One character of a managed policy's path or name (PolicyPath and PolicyName of IAM's API).
IAM_NAME = "[A-Za-z0-9+=,.@_-]"
DNS_NAME = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
