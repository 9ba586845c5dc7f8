"""Temporary credentials of a role, and the file that AWS's SDKs read them from."""

from __future__ import annotations

from dataclasses import dataclass, field

SESSION_SECONDS = 3600
"""The longest session that begins with a role's credentials, whatever the other role allows.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html (role chaining)"""


@dataclass(frozen=True)
class RoleCredentials:
    """Temporary credentials of a role; none of them is shown by its repr."""

    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    token: str = field(repr=False)

    def file(self) -> str:
        """The text of the file. https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html"""
        return (
            "[default]\n"
            f"aws_access_key_id = {self.key_id}\n"
            f"aws_secret_access_key = {self.secret}\n"
            f"aws_session_token = {self.token}\n"
        )
