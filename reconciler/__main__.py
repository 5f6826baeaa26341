"""`python -I -m reconciler`: the command line, where nothing of the working directory may be imported."""

from __future__ import annotations

from reconciler.cli.main import main

if __name__ == "__main__":
    main()
