"""The cluster configuration: its types, its reader and its rules."""

from generator.config.model import ClusterConfig
from generator.config.problem import ConfigError, Note, Problem
from generator.config.read import Loaded, load, parse, read

__all__ = ["ClusterConfig", "ConfigError", "Loaded", "Note", "Problem", "load", "parse", "read"]
