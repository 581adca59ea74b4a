"""Tests of the program in `infra`: offline, against a local WML service, with the embedded engine."""

import time
from pathlib import Path

INFRA = Path(__file__).parents[1] / "infra"


def test_the_experiment_goes_up_and_a_second_up_changes_nothing(wmlfl_stack, wml_client, wml_service):
    stack = wmlfl_stack(INFRA, config={"rounds": 3})
    assert stack.up().succeeded
    training = wml_client.get("trainings", stack.outputs()["training"], wml_service.scope)
    assert training.state == "accepting_parties"
    assert training.entity["federated_learning"]["rounds"] == 3
    assert set(stack.preview().changes) == {"same"}


def test_more_rounds_start_a_new_training_and_keep_the_parties(wmlfl_stack, wml_client, wml_service):
    stack = wmlfl_stack(INFRA)
    stack.up()
    parties = {party.id for party in wml_client.list("remote_training_systems", wml_service.scope)}
    first = stack.outputs()["training"]
    stack.set_config("rounds", "7")
    assert stack.up().succeeded
    assert stack.outputs()["training"] != first
    assert {party.id for party in wml_client.list("remote_training_systems", wml_service.scope)} == parties


def test_a_busy_wml_is_waited_for(wmlfl_stack, wml_service):
    stack = wmlfl_stack(INFRA)
    wml_service.control.fault(method="POST", path="/ml/v4/models$", status=429, headers={"Retry-After": "1"})
    assert stack.up().succeeded


def test_a_training_that_nobody_joins_fails_in_the_end(wmlfl_stack, wml_client, wml_service):
    stack = wmlfl_stack(INFRA)
    stack.up()
    training = stack.outputs()["training"]
    wml_service.control.pass_time(24 * 3600)
    deadline = time.monotonic() + 30
    while wml_client.get("trainings", training, wml_service.scope).state != "failed":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert stack.destroy().succeeded
