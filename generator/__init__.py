"""Turns a configuration into CloudFormation templates."""

VERSION = "0.1.0"
"""Of this project; setup.cfg takes it from here."""
