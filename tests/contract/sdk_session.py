"""A session of IBM's own SDK against a service; run by an interpreter that has one of the two.

`sdk_session.py READY_FILE FOLDER cpd|cloud [FILE TYPE SPECIFICATION]`: everything an administrator does,
or, with a file, only store it as a model and read it back. Prints what happened as JSON on the last line.
"""

import json
import sys
import zipfile
from pathlib import Path

READY = json.loads(Path(sys.argv[1]).read_text())
FOLDER = Path(sys.argv[2])
MODE = sys.argv[3]


def client():
    """Sign in; nothing of the SDK is changed but where IBM Cloud's IAM is."""
    try:
        import ibm_watsonx_ai
        from ibm_watsonx_ai import APIClient, Credentials, href_definitions
    except ImportError:
        ibm_watsonx_ai = None
        from ibm_watson_machine_learning import APIClient, href_definitions

    class Internal(APIClient):
        """A cloud client whose platform has the same address as WML."""

        _internal = True

    cloud = MODE == "cloud"
    if cloud:
        href_definitions.IAM_TOKEN_URL = READY["url"] + "/oidc/token"
    chosen = Internal if cloud else APIClient
    if ibm_watsonx_ai:
        place = (
            {"platform_url": READY["url"]}
            if cloud
            else {"username": READY["username"], "instance_id": "openshift", "version": "5.1"}
        )
        return chosen(Credentials(url=READY["url"], api_key=READY["apikey"], **place))
    place = {} if cloud else {"username": READY["username"], "instance_id": "openshift", "version": "4.8"}
    return chosen({"url": READY["url"], "apikey": READY["apikey"], **place})


def store(sdk, seen, package, kind, specification):
    """Store a file as a model; return its id and whether the same bytes come back."""
    names = sdk.repository.ModelMetaNames
    spec = sdk.software_specifications.get_id_by_name(specification)
    spec_key = getattr(names, "SOFTWARE_SPEC_ID", None) or names.SOFTWARE_SPEC_UID
    meta = {names.NAME: "m", names.TYPE: kind, spec_key: spec}
    model = sdk.repository.store_model(str(package), meta_props=meta)["metadata"]["id"]
    back = FOLDER / "back"
    sdk.repository.download(model, str(back))
    seen["same_content"] = back.read_bytes() == Path(package).read_bytes()
    return model


def models(sdk, seen):
    """Store, read, change, list."""
    names = sdk.repository.ModelMetaNames
    package = FOLDER / "model.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("saved_model.pb", "untrained")
    model = store(sdk, seen, package, "tensorflow_2.12", "runtime-23.1-py3.10")
    seen["details"] = sdk.repository.get_details(model)["entity"]
    seen["renamed"] = sdk.repository.update_model(model, {names.NAME: "m2"})["metadata"]["name"]
    seen["revision"] = sdk.repository.create_model_revision(model)["metadata"]["rev"]
    seen["models"] = listed(sdk.repository.list_models())
    return model


def parties(sdk, seen):
    """Make, list, update."""
    names = sdk.remote_training_systems.ConfigurationMetaNames
    identity = {"id": READY["user_id"], "type": "user"}
    meta = {
        names.NAME: "p",
        names.ALLOWED_IDENTITIES: [identity],
        names.ORGANIZATION: {"name": "IBM", "region": "US"},
        names.REMOTE_ADMIN: identity,
    }
    party = sdk.remote_training_systems.store(meta)["metadata"]["id"]
    changed = sdk.remote_training_systems.update(party, {names.NAME: "p2", names.TAGS: ["x"]})
    seen["party"] = [changed["metadata"]["name"], changed["metadata"]["tags"]]
    seen["party_entity"] = sdk.remote_training_systems.get_details(party)["entity"]
    seen["parties"] = listed(sdk.remote_training_systems.list())
    return party


def trainings(sdk, seen, model, party):
    """Start, read, list, cancel, purge."""
    names = sdk.training.ConfigurationMetaNames
    meta = {
        names.NAME: "t",
        names.DESCRIPTION: "d",
        names.TRAINING_DATA_REFERENCES: [],
        names.TRAINING_RESULTS_REFERENCE: {"type": "container", "connection": {}, "location": {"path": "."}},
        names.FEDERATED_LEARNING: {
            "model": {"type": "tensorflow", "spec": {"id": model}},
            "fusion_type": "iter_avg",
            "rounds": 5,
            "remote_training": {"quorum": 1.0, "remote_training_systems": [{"id": party, "required": True}]},
        },
    }
    training = sdk.training.run(meta, asynchronous=True)["metadata"]["id"]
    seen["started"] = sdk.training.get_status(training)["state"]
    seen["rounds"] = sdk.training.get_details(training)["entity"]["federated_learning"]["rounds"]
    seen["trainings"] = listed(sdk.training.list())
    sdk.training.cancel(training)
    seen["cancelled"] = sdk.training.get_status(training)["state"]
    sdk.training.cancel(training)
    sdk.training.cancel(training, hard_delete=True)
    seen["purged"] = refused(sdk.training.get_status, training)


def listed(table):
    """Return how many rows a listing has; some of the older SDK only print."""
    return None if table is None else len(table)


def refused(call, *arguments):
    """Return the class of the error that a call ends with."""
    try:
        call(*arguments)
    except Exception as error:  # noqa: BLE001 - its class is what is asserted
        return type(error).__name__
    return ""


def main():
    """Run the session."""
    seen = {}
    sdk = client()
    sdk.set.default_project(READY["project_id"])
    if len(sys.argv) > 4:
        sdk.repository.delete(store(sdk, seen, *sys.argv[4:7]))
    else:
        model = models(sdk, seen)
        party = parties(sdk, seen)
        trainings(sdk, seen, model, party)
        sdk.remote_training_systems.delete(party)
        sdk.repository.delete(model)
        seen["deleted"] = [
            refused(sdk.remote_training_systems.get_details, party),
            refused(sdk.repository.get_model_details, model),
        ]
    print(json.dumps(seen))


main()
