"""`wmlfl settings | doctor`: where settings come from, and each thing that can be wrong with its remedy."""

from tests.support.stacks import Stack

CHECKS = [
    "settings",
    "address",
    "certificate",
    "sign-in",
    "scope",
    "models",
    "federated learning",
    "trainings",
]


def findings(wmlfl, *, code, **variables):
    data = wmlfl.json("doctor", kind="doctor", code=code, **variables)
    assert [finding["check"] for finding in data["findings"]] == CHECKS
    return {finding["check"]: finding for finding in data["findings"]}


def statuses(found):
    return [found[check]["status"] for check in CHECKS]


def test_all_is_well(wmlfl, service):
    found = findings(wmlfl, code=0)
    assert statuses(found) == ["ok"] * len(CHECKS)
    assert f"project {service.project_id} (the local service's" in found["scope"]["detail"]
    said = wmlfl("doctor")
    assert said.endswith("Everything is in order.\n")
    assert service.apikey not in said


def test_a_wrong_key_is_named_with_its_source(wmlfl):
    found = findings(wmlfl, code=1, WMLFL_APIKEY="wrong-key-2718281828")
    assert statuses(found) == ["ok", "ok", "ok", "problem", "ok", "skipped", "skipped", "skipped"]
    assert "The apikey came from environment variable WMLFL_APIKEY" in found["sign-in"]["remedy"]


def test_nobody_answers(wmlfl):
    found = findings(wmlfl, code=1, WMLFL_URL="https://127.0.0.1:9", WMLFL_APIKEY="any-key-27182")
    assert statuses(found)[:3] == ["ok", "problem", "skipped"]
    assert "cannot be reached" in found["address"]["detail"]


def test_a_certificate_that_nobody_vouches_for(wmlfl, service, tmp_path):
    import certifi

    found = findings(wmlfl, code=1, WMLFL_CA_FILE=certifi.where())
    assert statuses(found)[:4] == ["ok", "ok", "problem", "skipped"]
    assert "WMLFL_CA_FILE" in found["certificate"]["remedy"]


def test_a_project_that_is_not_open_and_one_that_is_not_named(wmlfl):
    found = findings(wmlfl, code=1, WMLFL_PROJECT_ID="nowhere")
    assert statuses(found)[4:] == ["ok", "problem", "problem", "skipped"]
    assert "wmlfl:projectId" in found["models"]["remedy"]


def test_no_federated_learning(wmlfl, service):
    service.control.fault(method="GET", path="/ml/v4/remote_training_systems$", status=404)
    found = findings(wmlfl, code=1)
    assert statuses(found)[5:] == ["ok", "problem", "skipped"]
    assert "serves no federated learning" in found["federated learning"]["remedy"]


def test_settings_tell_value_and_source(wmlfl, service):
    rows = wmlfl.json("settings", kind="settings")["settings"]
    shown = {row["key"]: (row["value"], row["source"]) for row in rows}
    assert shown["platform"] == ("local", "environment variable WMLFL_PLATFORM")
    assert shown["url"][0] == service.url
    assert shown["apikey"] == ("[secret]", f"the local service's {service.ready_file}")
    assert service.apikey not in wmlfl("settings")


def test_settings_that_do_not_fit_are_shown_with_the_reason(wmlfl):
    said = wmlfl("settings", code=3, WMLFL_PLATFORM="cloud", WMLFL_REGION="us-south", WMLFL_URL="https://x")
    assert "us-south" in said
    assert "Give either wmlfl:url or wmlfl:region, not both" in said
    data = wmlfl.json("settings", kind="settings", code=3, WMLFL_PLATFORM="moon")
    assert "moon" in data["problem"]


def test_the_selected_stack_says_where_wml_is(tmp_path, service):
    stack = Stack(tmp_path, "", engine="embedded", WMLFL_READY_FILE=service.ready_file)
    stack.run("config", "set", "--secret", "wmlfl:apikey", "the-stacks-own-key")
    shown = {row["key"]: row for row in stack.json("settings", "--json")["data"]["settings"]}
    assert shown["platform"]["source"] == "stack configuration wmlfl:platform"
    assert shown["apikey"] == {
        "key": "apikey",
        "value": "[secret]",
        "source": "stack configuration wmlfl:apikey",
    }
    said = stack.run("training", "list", code=3, PULUMI_CONFIG_PASSPHRASE="wrong")
    assert "passphrase" in said
    assert "--no-stack" in said
    assert "There are no trainings." in stack.run("training", "list", "--no-stack", WMLFL_PLATFORM="local")


def test_cloud_pak_for_data_is_examined_as_well(wmlfl, service):
    cluster = {
        "WMLFL_PLATFORM": "cpd",
        "WMLFL_URL": service.url,
        "WMLFL_CA_FILE": service.ca_file,
        "WMLFL_USERNAME": service.ready["username"],
        "WMLFL_APIKEY": service.apikey,
        "WMLFL_SPACE_ID": service.space_id,
    }
    found = findings(wmlfl, code=0, **cluster)
    assert found["scope"]["detail"].startswith(f"space {service.space_id}")
    assert found["sign-in"]["detail"].endswith(f"as {service.ready['username']}")
