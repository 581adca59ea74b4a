"""IBM's untrained PyTorch model, stored by its SDKs and by our client: the same bytes come back."""

import hashlib
from pathlib import Path

import pytest

from tests.contract.test_ibm_sdk import SDKS, SESSION
from tests.support.environments import interpreter, run_script

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "pt_mnist_init_model.zip"
MODEL = ("pytorch-onnx_2.0", "runtime-23.1-py3.10")


@pytest.fixture
def sample():
    if not SAMPLE.exists():
        pytest.skip(f"IBM's sample {SAMPLE.name} is not in ../shared/data")
    return SAMPLE


@pytest.mark.ibm
@pytest.mark.parametrize("sdk", SDKS)
def test_stored_by_ibm_s_sdk(service, tmp_path, sample, sdk):
    arguments = (SESSION, service.ready_file, tmp_path, "cpd", sample, *MODEL)
    assert run_script(interpreter(sdk), *arguments, ca_file=service.ca_file)["same_content"]


def test_stored_by_our_client(service, sample):
    client, scope = service.client(), service.scope
    kind, specification = MODEL
    body = {"name": "pt", "type": kind, "software_spec": {"name": specification}, **scope.as_dict()}
    model = client.create("models", body).id
    client.upload_content(model, scope, lambda: sample.open("rb"), size=sample.stat().st_size)
    with client.download_content(model, scope) as chunks:
        digest = hashlib.sha256(b"".join(chunks)).hexdigest()
    assert digest == hashlib.sha256(sample.read_bytes()).hexdigest()
