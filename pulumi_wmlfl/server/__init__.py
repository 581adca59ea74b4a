"""The local WML service.

Imports `errors` only; never the client, so that each can be wrong alone.
"""
