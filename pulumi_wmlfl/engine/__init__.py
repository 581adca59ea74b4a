"""The pip-only deployment engine: Pulumi's gRPC contracts, served with the stubs of Pulumi's own SDK.

Imports `errors` and Pulumi's stubs; it does not know our resources, so that it runs any program."""
