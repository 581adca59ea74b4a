"""Validation through the real provider process: everything at once, before anything is made."""

import zipfile

import pytest

from tests.provider.samples import learning, results
from tests.support.provider import UNKNOWN

T = "trainings"


def failures(provider, collection, inputs):
    return provider.check(collection, inputs)[1]


def parties(count, **more):
    return {"remote_training_systems": [{"id": f"p{n}"} for n in range(count)], **more}


WRONG = {
    "type": ("models", {"type": 5}, "type: must be text"),
    "missing": ("models", {"software_spec": None}, "software_spec: is required"),
    "both": ("models", {"software_spec": {"id": "a", "name": "b"}}, "exactly one of id and name"),
    "typo": (
        "models",
        {"contents": "x"},
        "contents: is not a property that WML knows; did you mean 'content'?",
    ),
    "nested typo": (
        T,
        {"federated_learning": learning(remote_training=parties(1, qorum=1))},
        "federated_learning.remote_training.qorum: is not a property that WML knows; did you mean 'quorum'?",
    ),
    "firewall": ("models", {"description": "<b>"}, "description: must not contain a tag"),
    "scopes": ("models", {"space_id": "s"}, "either project_id or space_id"),
    "nobody": ("remote_training_systems", {"allowed_identities": []}, "allowed_identities: "),
    "identity": (
        "remote_training_systems",
        {"allowed_identities": [{"id": "a"}]},
        "allowed_identities[0].type",
    ),
    "fusion": (T, {"federated_learning": learning(fusion_type="iter_avgg")}, "did you mean 'iter_avg'?"),
    "framework": (
        T,
        {"federated_learning": learning(fusion_type="spahm")},
        "federated_learning.fusion_type: spahm exists for scikit-learn only",
    ),
    "rounds": (
        T,
        {"federated_learning": learning(rounds=0)},
        "federated_learning.rounds: must be at least 1",
    ),
    "text": (
        T,
        {"federated_learning": learning(rounds="5")},
        "federated_learning.rounds: must be a whole number",
    ),
    "quorum": (
        T,
        {"federated_learning": learning(remote_training=parties(4, quorum=3))},
        "for 3 of these 4 parties give 0.75",
    ),
    "too many": (
        T,
        {"federated_learning": learning(remote_training=parties(2, quorum=3))},
        "from 0 to 1; the training has 2 parties",
    ),
    "twice": (
        T,
        {
            "federated_learning": learning(
                remote_training={"remote_training_systems": [{"id": "a"}, {"id": "a"}]}
            )
        },
        "remote_training_systems[1].id: names the same party as number 0",
    ),
    "timeout": (T, {"federated_learning": learning(remote_training=parties(1, max_timeout=99999))}, "43200"),
    "encrypted": (
        T,
        {"federated_learning": learning(fusion_type="crypto_iter_avg", hardware_spec={"name": "XS"})},
        "encrypted fusion needs at least S",
    ),
    "trees": (
        T,
        {"federated_learning": learning(fusion_type="xgb_classifier", model={"type": "scikit-learn"})},
        "federated_learning.learning_rate: is required for xgb_classifier",
    ),
    "wait": (T, {"wait_for": "acepting"}, "wait_for: must be 'accepting_parties', 'none' or 'completed'"),
    "results": (T, {"results_reference": None}, "results_reference: is required"),
    "timeouts": (T, {"timeouts": {"create": -1}}, "timeouts.create: must be above 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_on_its_property(provider, declare, case):
    collection, fields, said = WRONG[case]
    inputs = {key: value for key, value in declare(collection, **fields).items() if value is not None}
    assert [text for text in failures(provider, collection, inputs) if said in text]


TAGS = ["<b>", "a <b>bold</b> name", "</b>", "<!-- x -->", "a<b and c>d", "<br\n/>"]
NO_TAGS = ["accuracy > 0.8", "a < b > c", "5 <6 and 8> 7", "<3", "->", "<>", "< b >", "<b"]


@pytest.mark.parametrize("text", [*TAGS, *NO_TAGS])
def test_only_tags_are_refused_as_by_the_service(provider, declare, service, text):
    inputs = declare("models", name=text, description=text)
    found = failures(provider, "models", inputs)
    body = {key: value for key, value in inputs.items() if key not in ("content", "timeouts")}
    answer = service.http()("POST", "/ml/v4/models", json=body)
    assert len(found) == (2 if text in TAGS else 0)
    assert answer.status_code == (400 if text in TAGS else 201), answer.text


def test_all_problems_come_at_once(provider, declare):
    inputs = declare(T, wait_for="x", nam="y", federated_learning=learning(rounds=-1, fusion_type="sum"))
    assert len(failures(provider, T, inputs)) == 4


def test_what_is_not_known_yet_passes_and_its_neighbours_are_checked(provider, declare):
    inputs = declare(T, federated_learning=learning(rounds=UNKNOWN, epochs=0, modl=UNKNOWN))
    found = failures(provider, T, inputs)
    assert [text for text in found if text.startswith("federated_learning.epochs")]
    assert not [text for text in found if "rounds" in text]
    assert failures(provider, T, declare(T, results_reference=UNKNOWN, federated_learning=UNKNOWN)) == []
    assert failures(provider, "models", declare("models", content=UNKNOWN)) == []
    wrong = declare("models", contnt=UNKNOWN)
    assert "did you mean 'content'" in failures(provider, "models", wrong)[0]


def test_content_must_be_there_and_readable(provider, declare, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    for name, said in (("missing", "does not exist"), ("empty", "no file"), ("broken.zip", "valid zip")):
        found = failures(provider, "models", declare("models", content=str(tmp_path / name)))
        assert [text for text in found if said in text and text.startswith("content: ")]
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as archive:
        archive.writestr("saved_model.pb", b"x")
    assert failures(provider, "models", declare("models", content=str(tmp_path / "good.zip"))) == []


def test_facts_warn_and_do_not_block(provider, declare):
    unusual = learning(
        model={"type": "jax"},
        crypto={"cipher_spec": "encryption_level_1"},
        remote_training=parties(3, quorum=0.1),
        termination_predicate="soon",
    )
    assert failures(provider, T, declare(T, federated_learning=unusual)) == []
    warnings = [message for severity, _, message in provider.engine.said if severity == 2]
    assert failures(provider, T, declare(T, federated_learning=unusual)) == []
    assert [m for severity, _, m in provider.engine.said if severity == 2] == warnings
    for word in ("framework", "crypto", "quorum", "termination_predicate"):
        assert [text for text in warnings if word in text], word


def test_the_notebook_s_habits_are_taken(provider, declare):
    inputs, found = provider.check(
        "models", declare("models", type="tensorflow_2.1 ", tags=[{"value": "a", "description": "b"}, "c"])
    )
    assert found == []
    assert (inputs["type"], inputs["tags"]) == ("tensorflow_2.1", ["a", "c"])


def test_nothing_is_asked_of_wml(provider, declare, service):
    inputs = declare(T, results_reference=results())
    service.control.call("DELETE", "/requests")
    provider.check(T, inputs)
    assert service.control.requests(path="/ml/v4/trainings") == []
