"""The aggregator of a training: parties, rounds, quorum, fusion, metrics."""
