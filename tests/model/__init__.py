"""Every interleaving of founding and restoring, explored with the project's own decisions and writes: docs/model.md."""
