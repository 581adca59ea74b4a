"""What importing this package costs against `import pulumi`: seconds of whole interpreters, and modules.

python -m benchmarks.imports [--rounds 15]
"""

import argparse
import statistics
import subprocess
import sys
import time

STATEMENTS = {
    "import pulumi": "import pulumi",
    "import pulumi_wmlfl": "import pulumi; import pulumi_wmlfl",
    "from pulumi_wmlfl import Model": "import pulumi; from pulumi_wmlfl import Model",
    "import pulumi.dynamic": "import pulumi, pulumi.dynamic",
}


def seconds(statement):
    """Run a new interpreter with the statement."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - began


def modules(statement):
    """Count the modules that are loaded afterwards."""
    code = f"{statement}; import sys; print(len(sys.modules))"
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)


def main():
    """Measure in turns, so that other work on the machine hits all alike; print medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    times = {name: [] for name in ["", *STATEMENTS]}
    for _ in range(rounds):
        for name, measured in times.items():
            measured.append(seconds(STATEMENTS.get(name, "")))
    base = statistics.median(times["import pulumi"])
    print("statement                        median ms  ratio  modules")
    for name, measured in times.items():
        median = statistics.median(measured)
        count = modules(STATEMENTS.get(name, "pass"))
        print(f"{name or '(nothing)':32s} {median * 1000:9.0f}  {median / base:5.2f}  {count:7d}")


if __name__ == "__main__":
    main()
