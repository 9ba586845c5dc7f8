"""The registry of ECR as nodes reach it: behind the endpoints of their VPC, by its own names, with certificates."""

from rehearsal.machines.registry.endpoints import Registries

__all__ = ["Registries"]
