"""`make image-lock`: asks the sources of an image's artefacts for their checksums, and writes them to versions.json.

What a source has published is written as it is; nothing is computed in its place. Runs where the internet, or a mirror
of the sources, can be reached, and needs the standard library alone.
"""
