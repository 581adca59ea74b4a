"""What users' programs import: the Pulumi resources. Imports `core`, `client`, `config` and `pulumi`."""
