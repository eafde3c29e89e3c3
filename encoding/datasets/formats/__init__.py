"""Formats of recordings: one file each, and one table of them (table.py)."""
