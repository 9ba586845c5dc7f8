"""What plain moto gets wrong about the filters of EC2's Describe calls."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around

MOST_FILTER_VALUES = 200
"""Values of all filters of one call together. Code, message and number are EC2's own, as its users quote them."""


@correction("ec2", "A Describe call takes filters with more than 200 values")
def filters_hold_at_most_200_values() -> None:
    from moto.ec2.exceptions import EC2ClientError
    from moto.ec2.responses._base_response import EC2BaseResponse

    @around(EC2BaseResponse, "_get_param")
    def get_param(plain: Any, self: Any, param_name: str, if_none: Any = None) -> Any:
        # Every Describe call of moto reads its filters here, under one of two names.
        found = plain(self, param_name, if_none)
        filters = found if param_name in ("Filters", "Filter") and isinstance(found, list) else []
        if sum(len(each.get("Values") or ()) for each in filters) > MOST_FILTER_VALUES:
            message = f"The maximum number of filter values specified on a single call is {MOST_FILTER_VALUES}"
            raise EC2ClientError("FilterLimitExceeded", message)
        return found
