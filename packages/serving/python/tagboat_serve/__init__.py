"""Serves one model over HTTP: Open Inference Protocol v2, plain JSON, MLflow scoring. Standard library only."""
