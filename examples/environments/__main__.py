"""One experiment in several environments: where, with whom and with which parameters, the stack says."""

import pulumi

from pulumi_wmlfl import ExperimentPartyArgs, FederatedExperiment, ModelArgs

config = pulumi.Config()

# Parameters are tried out in one stack and promoted to the next: that one has none of its own, and takes
# what the other one was deployed with.
promote_from = config.get("promoteFrom")


def deployed(found):
    if found is None:
        raise pulumi.RunError(f"There are no parameters to promote: deploy {promote_from} first.")
    return found


if promote_from:
    parameters = pulumi.StackReference(promote_from).get_output("parameters").apply(deployed)
else:
    parameters = pulumi.Output.from_input(config.require_object("parameters"))

experiment = FederatedExperiment(
    "digits",
    model=ModelArgs(
        type="scikit-learn_1.1",
        software_spec={"name": "runtime-23.1-py3.10"},
        content="../digits/untrained_model",
    ),
    parties=[
        ExperimentPartyArgs(
            name=party["name"],
            organization=party["organization"],
            region=party["region"],
            allowed_identities=[{"id": party["user"], "type": "user"}],
        )
        for party in config.require_object("parties")
    ],
    fusion_type="iter_avg",
    rounds=parameters["rounds"],
    quorum=parameters["quorum"],
    results_reference=config.require_object("results"),
    tags=[pulumi.get_stack()],
)

pulumi.export("parameters", parameters)
pulumi.export("training_id", experiment.training_id)
pulumi.export("party_variables", experiment.party_variables)
