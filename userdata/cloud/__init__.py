"""What a node asks of AWS for itself."""
