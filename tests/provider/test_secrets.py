"""Keys of an object storage through the real provider process: encrypted in what the engine keeps."""

import json

import pytest

from tests.provider.samples import data, results
from tests.support.provider import SECRET, SIGNATURE

REFERENCES = {
    "models": {"training_data_references": data("one"), "test_data_references": data("two")},
    "trainings": {"training_data_references": data("one"), "results_reference": results()},
}


def in_clear(value):
    """Return what of a value the engine would write in clear."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return None
        return {key: in_clear(item) for key, item in value.items()}
    return [in_clear(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("collection", REFERENCES)
def test_storage_keys_come_back_as_secrets_only(provider, declare, collection):
    _, outputs = provider.create_raw(collection, declare(collection, **REFERENCES[collection]))
    kept = json.dumps(in_clear(outputs))
    assert "bucket" in kept
    assert [key for key in ("AK-one", "SK-one", "AK-two", "SKSKSK", "AKIDAKID") if key in kept] == []


def test_no_key_of_ours_is_ever_among_the_properties(provider, declare, service):
    _, outputs = provider.create_raw("trainings", declare("trainings"))
    assert service.apikey not in json.dumps(outputs)
    assert "token" not in json.dumps(outputs["party_variables"])


def test_the_value_of_a_wrong_property_is_not_repeated(provider, declare):
    wrong = results(connection="secret-value-271828", type=7)
    _, failures = provider.check("trainings", declare("trainings", results_reference=wrong))
    assert len(failures) == 2
    assert "271828" not in str(failures)
