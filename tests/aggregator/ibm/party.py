"""One of IBM's parties, unchanged, in its own environment: `party.py SETTINGS.json`, in the party's folder.

Works with both generations: `ibm-watson-machine-learning` and `ibm-watsonx-ai`.
"""

import json
import sys
from pathlib import Path


def main():
    settings = json.loads(Path(sys.argv[1]).read_text())
    if settings["generation"] == "watsonx":
        from ibm_watsonx_ai import APIClient, Credentials

        client = APIClient(
            Credentials(
                url=settings["url"],
                username=settings["username"],
                api_key=settings["apikey"],
                instance_id="openshift",
                version="5.1",
            )
        )
    else:
        from ibm_watson_machine_learning import APIClient

        client = APIClient(
            {
                "url": settings["url"],
                "username": settings["username"],
                "apikey": settings["apikey"],
                "instance_id": "openshift",
                "version": "4.8",
            }
        )
    client.set.default_project(settings["project_id"])
    handler = {"name": settings["handler"], "path": settings["handler_file"], "info": settings["info"]}
    metadata = {client.remote_training_systems.ConfigurationMetaNames.DATA_HANDLER: handler}
    if "local_training" in settings:
        metadata["local_training"] = settings["local_training"]
    party = client.remote_training_systems.create_party(settings["rts_id"], metadata)
    party.monitor_logs("INFO")
    party.run(aggregator_id=settings["training_id"], asynchronous=False, verify=True)


main()
