"""Trackers: a run in MLflow, Weights & Biases, TensorBoard, OpenTelemetry or Prometheus, read from its record."""
