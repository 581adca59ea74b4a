"""IBM's own SDKs against the service, unchanged but for host, key and authority."""

from pathlib import Path

import pytest
import trustme

from tests.support.environments import interpreter, run_script

pytestmark = pytest.mark.ibm
SESSION = Path(__file__).with_name("sdk_session.py")
SDKS = ["ibm-wml", "ibm-watsonx"]
SIGN_IN = {"cpd": "/icp4d-api/v1/authorize", "cloud": "/oidc/token"}


@pytest.mark.parametrize("mode", ["cpd", "cloud"])
@pytest.mark.parametrize("sdk", SDKS)
def test_an_administrator_s_session(service, tmp_path, sdk, mode):
    before = len(service.control.requests(path=SIGN_IN[mode]))
    seen = run_script(interpreter(sdk), SESSION, service.ready_file, tmp_path, mode, ca_file=service.ca_file)
    assert len(service.control.requests(path=SIGN_IN[mode])) > before
    assert seen["details"]["software_spec"]["name"] == "runtime-23.1-py3.10"
    assert seen["same_content"]
    assert (seen["renamed"], str(seen["revision"])) == ("m2", "1")
    assert seen["party"] == ["p2", ["x"]]
    assert seen["party_entity"]["organization"] == {"name": "IBM", "region": "US"}
    assert seen["started"] in {"pending", "accepting_parties"}
    assert seen["rounds"] == 5
    # The older SDK only prints its table of remote training systems.
    counts = [seen["models"], seen["parties"], seen["trainings"]]
    assert counts == [1, None if sdk == "ibm-wml" else 1, 1]
    assert seen["cancelled"] == "canceled"
    assert seen["purged"] == "ApiRequestFailure"
    assert all(seen["deleted"]), seen["deleted"]
    assert list(service.client().list("models", service.scope)) == []


def test_an_sdk_that_trusts_another_authority_is_not_served(service, tmp_path):
    """So the sessions above do verify the service's certificate."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    said = run_script(
        interpreter("ibm-watsonx"), SESSION, service.ready_file, tmp_path, "cpd", ca_file=other, code=1
    )
    assert "CERTIFICATE_VERIFY_FAILED" in said
