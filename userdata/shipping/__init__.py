"""Ships a node's audit log, its static pods' logs and its units' journal to CloudWatch Logs, before the node ends."""
