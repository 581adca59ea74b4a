"""IBM's notebook "Part 1 - WML Federated Learning with MNIST for Admin" as infrastructure.

The numbers of the sections are the notebook's, so that both can be read side by side.
"""

import pulumi

from pulumi_wmlfl import Model, RemoteTrainingSystem, Training

# 1.1 Variables. API version, host, key and project are the stack's configuration (`wmlfl:*`); what is left
#     is who may take part and, for IBM Cloud, where the results go. The default user is the local service's.
config = pulumi.Config()
user_id = config.get("userId") or "IBMid-local"
bucket = config.get("cosBucket")

# 1.3 The token: got once per deployment by the provider, from the key in the stack's configuration.

# 2.1 The untrained model, and 2.2 its content.
model = Model(
    "untrained-mnist",
    name="Untrained MNIST Model",
    type="tensorflow_2.12",
    software_spec={"name": "runtime-23.1-py3.10"},
    custom={"untrained": True},
    content="untrained_model",
)

# 3.1 The remote training system: the identity under which one party joins.
party = RemoteTrainingSystem(
    "remote-party-1",
    name="Remote Party 1",
    description="Sample Remote Training System",
    tags=["Federated Learning"],
    organization={"name": "IBM", "region": "US"},
    allowed_identities=[{"id": user_id, "type": "user"}],
    remote_admin={"id": user_id, "type": "user"},
)

# 4. The training. The results go to the project's storage, or to a bucket when the stack names one.
if bucket:
    results = {
        "type": "s3",
        "name": "outputData",
        "connection": {
            "endpoint_url": config.require("cosEndpointUrl"),
            "access_key_id": config.require_secret("cosAccessKeyId"),
            "secret_access_key": config.require_secret("cosSecretAccessKey"),
        },
        "location": {"bucket": bucket, "path": "."},
    }
else:
    results = {"type": "container", "connection": {}, "location": {"path": "."}}

training = Training(
    "fl-aggregator",
    name="FL Aggregator",
    tags=["tags_jobs_fl"],
    federated_learning={
        "model": {"spec": {"id": model.id}, "type": "tensorflow"},
        "fusion_type": "iter_avg",
        "rounds": 5,
        "remote_training": {
            "quorum": 1.0,
            "remote_training_systems": [{"id": party.id, "required": True}],
        },
        "hardware_spec": {"name": "XS"},
    },
    training_data_references=[],
    results_reference=results,
    # 4.1 The notebook polls by hand until the aggregator accepts parties; `up` waits for it.
    wait_for="accepting_parties",
)

# The variables for the parties' notebooks (the API key is not one of them: each party has its own).
pulumi.export("WML_SERVICES_HOST", training.party_variables["host"])
pulumi.export("RTS_ID", party.id)
pulumi.export("TRAINING_ID", training.id)
pulumi.export("party_variables", training.party_variables)
