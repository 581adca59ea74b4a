"""Fusion of model updates in numpy, and rules that end a training. No I/O; imports `errors` only."""
