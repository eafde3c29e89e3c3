"""`python -m posenas` is the command `posenas`."""

from cluster.cli import main

if __name__ == "__main__":
    main()
