"""The local WML service.

Imports `errors`, `protocol` and `fusion`; never the client, so that each can be wrong alone.
"""
