"""The pytest plugin as teams use it: their program, their configuration, and what a failing test tells."""

import pytest

PROGRAM = """\
import pulumi

from pulumi_wmlfl import RemoteTrainingSystem

config = pulumi.Config()
for name in config.require_object("hospitals"):
    RemoteTrainingSystem(
        name,
        name=config.get("title") or name,
        allowed_identities=[{"id": config.get("user"), "type": "user"}],
        opts=pulumi.ResourceOptions(protect=config.get_bool("protected")),
    )
"""
GOOD = {"hospitals": ["north", "south"], "user": "IBMid-local"}


@pytest.fixture
def infra(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: hospitals\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    return tmp_path


def test_configuration_may_have_lists_numbers_and_truth_values(wmlfl_stack, infra):
    stack = wmlfl_stack(infra, config={**GOOD, "protected": True})
    assert stack.up().succeeded
    made = [found for found in stack.resources() if "RemoteTrainingSystem" in found["type"]]
    assert [found["protect"] for found in made] == [True, True]


def test_what_went_wrong_is_kept_and_printed(wmlfl_stack, infra, capsys):
    stack = wmlfl_stack(infra, config={**GOOD, "hospitals": ["north"], "user": ""})
    assert not stack.up().succeeded
    wrong = [message.text for message in stack.messages if message.severity == "error"]
    assert any("allowed_identities" in text for text in wrong)
    assert "test: error: north: allowed_identities" in capsys.readouterr().out


def test_a_stack_may_be_opened_again_with_another_configuration(wmlfl_stack, infra):
    wmlfl_stack(infra, config=GOOD).up()
    again = wmlfl_stack(infra, config={**GOOD, "hospitals": ["north"]})
    assert again.preview().changes == {"same": 2, "delete": 1}


@pytest.fixture
def left_over(wml_service, wml_client):
    """Ends after `wmlfl_stack`, and finds what that left."""
    yield
    assert list(wml_client.list("remote_training_systems", wml_service.scope)) == []


def test_what_is_left_is_destroyed_even_if_it_is_protected(left_over, wmlfl_stack, infra):
    assert wmlfl_stack(infra, config={**GOOD, "protected": True}).up().succeeded
