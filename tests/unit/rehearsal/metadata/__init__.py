"""What the metadata service tells, without HTTP."""
