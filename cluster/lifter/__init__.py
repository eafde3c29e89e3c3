"""The lifter as runs and files: trained, saved, scored, and let loose on JSON folders and videos."""
