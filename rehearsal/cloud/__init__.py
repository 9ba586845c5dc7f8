"""The local cloud: the local AWS with machines that really boot, and what people do with it."""
