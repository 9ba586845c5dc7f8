"""What preflight says of Capacity Reservations; moto knows none, so EC2's answers are of our own making."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment.preflight import plan, reservations
from deployment.preflight.finding import Finding, State
from tests.unit.deployment import trees

REGION = "us-east-1"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
ARN = "arn:aws:resource-groups:us-east-1:123456789012:group/paid"
CONFIGURATION = "{capacityReservations: [paid], pools: [{name: general, minSize: 3, capacityReservation: paid}]}"
VALUES = trees.GIVEN["default"] | {"CapacityReservationGroupPaidArn": ARN}
RESERVATION: dict[str, Any] = {
    "CapacityReservationArn": "arn:aws:ec2:us-east-1:123456789012:capacity-reservation/cr-1",
    "InstanceType": "m7i.large",
    "Tenancy": "dedicated",
    "AvailabilityZone": ZONES[0],
    "State": "active",
    "TotalInstanceCount": 4,
    "AvailableInstanceCount": 3,
}


class Account:
    """Resource Groups and EC2: one group, its configuration and what is in it."""

    def __init__(self, *members: dict[str, Any], kind: str = "AWS::EC2::CapacityReservationPool") -> None:
        self.members = members
        self.kind = kind
        self.asked: list[str] = []

    def client(self, service: str) -> Any:
        return self

    def get_group_configuration(self, Group: str) -> dict[str, Any]:
        self.asked.append(Group)
        if not self.kind:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": "no group"}}, "GetGroupConfiguration")
        return {"GroupConfiguration": {"Configuration": [{"Type": self.kind}]}}

    def get_paginator(self, operation: str) -> Any:
        other = {
            **RESERVATION,
            "CapacityReservationArn": "arn:aws:ec2:us-east-1:123456789012:capacity-reservation/other",
        }
        pages = {
            "list_group_resources": [
                {
                    "Resources": [
                        {"Identifier": {"ResourceArn": each["CapacityReservationArn"]}} for each in self.members
                    ]
                }
            ],
            "describe_capacity_reservations": [{"CapacityReservations": [other, *self.members]}],
        }

        class Pages:
            @staticmethod
            def paginate(**_: Any) -> list[dict[str, Any]]:
                return pages[operation]

        return Pages()


def check(account: Any) -> list[Finding]:
    return reservations.check(account, plan.read(trees.of(CONFIGURATION), VALUES, REGION), ZONES)


def test_a_group_with_room_is_ok() -> None:
    group, room = check(Account(RESERVATION))
    assert (group.state, group.subject, group.detail) == (State.OK, "CapacityReservationGroupPaidArn", ARN)
    assert (room.state, room.detail) == (
        State.OK,
        "1 active in the zones with this type and tenancy dedicated; 3 of 4 instances are free, 3 are to start",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"InstanceType": "m7i.xlarge"},
        {"Tenancy": "default"},
        {"AvailabilityZone": "us-east-1f"},
        {"State": "expired"},
    ],
)
def test_a_reservation_that_no_node_fits_is_a_warning(changed: dict[str, str]) -> None:
    _, room = check(Account({**RESERVATION, **changed}))
    assert room.state is State.WARNING
    assert room.detail.endswith("all of them will be On-Demand")


def test_an_empty_group_is_a_warning_and_what_is_in_none_is_not_counted() -> None:
    _, room = check(Account())
    assert room.state is State.WARNING


def test_less_room_than_there_are_nodes_is_a_note_for_an_update_s_nodes_have_it_already() -> None:
    _, room = check(Account({**RESERVATION, "AvailableInstanceCount": 2}))
    assert room.state is State.NOTE
    assert "2 of 4 instances are free" in room.detail


@pytest.mark.parametrize(
    ("kind", "words"),
    [("", "does not exist"), ("AWS::EC2::HostManagement", "is no group of Capacity Reservations")],
)
def test_a_group_that_is_none_or_another_has_failed(kind: str, words: str) -> None:
    group, _ = check(Account(kind=kind))
    assert group.state is State.FAILED
    assert words in group.detail


def test_a_cluster_without_reservations_asks_nothing() -> None:
    account: Any = Account()
    assert reservations.check(account, plan.read(trees.example("default"), trees.GIVEN["default"], REGION), ZONES) == []
    assert account.asked == []
