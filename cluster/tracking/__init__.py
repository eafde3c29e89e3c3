"""What a run tells MLflow: the store, the record, the models, the pages."""
