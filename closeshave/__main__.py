"""``python -m closeshave`` is the command ``closeshave``."""

from closeshave.cli import main

if __name__ == "__main__":
    main()
