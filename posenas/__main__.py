"""`python -m posenas` is the command `posenas`."""

from cluster.entry import main

if __name__ == "__main__":
    main()
