"""Every keyword of the component, of its parties and of a provider is explained on its page."""

import dataclasses
import re
from pathlib import Path

from pulumi_wmlfl.config import SETTINGS
from pulumi_wmlfl.resources.experiment_args import ExperimentPartyArgs, FederatedExperimentInputs
from pulumi_wmlfl.resources.provider import _KEYS, ProviderInputs

DOCS = Path(__file__).parents[2] / "docs"


def keywords(text):
    """Names in the first column of a page's tables."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_component_and_its_parties():
    inputs = (DOCS / "experiment.md").read_text().partition("## Inputs")[2].partition("## Outputs")[0]
    experiment, _, party = inputs.partition("| Keyword of a party |")
    assert keywords(experiment) == set(FederatedExperimentInputs.__annotations__)
    assert keywords(party) == {field.name for field in dataclasses.fields(ExperimentPartyArgs)}


def test_a_provider_takes_every_setting_and_the_page_names_it():
    assert set(_KEYS.values()) == {setting.key for setting in SETTINGS}
    assert set(_KEYS) == set(ProviderInputs.__annotations__)
    named = (DOCS / "environments.md").read_text().partition("The keywords are")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", named)) == set(_KEYS)
