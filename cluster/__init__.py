"""Composes the rooms: Ray, MLflow, checkpoints and the posenas command."""

from cluster import _moved

_moved.install()
