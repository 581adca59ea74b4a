"""The texts of a kit: configuration, data handler to fill in, requirements, run script, README.

Imports its neighbour only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .kit_ibm import IBM_FILES, IBM_README

__all__ = ["UNFILLED", "kit_files"]

UNFILLED = "Give the party's data here."
"""What an untouched data handler raises; the doctor knows it."""

_HANDLER = f'''"""The data of this party. It stays here: only weights and metrics leave.

The same class serves IBM's party, where its base class is
`ibm_watson_machine_learning.federated_learning.data_handler.DataHandler`.
"""

import numpy as np


class PartyData:
    """Gives the training data and the test data as numpy arrays."""

    def __init__(self, data_config):
        # `data.info` of party.yml: file names and whatever else this class needs.
        self.config = data_config

    def get_data(self):
        """Return ((x, y), (x_test, y_test)); x has one row per sample, y one label or target."""
        # For example:
        #     found = np.load(self.config["file"])
        #     return (found["x"], found["y"]), (found["x_test"], found["y_test"])
        raise NotImplementedError("{UNFILLED}")
'''

_RUN = """#!/bin/sh
# Takes part in the training until it ends. The key of this party's user comes from WMLFL_APIKEY.
set -eu
cd "$(dirname "$0")"
if [ -z "${WMLFL_APIKEY:-}${WMLFL_TOKEN:-}${WMLFL_PASSWORD:-}" ]; then
  echo "error: set WMLFL_APIKEY to the key of this party's user" >&2
  exit 3
fi
if [ -x .venv/bin/wmlfl ]; then
  exec .venv/bin/wmlfl party run . "$@"
fi
exec wmlfl party run . "$@"
"""

_SIGN_IN = {
    "cloud": "export WMLFL_APIKEY=...                 # an API key of this party's user in IBM Cloud",
    "cpd": (
        "export WMLFL_USERNAME=...               # this party's user in Cloud Pak for Data\n"
        "export WMLFL_APIKEY=...                 # and its API key"
    ),
    "local": "export WMLFL_APIKEY=...                 # this party's key: `wmlfl keys add NAME` makes one",
}


def kit_files(
    *,
    name: str,
    config: Mapping[str, Any],
    platform: str,
    host: str,
    version: str,
    described: bool,
    ibm: bool,
) -> dict[str, str]:
    """Return the files of a kit: relative path to text; with `ibm` also those for IBM's party library."""
    readme = _readme(name, config, platform, host, described=described)
    return {
        "party.yml": _config_text(config),
        "data_handler.py": _HANDLER,
        "requirements.txt": f"pulumi-wmlfl[party]>={version}\n",
        "run.sh": _RUN,
        "README.md": readme + (IBM_README if ibm else ""),
        **(IBM_FILES if ibm else {}),
    }


def _config_text(config: Mapping[str, Any]) -> str:
    import yaml

    head = (
        "# What this party needs to take part. The keys are those of IBM's party library; `wml` is ours.\n"
        "# No key or password belongs in this file.\n"
    )
    return head + str(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))


def _readme(name: str, config: Mapping[str, Any], platform: str, host: str, *, described: bool) -> str:
    rts_id = config["connection"]["info"]["id"]
    training_id = config["wml"]["training_id"]
    model = (
        "`party.yml` describes the model."
        if described
        else "The model is described by the experiment. If `doctor` says that it is not, describe it under "
        "`model` in `party.yml`, or give `--model`."
    )
    return f"""# {name}

This folder is all that *{name}* needs to take part in the training `{training_id}` at {host}. The data stay
on your machine: weights and metrics leave it, nothing else. With `private: true` under `connection.info` in
`party.yml` the metrics stay too.

1. Install (Python 3.11 or newer):

   ```
   python3 -m venv .venv
   .venv/bin/pip install -r requirements.txt
   ```

2. Fill in `data_handler.py`: where your data are. {model}

3. Sign in as the user that the remote training system `{rts_id}` allows. The key is your own.

   ```
   {_SIGN_IN[platform].replace(chr(10), chr(10) + "   ")}
   ```

4. Check this machine, then take part:

   ```
   .venv/bin/wmlfl party doctor .
   ./run.sh
   ```

It ends by itself when the training does. Ctrl-C leaves it; `./run.sh` joins again while it goes on.
"""
