"""`python -m cluster` is the `posenas` command."""

from cluster.entry import main

if __name__ == "__main__":
    main()
