"""`python -m deployment`."""

import sys

from deployment.cli import main

if __name__ == "__main__":
    sys.exit(main())
