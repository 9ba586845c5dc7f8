"""What is decided about instances, without any."""
