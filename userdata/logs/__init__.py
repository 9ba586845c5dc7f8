"""What a node says of what it does: lines of a stage each, in a file, on the console and in CloudWatch Logs."""
