"""Run by a Python that has Flower: fuses the updates of a file with Flower's own functions.

`flower_oracle.py UPDATES RESULTS`: UPDATES is an npz with `counts` and the arrays `u<party>_<layer>`; RESULTS
gets `<rule>_<layer>` for every rule.
"""

import sys

import numpy as np
from flwr.server.strategy import aggregate

source = np.load(sys.argv[1])
counts = source["counts"].tolist()
layers = max(int(name.split("_")[1]) for name in source.files if name.startswith("u")) + 1
updates = [[source[f"u{party}_{layer}"] for layer in range(layers)] for party in range(len(counts))]
weighted = list(zip(updates, counts, strict=True))
equal = [(update, 1) for update in updates]
fused = {
    "iter_avg": aggregate.aggregate(equal),
    "avg": aggregate.aggregate(weighted),
    "coordinate_median": aggregate.aggregate_median(equal),
    "trimmed_mean": aggregate.aggregate_trimmed_avg(equal, 0.2),
    "krum": aggregate.aggregate_krum(equal, int(source["byzantine_threshold"]), 0),
}
np.savez(
    sys.argv[2], **{f"{rule}_{i}": array for rule, arrays in fused.items() for i, array in enumerate(arrays)}
)
