"""The Kubernetes API as the node program uses it: a small client, whom it asks as, and what that one may do."""
