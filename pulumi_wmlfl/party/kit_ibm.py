"""What a kit has besides for IBM's party library: scripts and requirements of its two generations.

The requirements are the smallest sets that were seen to train; IBM's own extra fails at its first import.
Source: party protocol, "Dependencies that work". Imports nothing of ours.
"""

from __future__ import annotations

__all__ = ["IBM_FILES", "IBM_README"]

_RUN = '''"""Takes part in the training with IBM's party library, until it ends: `python run_ibm_party.py`.

Python 3.11 with requirements-ibm-python3.11.txt, or Python 3.10 with requirements-ibm-python3.10.txt. The
party signs in with WMLFL_APIKEY and, but for IBM Cloud, WMLFL_USERNAME.
"""

import os
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
CONFIG = yaml.safe_load((HERE / "party.yml").read_text(encoding="utf-8"))
WML = CONFIG["wml"]
# IBM's library silently stops verifying certificates where one of these is missing.
TRUST = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "WML_CLIENT_VERIFY_REQUESTS", "WX_CLIENT_VERIFY_REQUESTS")


def trust_the_authority():
    """Start again with the authority of the kit: it must be named before Python starts."""
    if not WML.get("ca_file"):
        return
    wanted = dict.fromkeys(TRUST, str(HERE / WML["ca_file"]))
    if any(os.environ.get(name) != file for name, file in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **wanted})


def sign_in():
    """Return the client of whichever generation is installed."""
    key, user = os.environ.get("WMLFL_APIKEY"), os.environ.get("WMLFL_USERNAME")
    if not key:
        sys.exit("error: set WMLFL_APIKEY to the key of this party's user")
    if WML["platform"] != "cloud" and not user:
        sys.exit("error: set WMLFL_USERNAME to the name of this party's user")
    cloud = WML["platform"] == "cloud"
    try:
        from ibm_watsonx_ai import APIClient, Credentials
    except ModuleNotFoundError:
        from ibm_watson_machine_learning import APIClient

        cluster = {"username": user, "instance_id": "openshift", "version": "4.8"}
        return APIClient({"url": WML["url"], "apikey": key, **({} if cloud else cluster)})
    cluster = {"username": user, "instance_id": "openshift", "version": "5.1"}
    return APIClient(Credentials(url=WML["url"], api_key=key, **({} if cloud else cluster)))


def main():
    """Join and stay."""
    trust_the_authority()
    # The untrained model is unpacked into the working folder.
    work = HERE / "work"
    work.mkdir(exist_ok=True)
    os.chdir(work)
    client = sign_in()
    if "project_id" in WML:
        client.set.default_project(WML["project_id"])
    else:
        client.set.default_space(WML["space_id"])
    data = CONFIG["data"].get("info") or {}
    names = client.remote_training_systems.ConfigurationMetaNames
    handler = {"name": "IbmData", "path": str(HERE / "ibm_data_handler.py"), "info": data}
    rts_id = CONFIG["connection"]["info"]["id"]
    party = client.remote_training_systems.create_party(rts_id, {names.DATA_HANDLER: handler})
    party.monitor_logs("INFO")
    party.run(aggregator_id=WML["training_id"], asynchronous=False, verify=True)


main()
'''

_HANDLER = '''"""Gives IBM's party library the data of data_handler.py, asked for once."""

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
try:
    _base = importlib.import_module("ibm_watsonx_ai.federated_learning.data_handler")
except ModuleNotFoundError:
    _base = importlib.import_module("ibm_watson_machine_learning.federated_learning.data_handler")
_own = importlib.import_module("data_handler")
_found = [
    value
    for value in vars(_own).values()
    if isinstance(value, type) and value.__module__ == "data_handler" and hasattr(value, "get_data")
]
if len(_found) != 1:
    raise ImportError(f"data_handler.py must have one class with get_data(), it has {len(_found)}.")


class IbmData(_base.DataHandler):
    """A data handler as IBM's library wants it."""

    def __init__(self, data_config=None):
        super().__init__()
        self.sets = _found[0](data_config=data_config).get_data()
        (self.x_train, self.y_train), (self.x_test, self.y_test) = self.sets

    def get_data(self):
        """Return ((x, y), (x_test, y_test))."""
        return self.sets
'''

_PYTHON_311 = """\
# IBM's party library of generation 24.1, with scikit-learn. It expects TensorFlow 2.14 or torch 2.1 for such
# models. No folder above the environment may have `ibmfl` in its name.
ibm-watsonx-ai==1.3.39
scikit-learn==1.3.0
numpy==1.26.4
scipy==1.11.4
pandas==2.1.4
joblib==1.3.2
websockets==10.1
msgpack==1.0.7
msgpack-numpy==0.4.8
ddsketch==2.0.4
protobuf==4.22.1
parse==1.19.0
environs==14.1.1
PyYAML==6.0.1
skops==0.9.0
# For boosted trees.
numcompress==0.1.2
setuptools<81
"""

_PYTHON_310 = """\
# IBM's party library of generation 23.1, with scikit-learn. For TensorFlow models add tensorflow-cpu==2.12.0;
# for PyTorch it expects torch 2.0.
ibm-watson-machine-learning==1.0.370
scikit-learn==1.1.1
numpy==1.23.5
scipy==1.10.1
pandas==1.5.3
joblib==1.1.1
websockets==10.1
msgpack==1.0.7
msgpack-numpy==0.4.8
ddsketch==2.0.4
protobuf==4.22.1
parse==1.19.0
environs==9.5.0
# environs 9.5.0 fails with marshmallow 4.
marshmallow<4
PyYAML==6.0.1
skops==0.9.0
# For boosted trees.
numcompress==0.1.2
setuptools<81
"""

IBM_FILES = {
    "run_ibm_party.py": _RUN,
    "ibm_data_handler.py": _HANDLER,
    "requirements-ibm-python3.11.txt": _PYTHON_311,
    "requirements-ibm-python3.10.txt": _PYTHON_310,
}

IBM_README = """
## With IBM's party library

Instead of steps 1 and 4, with Python 3.11 (`ibm-watsonx-ai`) or Python 3.10 (`ibm-watson-machine-learning`):

```
python3.11 -m venv .venv-ibm
.venv-ibm/bin/pip install -r requirements-ibm-python3.11.txt
.venv-ibm/bin/python run_ibm_party.py
```

It loads the aggregator's model, which is a pickle or code: take part so only where you trust who runs the
training. `data_handler.py` serves both.
"""
