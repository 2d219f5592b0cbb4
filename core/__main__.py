"""The command line of pypet: ``pypet`` and ``python -m pypet``."""

from __future__ import annotations

import sys

from pypet.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
