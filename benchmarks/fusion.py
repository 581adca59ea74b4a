"""Fusion of many updates of a large model against a plain in-place numpy sum over the same arrays.

python -m benchmarks.fusion [--updates 100] [--parameters 25000000] [--repeats 3]

Times are ratios to `total += update`. All contestants take turns update by update, so that other work on the
machine hits all alike; of several repetitions the best of each counts. Memory is the peak of a process of its
own, above what it held before, in models of the updates' size; the update itself is not counted.
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

from pulumi_wmlfl.fusion import create_fusion, read_update

LAYERS = 50
POOL = 3


def make_updates(parameters):
    """Return a few updates of a model with many layers; more would not fit into small machines."""
    sizes = np.linspace(1, 3, LAYERS)
    sizes = (sizes / sizes.sum() * parameters).astype(int)
    source = np.random.default_rng(0)
    return [[source.standard_normal(size, dtype="float32") for size in sizes] for _ in range(POOL)]


class PlainSum:
    """`total += update`, nothing else."""

    def __init__(self, updates, dtype="float32"):
        self.updates = updates
        self.total = [np.zeros(layer.size, dtype) for layer in updates[0]]

    def add(self, index):
        for total, layer in zip(self.total, self.updates[index % POOL], strict=True):
            np.add(total, layer, out=total)

    def finish(self):
        """There is nothing to do."""


class PlainWeightedSum(PlainSum):
    """`total += update * samples`."""

    def add(self, index):
        for total, layer in zip(self.total, self.updates[index % POOL], strict=True):
            np.add(total, layer * np.float32(index + 1), out=total)


class Fused:
    """A fusion of ours whose updates were checked when they were read, on another thread."""

    def __init__(self, updates, fusion_type):
        counted = fusion_type == "avg"
        self.checked = [
            read_update({"weights": update, "train_counts": index + 1}, counted=counted)
            for index, update in enumerate(updates)
        ]
        self.fusion = create_fusion(fusion_type, {})
        self.fusion.start_round()

    def add(self, index):
        self.fusion.add_update(str(index), self.checked[index % POOL])

    def finish(self):
        self.fusion.finish()


class FusedWithChecks(Fused):
    """A fusion of ours with payloads as they come: shapes, dtypes and finiteness are checked."""

    def __init__(self, updates, fusion_type):
        super().__init__(updates, fusion_type)
        self.updates = updates

    def add(self, index):
        self.fusion.add(str(index), {"weights": self.updates[index % POOL]})


CONTESTANTS = {
    "plain sum": PlainSum,
    "iter_avg": lambda updates: Fused(updates, "iter_avg"),
    "iter_avg, with its checks": lambda updates: FusedWithChecks(updates, "iter_avg"),
    "plain weighted sum": PlainWeightedSum,
    "avg": lambda updates: Fused(updates, "avg"),
    "plain sum, float64 totals": lambda updates: PlainSum(updates, "float64"),
}


def seconds(function, *arguments):
    """Time one call."""
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def measure_times(updates, count):
    """Return the seconds of each contestant for all updates and the end."""
    contestants = {name: make(updates) for name, make in CONTESTANTS.items()}
    times = dict.fromkeys(contestants, 0.0)
    for index in range(count):
        for name, contestant in contestants.items():
            times[name] += seconds(contestant.add, index)
    for name, contestant in contestants.items():
        times[name] += seconds(contestant.finish)
    return times


def memory_in_models(name, count, parameters):
    """Return the peak of a process that fuses, in models."""
    command = [sys.executable, "-m", "benchmarks.fusion", "--memory", name, "--updates", str(count)]
    done = subprocess.run([*command, "--parameters", str(parameters)], check=True, capture_output=True)
    return float(done.stdout)


def measure_memory(name, count, parameters):
    """In a process of its own: print the growth of the peak while fusing, in models."""
    updates = make_updates(parameters)
    model = sum(layer.nbytes for layer in updates[0])
    # The machinery of numpy and BLAS is not the fusion's.
    for update in updates:
        read_update({"weights": [layer[:1000] for layer in update]})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    contestant = CONTESTANTS[name](updates)
    for index in range(count):
        contestant.add(index)
    contestant.finish()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(grown * 1024 / model)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--parameters", type=int, default=25_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory", choices=list(CONTESTANTS), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.memory:
        measure_memory(chosen.memory, chosen.updates, chosen.parameters)
        return
    # First, while this process is small: a child's peak may begin with its parent's.
    measured = ("plain sum", "iter_avg, with its checks", "avg")
    memory = {name: memory_in_models(name, chosen.updates, chosen.parameters) for name in measured}
    updates = make_updates(chosen.parameters)
    repeated = [measure_times(updates, chosen.updates) for _ in range(chosen.repeats)]
    times = {name: min(measured[name] for measured in repeated) for name in CONTESTANTS}
    print(
        f"{chosen.updates} updates of {chosen.parameters / 1e6:g} million float32 weights, {LAYERS} layers,"
        f" best of {chosen.repeats}"
    )
    print("                            seconds  ratio to the plain sum  peak memory in models")
    for name, took in times.items():
        peak = f"{memory[name]:21.2f}" if name in memory else ""
        print(f"{name:27s} {took:8.2f}  {took / times['plain sum']:22.2f}  {peak}".rstrip())


if __name__ == "__main__":
    main()
