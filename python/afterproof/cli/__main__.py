"""``python -m afterproof.cli``: the command line without its script."""

import sys

from .app import main

if __name__ == "__main__":
    sys.exit(main())
