"""What plain moto gets wrong about log groups."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import added, around

RETENTION_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""


@correction("logs", "PutRetentionPolicy accepts any number of days")
def a_retention_is_one_of_the_allowed() -> None:
    from moto.logs.exceptions import InvalidParameterException
    from moto.logs.models import LogsBackend

    @around(LogsBackend, "put_retention_policy")
    def put_retention_policy(plain: Any, self: Any, log_group_name: str, retention_in_days: Any) -> Any:
        if int(retention_in_days) not in RETENTION_DAYS:
            allowed = f"Member must satisfy enum value set: {sorted(RETENTION_DAYS)}"
            raise InvalidParameterException(constraint=allowed, parameter="retentionInDays", value=retention_in_days)
        return plain(self, log_group_name, retention_in_days)


@correction("logs", "AssociateKmsKey and DisassociateKmsKey do not exist")
def a_log_group_changes_its_key() -> None:
    from moto.core.responses import EmptyResult
    from moto.logs.exceptions import ResourceNotFoundException
    from moto.logs.responses import LogsResponse

    def set_key(response: Any, key: str | None) -> Any:
        group = response.logs_backend.groups.get(response._get_param("logGroupName"))
        if group is None:
            raise ResourceNotFoundException()
        group.kms_key_id = key
        return EmptyResult()

    @added(LogsResponse, "associate_kms_key")
    def associate_kms_key(self: Any) -> Any:
        return set_key(self, self._get_param("kmsKeyId"))

    @added(LogsResponse, "disassociate_kms_key")
    def disassociate_kms_key(self: Any) -> Any:
        return set_key(self, None)
