"""IAM as AWS enforces it: policies, what a request asks for, and whether its role may do it."""
