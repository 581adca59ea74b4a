"""The same core as a native Pulumi plugin. Imports `core`, `client`, `config` and `pulumi`."""
