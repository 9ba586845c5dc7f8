#!/usr/bin/env python3
"""The node program of a bad image: whatever it is asked to do, it fails."""

import sys

sys.exit("this image cannot serve")
