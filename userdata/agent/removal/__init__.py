"""Carries out the `operation`: ends a membership of etcd, after checks of its own against etcd itself."""
