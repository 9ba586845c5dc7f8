"""Security groups without packets."""
