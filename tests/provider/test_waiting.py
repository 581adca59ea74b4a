"""Trainings that wait: interrupted, resumed, failed, too slow; other resources go on meanwhile."""

import threading

import pytest

from tests.support.provider import Failure
from tests.support.service import wait_until

T = "trainings"


def the_only(service):
    return next(iter(service.client().list(T, service.scope)), None)


@pytest.fixture
def slow(service):
    """A service whose trainings stay `pending`."""
    service.control.change(pending_seconds=600)
    return service


def test_what_is_waited_for_is_shown_on_the_resource_s_row(provider, declare, service):
    service.control.change(pending_seconds=0.5)
    provider.deployed(T, declare(T))
    shown = [message for _, urn, message in provider.engine.said if "Training" in urn]
    assert any(message.startswith("pending") for message in shown)


def test_a_training_that_is_too_slow_keeps_its_id_and_the_next_update_goes_on(provider, declare, slow):
    inputs, _ = provider.check(T, declare(T, timeouts={"create": 0.3}))
    with pytest.raises(Failure, match="still pending") as failure:
        provider.create(T, inputs)
    kept, outputs = failure.value.id, failure.value.outputs
    assert the_only(slow).id == kept == outputs["party_variables"]["training_id"]
    assert provider.diff(T, kept, outputs, inputs) == (False, set())
    slow.control.move(kept, "accepting_parties")
    assert provider.update(T, kept, outputs, inputs)["state"] == "accepting_parties"
    assert the_only(slow).id == kept


def test_the_engine_s_own_timeout_is_honoured(provider, declare, slow):
    with pytest.raises(Failure, match="still pending") as failure:
        provider.create(T, declare(T), timeout=0.3)
    assert failure.value.id


def test_a_wait_that_an_error_interrupts_keeps_the_id(provider, declare, slow):
    slow.control.fault(method="GET", path="/ml/v4/trainings/", status=500, skip=1, count=1)
    with pytest.raises(Failure, match="500") as failure:
        provider.create(T, declare(T))
    assert failure.value.id == the_only(slow).id


def test_an_error_right_after_the_create_keeps_the_id(provider, declare, slow):
    slow.control.fault(method="GET", path="/ml/v4/trainings/", status=503, count=1)
    with pytest.raises(Failure, match="503") as failure:
        provider.create(T, declare(T))
    assert failure.value.id == the_only(slow).id


def created_in_background(provider, inputs):
    result = []

    def run():
        try:
            result.append(provider.create(T, inputs))
        except Failure as failure:
            result.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, result


def test_a_training_that_fails_says_why_and_can_still_be_edited_and_deleted(provider, declare, slow):
    inputs = declare(T)
    thread, result = created_in_background(provider, inputs)
    kept = wait_until(lambda: the_only(slow)).id
    slow.control.move(kept, "failed", message={"level": "error", "text": "The model cannot be read."})
    thread.join(30)
    failure = result[0]
    assert failure.id == kept
    assert "will never be accepting_parties" in str(failure)
    assert "The model cannot be read." in str(failure)
    assert "triggers" in str(failure)
    with pytest.raises(Failure, match="will never be"):
        provider.update(T, kept, failure.outputs, inputs)
    assert provider.update(T, kept, failure.outputs, {**inputs, "on_delete": "cancel"})["state"] == "failed"
    assert provider.diff(T, kept, failure.outputs, {**inputs, "triggers": {"run": "2"}}) == (
        True,
        {"triggers"},
    )
    provider.delete(T, kept, failure.outputs)
    assert the_only(slow) is None


def test_a_training_that_somebody_deletes_while_we_wait_is_an_error_without_an_id(provider, declare, slow):
    thread, result = created_in_background(provider, declare(T))
    found = wait_until(lambda: the_only(slow))
    slow.client().delete(T, found.id, slow.scope, hard=True)
    thread.join(30)
    assert "404" in str(result[0])
    assert result[0].id == ""


def test_wait_for_none_and_for_completed(provider, declare, slow):
    none_id, outputs, inputs = provider.deployed(T, declare(T, wait_for="none"))
    assert outputs["state"] == "pending"
    provider.delete(T, none_id, outputs)

    thread, result = created_in_background(provider, declare(T, wait_for="completed"))
    found = wait_until(lambda: the_only(slow))
    for state in ("accepting_parties", "running", "storing", "completed"):
        slow.control.move(found.id, state)
    thread.join(30)
    assert result[0][1]["state"] == "completed"
    assert provider.diff(T, none_id, outputs, {**inputs, "wait_for": "completed"}) == (True, set())


def test_trainings_that_wait_do_not_stall_the_rest(provider, declare, slow):
    waiting = [created_in_background(provider, declare(T, name=f"t{n}")) for n in range(8)]
    wait_until(lambda: len(list(slow.client().list(T, slow.scope))) == 8)
    object_id, _, _ = provider.deployed("remote_training_systems", declare("remote_training_systems"))
    assert object_id
    assert all(not result for _, result in waiting)
    for found in slow.client().list(T, slow.scope):
        slow.control.move(found.id, "accepting_parties")
    for thread, _ in waiting:
        thread.join(30)
    assert all(isinstance(result[0], tuple) for _, result in waiting)


def test_a_training_that_is_not_cancelled_in_time_stays_in_the_state(provider, declare, service):
    object_id, outputs, _ = provider.deployed(T, declare(T, timeouts={"delete": 0.3}))
    service.control.fault(method="DELETE", path=f"{object_id}$", status=204, body="", count=1)
    with pytest.raises(Failure, match="still accepting_parties"):
        provider.delete(T, object_id, outputs)
    provider.delete(T, object_id, outputs)
    assert the_only(service) is None


@pytest.mark.parametrize("status", [400, 409])
def test_a_hard_delete_that_comes_a_moment_too_early_is_repeated(provider, declare, service, status):
    object_id, outputs, _ = provider.deployed(T, declare(T))
    service.control.fault(method="DELETE", path=f"{object_id}$", status=status, skip=1, count=1)
    provider.delete(T, object_id, outputs)
    assert the_only(service) is None
