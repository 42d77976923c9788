"""`python -m gpkit`, and the console script `gpkit`."""

from gpkit.cli import main

if __name__ == "__main__":
    main()
