"""Federated-learning experiments on IBM Watson Machine Learning (WML) as Pulumi resources."""

from ._version import __version__

__all__ = ["__version__"]
