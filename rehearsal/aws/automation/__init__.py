"""Systems Manager Automation of the local AWS: runbooks of the actions that call an API or wait for what it answers."""
