"""The search on a Ray cluster: actors, evaluators behind them, what is done when something dies."""
