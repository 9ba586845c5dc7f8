"""The service control policy of docs/hardening.md, as whoever pastes it would have it."""

from __future__ import annotations

import json
from pathlib import Path

DOCUMENT = Path(__file__).parents[3] / "docs" / "hardening.md"
# https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
_LARGEST_BYTES = 5120


def test_the_policy_of_tags_is_json_fits_and_denies_both_kinds_of_tags() -> None:
    _, _, rest = DOCUMENT.read_text(encoding="utf-8").partition("```json\n")
    text, closing, _ = rest.partition("```")
    assert closing
    assert len(text.encode()) <= _LARGEST_BYTES
    (statement,) = json.loads(text)["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Deny", "*")
    assert {"autoscaling:CreateOrUpdateTags", "autoscaling:DeleteTags"} <= set(statement["Action"])
    keys = statement["Condition"]["ForAnyValue:StringLike"]["aws:TagKeys"]
    assert keys == ["holdfast:*", "k8s.io/cluster-autoscaler/*"]
