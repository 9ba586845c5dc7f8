"""The cluster configuration: its types, its reader and its rules."""

from generator.config.model import ClusterConfig
from generator.config.problem import ConfigError, Problem
from generator.config.read import load, parse

__all__ = ["ClusterConfig", "ConfigError", "Problem", "load", "parse"]
