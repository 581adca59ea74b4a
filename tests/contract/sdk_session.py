"""A session of IBM's own SDK against a service; run by the interpreter of a virtual environment that has it.

Arguments: the service's ready file and a folder to work in. Prints what happened as JSON on the last line.
"""

import json
import sys
import zipfile
from pathlib import Path

READY = json.loads(Path(sys.argv[1]).read_text())
FOLDER = Path(sys.argv[2])


def client():
    try:
        from ibm_watsonx_ai import APIClient, Credentials
    except ImportError:
        from ibm_watson_machine_learning import APIClient

        login = {"username": READY["username"], "apikey": READY["apikey"]}
        return APIClient({"url": READY["url"], "instance_id": "openshift", "version": "4.8", **login})
    return APIClient(
        Credentials(
            url=READY["url"],
            username=READY["username"],
            api_key=READY["apikey"],
            instance_id="openshift",
            version="5.1",
            verify=READY["ca_file"],
        )
    )


def models(sdk, seen):
    names = sdk.repository.ModelMetaNames
    spec = sdk.software_specifications.get_id_by_name("runtime-23.1-py3.10")
    package, back = FOLDER / "model.zip", FOLDER / "back.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("saved_model.pb", "untrained")
    spec_key = getattr(names, "SOFTWARE_SPEC_ID", None) or names.SOFTWARE_SPEC_UID
    meta = {names.NAME: "m", names.TYPE: "tensorflow_2.12", spec_key: spec}
    model = sdk.repository.store_model(str(package), meta_props=meta)["metadata"]["id"]
    seen["details"] = sdk.repository.get_details(model)["entity"]
    seen["renamed"] = sdk.repository.update_model(model, {names.NAME: "m2"})["metadata"]["name"]
    seen["revision"] = sdk.repository.create_model_revision(model)["metadata"]["rev"]
    sdk.repository.download(model, str(back))
    seen["same_content"] = back.read_bytes() == package.read_bytes()
    sdk.repository.list_models()
    return model


def parties(sdk, seen):
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
    sdk.remote_training_systems.list()
    return party


def trainings(sdk, seen, model, party):
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
    sdk.training.list()
    sdk.training.cancel(training)
    seen["cancelled"] = sdk.training.get_status(training)["state"]
    sdk.training.cancel(training)
    sdk.training.cancel(training, hard_delete=True)
    try:
        sdk.training.get_status(training)
    except Exception as error:  # noqa: BLE001 - its class is what is asserted
        seen["purged"] = type(error).__name__


def main():
    seen = {}
    sdk = client()
    sdk.set.default_project(READY["project_id"])
    model = models(sdk, seen)
    party = parties(sdk, seen)
    trainings(sdk, seen, model, party)
    sdk.remote_training_systems.delete(party)
    sdk.repository.delete(model)
    print(json.dumps(seen))


main()
