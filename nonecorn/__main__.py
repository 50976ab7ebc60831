"""`python -m nonecorn`, and the `nonecorn` script."""

from __future__ import annotations

from nonecorn.cli.main import main

if __name__ == "__main__":
    main()
