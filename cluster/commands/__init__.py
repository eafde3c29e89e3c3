"""The subcommands of `posenas`, a file per group; each is a thin call of one documented function."""
