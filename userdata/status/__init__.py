"""`holdfast-node status`: what a node believes of itself and of its cluster, on one screen."""
