"""Create, read, update and delete of WML objects, without Pulumi and without HTTP.

Imports `schema`, `errors` and the typing protocol of `client`; never `pulumi`, never `requests`."""
