"""What a control plane does for as long as it runs: one module for each task, decisions apart from what they need."""
