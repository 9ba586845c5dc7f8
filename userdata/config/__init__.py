"""What a node is told of itself and its cluster: by its image, its user data, and the parameters in SSM."""
