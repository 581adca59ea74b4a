"""What a user may declare and what WML says: pydantic models and one policy table.

Imports `errors` only.
"""
