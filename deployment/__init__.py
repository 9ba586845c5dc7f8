"""Commands that act on a real account for `make package`, `deploy`, `diff`, `delete`, `purge` and `preflight`.

A room of its own because the generator never calls AWS (docs/decisions/0001-a-room-for-deployment.md). It sees the
cluster only as a user does: through templates, parameters, stacks and tags.
"""
