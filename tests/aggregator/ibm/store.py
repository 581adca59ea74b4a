"""Stores a training's model with IBM's SDK: `store.py GENERATION READY_FILE TRAINING_ID`."""

import json
import sys
from pathlib import Path


def main():
    generation, ready_file, training_id = sys.argv[1:]
    ready = json.loads(Path(ready_file).read_text())
    if generation == "watsonx":
        from ibm_watsonx_ai import APIClient, Credentials

        account = {"username": ready["username"], "api_key": ready["apikey"], "version": "5.1"}
        client = APIClient(Credentials(url=ready["url"], instance_id="openshift", **account))
    else:
        from ibm_watson_machine_learning import APIClient

        account = {"username": ready["username"], "apikey": ready["apikey"], "version": "4.8"}
        client = APIClient({"url": ready["url"], "instance_id": "openshift", **account})
    client.set.default_project(ready["project_id"])
    names = client.repository.ModelMetaNames
    spec = client.software_specifications.get_id_by_name("runtime-23.1-py3.10")
    spec_name = names.SOFTWARE_SPEC_ID if generation == "watsonx" else names.SOFTWARE_SPEC_UID
    properties = {names.NAME: "stored by the SDK", names.TYPE: "scikit-learn_1.1", spec_name: spec}
    model = client.repository.store_model(training_id, meta_props=properties)
    print(json.dumps({"id": model["metadata"]["id"]}))


main()
