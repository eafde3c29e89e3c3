"""The paper's tables, measured by us: what is run, how it is run, and what it came to."""
