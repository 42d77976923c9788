"""`python -m gpkit`, and the console script `gpkit`."""

try:
    from gpkit.cli import main
except KeyboardInterrupt:  # Ctrl-C while the options load: no traceback.
    raise SystemExit(130) from None

if __name__ == "__main__":
    main()
