"""The components of EC2 Image Builder that make a machine image, in their order.

Each is a document of AWSTOE (schemaVersion 1.0) that is rendered from scripts/*.sh: the same scripts run on the build
instance, and in a rehearsal's image root.
"""

from imagebuilder.components.document import Component, Parameter
from imagebuilder.components.order import documents
from imagebuilder.components.plan import EC2, Machine

__all__ = ["EC2", "Component", "Machine", "Parameter", "documents"]
