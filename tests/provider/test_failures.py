"""Every failure of WML through the real provider process: one clear line, and nothing left behind."""

import re

import pytest

from tests.support.provider import Failure, local_config, start_provider

COLLECTIONS = ["models", "remote_training_systems", "trainings"]
WML_CODE = {
    400: "bad_request",
    401: "authentication_token_expired",
    403: "authorization_rejected",
    404: "not_found",
    409: "conflict",
    413: "too_large",
    429: "token_quota_reached",
    500: "internal",
    503: "unavailable",
}
REMEDY = {
    400: "",
    401: "WMLFL_APIKEY",
    403: "role Editor",
    409: "try again",
    413: "larger",
    429: "try again later",
    500: "trace",
    503: "trace",
}


def answer(status):
    code = WML_CODE[status]
    return {"trace": "cafe" * 8, "errors": [{"code": code, "message": f"WML says {status}"}]}


def one_line(failure):
    text = str(failure.value)
    assert "Traceback" not in text
    assert "\n" not in text.strip()
    return text


@pytest.mark.parametrize("status", REMEDY)
@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_refused_create_says_what_wml_answered(provider, declare, service, collection, status):
    inputs = declare(collection)
    before = len(list(service.client().list(collection, service.scope)))
    service.control.fault(
        method="POST", path=f"/ml/v4/{collection}$", status=status, body=answer(status), count=0
    )
    with pytest.raises(Failure) as failure:
        provider.create(collection, inputs)
    text = one_line(failure)
    noun = collection.removesuffix("s").replace("_", " ")
    assert f"Could not create the {noun} 'n'" in text
    assert f"{status} ({WML_CODE[status]}: WML says {status}; trace {'cafe' * 8})" in text
    assert REMEDY[status] in text
    assert failure.value.id == ""
    service.control.restore()
    assert len(list(service.client().list(collection, service.scope))) == before


@pytest.mark.parametrize("status", [status for status in WML_CODE if status not in {404, 413}])
@pytest.mark.parametrize("verb", ["GET", "PATCH", "DELETE"])
def test_a_refused_read_update_or_delete_is_an_error(provider, declare, service, verb, status):
    if (verb, status) == ("DELETE", 409):
        pytest.skip("a conflict of a delete is waited for; it has a test of its own")
    collection = "remote_training_systems"
    object_id, outputs, inputs = provider.deployed(collection, declare(collection))
    service.control.fault(method=verb, path=f"{object_id}$", status=status, body=answer(status), count=0)
    calls = {
        "GET": lambda: provider.read(collection, object_id, outputs),
        "PATCH": lambda: provider.update(collection, object_id, outputs, {**inputs, "description": "x"}),
        "DELETE": lambda: provider.delete(collection, object_id, outputs),
    }
    with pytest.raises(Failure) as failure:
        calls[verb]()
    text = one_line(failure)
    assert object_id in text
    assert f"{status} ({WML_CODE[status]}: WML says {status}" in text


def test_a_conflict_of_a_delete_is_waited_for(provider, declare, service):
    collection = "remote_training_systems"
    object_id, outputs, _ = provider.deployed(collection, declare(collection))
    service.control.fault(method="DELETE", path=f"{object_id}$", status=409, count=1)
    provider.delete(collection, object_id, outputs)
    assert provider.read(collection, object_id, outputs)[0] == ""


def test_a_deployment_without_federated_learning_is_named(provider, declare, service):
    service.control.change(federated_learning=False)
    with pytest.raises(Failure, match="serves no federated learning"):
        provider.create("remote_training_systems", declare("remote_training_systems"))


BROKEN = {
    "html": (
        {"status": 200, "body": "<html><title>Sign in</title></html>", "content_type": "text/html"},
        "HTML",
    ),
    "html-404": ({"status": 404, "body": "<!DOCTYPE html><title>Not here</title>"}, "Not here"),
    "truncated": ({"truncate": True}, "no JSON|broke off"),
    "list": ({"status": 200, "body": []}, "no object"),
    "dropped": ({"drop": True}, "broke|no answer"),
    "empty": ({"status": 200, "body": {}}, "not an object of WML"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_an_answer_that_makes_no_sense_is_an_error_and_not_gone(provider, declare, service, kind):
    fault, said = BROKEN[kind]
    collection = "remote_training_systems"
    object_id, outputs, _ = provider.deployed(collection, declare(collection))
    service.control.fault(method="GET", path=f"{object_id}$", count=0, **fault)
    with pytest.raises(Failure) as failure:
        provider.read(collection, object_id, outputs)
    assert re.search(said, one_line(failure))


def test_a_wrong_key_names_where_it_came_from(service, declare):
    with start_provider(local_config(service), WMLFL_APIKEY="not-the-key-31415926") as provider:
        inputs, _ = provider.check("models", declare("models"))
        with pytest.raises(Failure) as failure:
            provider.create("models", inputs)
        text = one_line(failure)
        assert "environment variable WMLFL_APIKEY" in text
        assert "31415926" not in text + str(provider.engine.said) + str(provider.output)


def test_a_service_that_is_not_there_is_one_line(service, declare):
    with start_provider(local_config(service, url="https://127.0.0.1:1"), WMLFL_RETRIES="0") as provider:
        with pytest.raises(Failure) as failure:
            provider.create("models", declare("models"))
        assert "cannot be reached" in one_line(failure)


def test_an_authority_that_is_not_trusted_is_one_line(service, declare, tmp_path):
    import trustme

    wrong = tmp_path / "wrong.pem"
    trustme.CA().cert_pem.write_to_path(str(wrong))
    with start_provider(local_config(service, caFile=str(wrong)), WMLFL_RETRIES="0") as provider:
        with pytest.raises(Failure) as failure:
            provider.create("models", declare("models"))
        assert "wmlfl:caFile" in one_line(failure)


def test_missing_settings_are_named_with_the_keys(declare):
    with start_provider({"wmlfl:url": "https://cpd.example.com"}) as provider:
        with pytest.raises(Failure) as failure:
            provider.check("models", declare("models"))
        text = one_line(failure)
        assert "wmlfl:apikey" in text
        assert "WMLFL_APIKEY" in text


def test_timeouts_end_the_retries_of_an_operation_and_leave_nothing_behind(service, declare, tmp_path):
    (tmp_path / "weights").write_bytes(b"weights")
    with start_provider(local_config(service), WMLFL_RETRIES="50") as provider:
        model = declare("models", content=str(tmp_path / "weights"), timeouts={"create": 1.5, "delete": 1})
        inputs, _ = provider.check("models", model)
        service.control.fault(method="PUT", path="/content$", status=503, count=0)
        with pytest.raises(Failure, match=r"time for this operation is up.*timeouts.*removed again"):
            provider.create("models", inputs)
        assert list(service.client().list("models", service.scope)) == []
        service.control.restore()
        object_id, outputs = provider.create("models", inputs)
        service.control.fault(method="DELETE", path=f"{object_id}$", status=503, count=0)
        with pytest.raises(Failure, match="time for this operation is up"):
            provider.delete("models", object_id, outputs)
