"""The wire format between parties and the aggregator. Imports `errors` only."""
