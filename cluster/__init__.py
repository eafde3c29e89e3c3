"""Composes the rooms: Ray, MLflow, checkpoints and the posenas command."""
