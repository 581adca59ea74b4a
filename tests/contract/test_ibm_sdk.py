"""IBM's own SDKs against the service, unchanged but for host, key and authority.

Each needs a virtual environment of its own, named by an environment variable:
`WMLFL_IBM_WML_PYTHON` (ibm-watson-machine-learning 1.0.370, Python 3.10) and
`WMLFL_IBM_WATSONX_PYTHON` (ibm-watsonx-ai 1.3.39, Python 3.11).
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

SESSION = Path(__file__).with_name("sdk_session.py")


@pytest.mark.ibm
@pytest.mark.parametrize("variable", ["WMLFL_IBM_WML_PYTHON", "WMLFL_IBM_WATSONX_PYTHON"])
def test_a_session_of_ibm_s_sdk(service, tmp_path, variable):
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f"{variable} names no interpreter with IBM's SDK")
    ca = service.ready["ca_file"]
    names = (
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
        "WML_CLIENT_VERIFY_REQUESTS",
        "WX_CLIENT_VERIFY_REQUESTS",
    )
    done = subprocess.run(
        [python, "-W", "ignore", str(SESSION), str(service.ready_file), str(tmp_path)],
        env={**os.environ, **dict.fromkeys(names, ca)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["details"]["software_spec"]["name"] == "runtime-23.1-py3.10"
    assert seen["same_content"]
    assert (seen["renamed"], str(seen["revision"])) == ("m2", "1")
    assert seen["party"] == ["p2", ["x"]]
    assert seen["started"] in {"pending", "accepting_parties"}
    assert seen["cancelled"] == "canceled"
    assert seen["purged"] == "ApiRequestFailure"
