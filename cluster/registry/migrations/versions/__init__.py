"""One file a step; see the docstring of each."""
