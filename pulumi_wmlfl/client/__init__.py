"""The WML REST API over `requests`. Imports `schema`, `config` and `errors`."""
