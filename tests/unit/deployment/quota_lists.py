"""Service Quotas as a script: the quotas that a cluster counts against, with one value for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

QUOTAS = {
    "vpc": {
        "L-F678F1CE": "VPCs per Region",
        "L-29B6F2EB": "Interface VPC endpoints per VPC",
        "L-1B52E74A": "Gateway VPC endpoints per Region",
        "L-E79EC296": "VPC security groups per Region",
        "L-0EA8095F": "Inbound or outbound rules per security group",
    },
    "elasticloadbalancing": {"L-69A177A2": "Network Load Balancers per Region"},
    "ec2": {
        "L-1216C47A": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        "L-34B43A08": "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
        "L-DB2E81BA": "Running On-Demand G and VT instances",
        "L-417A185B": "Running On-Demand P instances",
        "L-7295265B": "Running On-Demand X instances",
        "L-74FC7D96": "Running On-Demand F instances",
        "L-1945791B": "Running On-Demand Inf instances",
        "L-6E869C2A": "Running On-Demand DL instances",
        "L-2C3B7624": "Running On-Demand Trn instances",
        "L-F7808C92": "Running On-Demand HPC instances",
        "L-43DA4232": "Running On-Demand High Memory instances",
        "L-30E31217": "Running Dedicated m7i Hosts",
    },
}


class Quotas:
    """Every quota has the value; half of them were never changed, and are in the list of defaults alone."""

    def __init__(self, value: int) -> None:
        self._value = value
        self._operation = ""

    def get_paginator(self, operation: str) -> Any:
        asked = Quotas(self._value)
        asked._operation = operation
        return asked

    def paginate(self, ServiceCode: str) -> Iterator[dict[str, Any]]:
        own = self._operation == "list_service_quotas"
        for number, (code, name) in enumerate(QUOTAS[ServiceCode].items()):
            if own and number % 2:
                continue
            # A default that was changed says nothing.
            value = self._value if own or number % 2 else 0
            yield {"Quotas": [{"QuotaCode": code, "QuotaName": name, "Value": float(value)}]}
