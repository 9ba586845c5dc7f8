"""Machine images: the stack that builds them, a build to its end, and the newest one for a deploy."""
