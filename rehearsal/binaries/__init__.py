"""Kubernetes and its parts, built on this computer from pinned Go modules, and the machine images made of them."""

from rehearsal.binaries.failures import BuildFailed, Missing
from rehearsal.binaries.images import ImageName, image_for, made_image, names

__all__ = ["BuildFailed", "ImageName", "Missing", "image_for", "made_image", "names"]
