"""One run from settings to results: its folder, checkpoints and stages."""
