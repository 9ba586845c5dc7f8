"""What plain moto gets wrong about Service Quotas: it knows defaults of VPC only, and no values of the account."""

from __future__ import annotations

import json
from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import added, around

# service: quota code: (name, default value, value that this account was granted)
# Names and defaults: Amazon EC2 user guide, "Amazon EC2 service quotas"; AWS general reference, "Elastic Load Balancing
# endpoints and quotas". What was granted is this account's.
QUOTAS: dict[str, dict[str, tuple[str, float, float | None]]] = {
    "ec2": {
        "L-1216C47A": ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5.0, 1920.0),
        "L-DB2E81BA": ("Running On-Demand G and VT instances", 0.0, 64.0),
        "L-417A185B": ("Running On-Demand P instances", 0.0, None),
        "L-7295265B": ("Running On-Demand X instances", 0.0, None),
        "L-74FC7D96": ("Running On-Demand F instances", 0.0, None),
        "L-1945791B": ("Running On-Demand Inf instances", 0.0, None),
        "L-6E869C2A": ("Running On-Demand DL instances", 0.0, None),
        "L-2C3B7624": ("Running On-Demand Trn instances", 0.0, None),
        "L-F7808C92": ("Running On-Demand HPC instances", 0.0, None),
        "L-43DA4232": ("Running On-Demand High Memory instances", 0.0, None),
        "L-30E31217": ("Running Dedicated m7i Hosts", 0.0, 4.0),
        "L-D269BEFD": ("Running Dedicated m6i Hosts", 0.0, 4.0),
    },
    "elasticloadbalancing": {
        "L-69A177A2": ("Network Load Balancers per Region", 50.0, None),
    },
}


@correction(
    "servicequotas", "Quotas of EC2 and load balancing are unknown, and the account's own values of all of them"
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

    @around(ServiceQuotasBackend, "list_aws_default_service_quotas")
    def list_aws_default_service_quotas(plain: Any, self: Any, service_code: str) -> Any:
        known = QUOTAS.get(service_code)
        if known is None:
            return plain(self, service_code)
        return [
            quota(self.region_name, service_code, code, name, default) for code, (name, default, _) in known.items()
        ]

    @added(ServiceQuotasResponse, "list_service_quotas")
    def list_service_quotas(self: Any) -> Any:
        """Values that the account has; those that were never raised may be missing (API reference)."""
        service = str(json.loads(self.body).get("ServiceCode"))
        self.backend.list_aws_default_service_quotas(service)  # refuses an unknown service
        granted = [
            quota(self.region, service, code, name, value)
            for code, (name, _, value) in QUOTAS.get(service, {}).items()
            if value is not None
        ]
        return json.dumps({"Quotas": granted})
