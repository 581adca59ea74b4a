"""What `wmlfl import` writes into programs: values as they are, laid out as the formatter leaves them."""

import ast
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_wmlfl.client import Scope
from pulumi_wmlfl.core.adopted import Adopted, Reference, Setting
from pulumi_wmlfl.core.connections import Connections
from pulumi_wmlfl.core.selection import select
from pulumi_wmlfl.errors import ImportRefused
from pulumi_wmlfl.resources.import_program import program_text
from pulumi_wmlfl.schema.api import WmlObject

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)


def adopted(number=0, *, name="party", **declared):
    return Adopted("remote_training_systems", f"id-{number}", name, name, declared, {}, {}, ())


@given(st.lists(st.dictionaries(st.sampled_from(["custom", "remote_admin"]), VALUES), min_size=1, max_size=8))
@settings(max_examples=15, deadline=None)
def test_values_come_back_and_the_formatter_changes_nothing(declarations):
    entries = [adopted(number, **declared) for number, declared in enumerate(declarations)]
    text = program_text(entries, protect=False)
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    read = [{word.arg: ast.literal_eval(word.value) for word in call.keywords} for call in calls]
    assert read == declarations
    assert_formatted(text)


def test_references_and_settings_are_laid_out_as_the_formatter_leaves_them():
    party = adopted(1, name="class")
    connection = {"a": [Setting("s"), Setting("long-" * 12), {"id": Reference("id-1")}]}
    text = program_text([party, adopted(2, name="class", custom=connection)], protect=True)
    assert "remote_training_system_class.id" in text
    assert_formatted(text)
    compile(text, "program", "exec")


def test_keys_that_wml_does_not_tell_are_asked_for():
    reference = {"type": "s3", "location": {"bucket": "b", "logs": "x"}, "connection": {"endpoint_url": "u"}}
    inputs = {"name": "t", "results_reference": reference}
    connections = Connections("training t", "t", {})
    with pytest.raises(ImportRefused, match="wmlfl config set --secret t-results-connection"):
        connections.split("trainings", inputs)
    keys = '{"endpoint_url": "u", "access_key_id": "AKIAEXAMPLE", "secret_access_key": "a-key-of-tests"}'
    connections = Connections("training t", "t", {"t-results-connection": keys})
    declared, plain = connections.split("trainings", inputs)
    assert declared["results_reference"] == {
        "type": "s3",
        "location": {"bucket": "b"},
        "connection": Setting("t-results-connection"),
    }
    assert plain["results_reference"]["connection"]["secret_access_key"] == "a-key-of-tests"
    with pytest.raises(ImportRefused, match="is not a JSON object"):
        Connections("training t", "t", {"t-results-connection": "[]"}).split("trainings", inputs)


def test_a_training_that_is_no_federated_one_is_refused():
    class Api:
        def get(self, collection, object_id, scope):
            return WmlObject.model_validate({"metadata": {"id": object_id}, "entity": {"pipeline": {}}})

    with pytest.raises(ImportRefused, match="is not a federated one"):
        select(Api(), Scope("project_id", "p"), ids={"trainings": ["x"]})


def assert_formatted(text):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "-"],
        input=text,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
