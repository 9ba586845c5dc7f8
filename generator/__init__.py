"""Turns a configuration into CloudFormation templates."""
