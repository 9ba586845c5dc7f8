"""Instances that really boot."""
