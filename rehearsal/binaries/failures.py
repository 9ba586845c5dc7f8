"""What can keep images from being made; each message is one line."""

from __future__ import annotations


class Missing(Exception):
    """This computer lacks something; the message says what to install or free."""


class BuildFailed(Exception):
    """A build ended with an error; the message holds what the tool said last."""
