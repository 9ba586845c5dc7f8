"""ECR of the local AWS: the service's API, its tokens, and the registry that asks for them."""
