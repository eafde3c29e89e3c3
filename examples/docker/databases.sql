-- MLflow keeps its own tables beside the registry's, in a database of its own.
CREATE DATABASE mlflow;
