"""The steps of the registry's schema, one file each, applied by Alembic in the order of their numbers."""
