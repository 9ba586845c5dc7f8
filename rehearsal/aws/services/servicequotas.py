"""What plain moto gets wrong about Service Quotas: it knows those of VPC only."""

from __future__ import annotations

import json
from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import added, around

# service: quota code: (name, default value, value that this account was granted)
# https://docs.aws.amazon.com/general/latest/gr/ec2-service.html and elb.html
QUOTAS: dict[str, dict[str, tuple[str, float, float | None]]] = {
    "ec2": {
        "L-1216C47A": ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5.0, 1920.0),
    },
    "elasticloadbalancing": {
        "L-69A177A2": ("Network Load Balancers per Region", 50.0, None),
    },
}


@correction(
    "servicequotas", "Quotas of EC2 and load balancing are unknown, and defaults cannot be asked for one by one"
)
def quotas_of_the_services_in_use_are_known() -> None:
    from moto.servicequotas.models import ServiceQuotasBackend
    from moto.servicequotas.responses import ServiceQuotasResponse

    def quota(region: str, service: str, code: str, name: str, value: float) -> dict[str, Any]:
        return {
            "ServiceCode": service,
            "ServiceName": service,
            "QuotaArn": f"arn:aws:servicequotas:{region}::{service}/{code}",
            "QuotaCode": code,
            "QuotaName": name,
            "Value": value,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }

    @around(ServiceQuotasBackend, "get_service_quota")
    def get_service_quota(plain: Any, self: Any, service_code: str, quota_code: str) -> Any:
        name, _, granted = QUOTAS.get(service_code, {}).get(quota_code, ("", 0.0, None))
        if granted is not None:
            return quota(self.region_name, service_code, quota_code, name, granted)
        return plain(self, service_code, quota_code)

    @added(ServiceQuotasResponse, "get_aws_default_service_quota")
    def get_aws_default_service_quota(self: Any) -> Any:
        service, code = self._get_param("ServiceCode"), self._get_param("QuotaCode")
        known = QUOTAS.get(service, {})
        if code not in known:
            return json.dumps({"Quota": self.backend.get_service_quota(service, code)})
        name, default, _ = known[code]
        return json.dumps({"Quota": quota(self.region, service, code, name, default)})
