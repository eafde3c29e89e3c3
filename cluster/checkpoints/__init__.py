"""Checkpoints that survive a crash at any moment, and the thread that writes them."""
