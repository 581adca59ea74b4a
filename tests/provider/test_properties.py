"""Whatever valid inputs go through check, create and read come back as declared; nothing differs."""

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.provider.samples import PARTY, SPEC, Declare, learning, results

# Tags are refused.
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
    lambda text: not re.search("<[a-zA-Z/!].*>", text)
)
NUMBER = st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), st.floats(-1e9, 1e9, allow_nan=False))
LEAF = st.one_of(TEXT, NUMBER, st.booleans(), st.just(""))
# The service hands names of optimizers to the parties' library and takes nothing else for one.
OPTIMIZER = st.from_regex(r"(optim\.)?[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True)
KEY = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3), max_leaves=8
)
OPEN = st.dictionaries(KEY, JSON, max_size=4)


def optional(**fields):
    return st.fixed_dictionaries({}, optional=fields)


COMMON = {
    "description": st.one_of(TEXT, st.just("")),
    "tags": st.lists(TEXT, max_size=3),
    "custom": OPEN,
    "timeouts": optional(create=st.integers(1, 100), delete=st.floats(0.5, 99)),
}
RESOURCES = {
    "models": optional(
        **COMMON,
        model_version=st.fixed_dictionaries({"number": TEXT}),
        hyper_parameters=OPEN,
        domain=TEXT,
        metrics=st.lists(OPEN, max_size=2),
        user_defined_objects=OPEN,
    ).map(lambda more: {"type": "tensorflow_2.12", "software_spec": SPEC, **more}),
    "remote_training_systems": optional(
        **COMMON,
        organization=st.fixed_dictionaries({"name": TEXT}, optional={"region": TEXT}),
        remote_admin=st.dictionaries(KEY, TEXT, min_size=1, max_size=3),
    ).map(lambda more: {"allowed_identities": PARTY, **more}),
    "trainings": st.builds(
        lambda more, hyper: {
            "federated_learning": {**hyper, **learning()},
            "results_reference": results(),
            **more,
        },
        optional(**COMMON, triggers=OPEN, wait_for=st.sampled_from(["none", "accepting_parties"])),
        optional(
            epochs=st.integers(1, 9),
            learning_rate=st.floats(0.001, 1),
            optimizer=st.fixed_dictionaries(
                {"name": OPTIMIZER, "spec": st.dictionaries(KEY, st.floats(0.001, 1), min_size=1)}
            ),
            metrics=TEXT,
            save_intermediate_models=st.booleans(),
        ),
    ),
}


@given(
    st.sampled_from(sorted(RESOURCES)).flatmap(lambda kind: st.tuples(st.just(kind), TEXT, RESOURCES[kind]))
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_applying_twice_changes_nothing(provider, shared_service, case):
    collection, name, fields = case
    project = shared_service.control.new_scope("project_id")
    declare = Declare(shared_service)
    declare.scope = {"project_id": project}
    wanted = declare.real({"name": name, **declare.scope, **fields})
    object_id, outputs, inputs = provider.deployed(collection, wanted)
    again, _ = provider.check(collection, wanted)
    assert again == inputs
    assert provider.diff(collection, object_id, outputs, again) == (False, set())
    _, refreshed, read = provider.read(collection, object_id, outputs)
    assert read == inputs
    assert provider.diff(collection, object_id, refreshed, again) == (False, set())
