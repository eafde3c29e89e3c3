"""posenas by its name: `import posenas`, and `python -m posenas` for the command.

The packages to work with are `lifting`, `encoding`, `nas` and `cluster`.
"""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("posenas")
