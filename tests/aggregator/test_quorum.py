"""When a round is over: the rules, without clock or network."""

import pytest

from pulumi_wmlfl.errors import FusionError
from pulumi_wmlfl.server.aggregator.plan import plan_of
from pulumi_wmlfl.server.aggregator.quorum import Ballot, Outcome, Patience, Rule

PATIENCE = Patience(timeout=100.0, late=10.0, rejoin=20.0)
ALL = frozenset("abc")


def ballot(asked="abc", answered="", failed=""):
    return Ballot(began=0.0, asked=set(asked), answered=set(answered), failed=set(failed))


def judged(found, now, needed=2, required="", connected=ALL):
    verdict = found.judge(now, Rule(needed, frozenset(required)), PATIENCE, connected)
    return verdict.outcome, verdict.until


def test_everybody_answered():
    assert judged(ballot(answered="abc"), 5.0)[0] is Outcome.FINISH


def test_nobody_is_waited_for_who_failed():
    assert judged(ballot(answered="ab", failed="c"), 5.0)[0] is Outcome.FINISH


def test_late_parties_get_late_seconds_after_the_quorum():
    found = ballot(answered="ab")
    assert judged(found, 3.0) == (Outcome.WAIT, 13.0)
    assert judged(found, 12.9) == (Outcome.WAIT, 13.0)
    assert judged(found, 13.0)[0] is Outcome.FINISH


def test_late_parties_get_as_long_as_the_quorum_took_if_that_is_more():
    assert judged(ballot(answered="ab"), 30.0) == (Outcome.WAIT, 60.0)


def test_waiting_never_exceeds_max_timeout():
    found = ballot(answered="ab")
    assert judged(found, 70.0) == (Outcome.WAIT, 100.0)
    assert judged(found, 100.0)[0] is Outcome.FINISH


def test_max_timeout_without_a_quorum():
    found = ballot(answered="a")
    assert judged(found, 99.0) == (Outcome.WAIT, 100.0)
    assert judged(found, 100.0)[0] is Outcome.TIMED_OUT


def test_a_quorum_without_a_required_party_is_none():
    found = ballot(answered="ab")
    assert judged(found, 1.0, required="c") == (Outcome.WAIT, 100.0)
    assert judged(ballot(answered="ac"), 1.0, required="c")[0] is Outcome.WAIT


def test_a_lost_quorum_may_come_back():
    found = ballot(answered="a")
    assert judged(found, 5.0, connected=frozenset("a")) == (Outcome.WAIT, 25.0)
    # A party came back, and left again: the time begins anew.
    assert judged(found, 10.0, connected=ALL) == (Outcome.WAIT, 100.0)
    assert judged(found, 20.0, connected=frozenset("a")) == (Outcome.WAIT, 40.0)
    assert judged(found, 40.0, connected=frozenset("a"))[0] is Outcome.LOST


def test_who_answered_and_left_counts():
    assert judged(ballot(answered="ab", failed="c"), 5.0, connected=frozenset())[0] is Outcome.FINISH


def test_who_failed_does_not_count_although_connected():
    found = ballot(answered="", failed="ab")
    assert judged(found, 5.0) == (Outcome.WAIT, 25.0)
    found.ask_again("a")
    assert judged(found, 6.0) == (Outcome.WAIT, 100.0)


def test_how_many_are_there_is_said():
    assert Rule(2, frozenset("c")).count(frozenset("a")) == "1 of 2 needed"


@pytest.mark.parametrize(
    ("quorum", "parties", "needed"),
    [(None, 3, 3), (1.0, 3, 3), (0.5, 3, 2), (0.3, 10, 3), (0.0, 4, 1), (0.34, 3, 2), (1 / 3, 3, 1)],
)
def test_the_quorum_as_a_number_of_parties(quorum, parties, needed):
    systems = [{"id": str(index)} for index in range(parties)]
    remote = {"remote_training_systems": systems, **({} if quorum is None else {"quorum": quorum})}
    learning = {
        "fusion_type": "avg",
        "model": {"type": "keras"},
        "rounds": 1,
        "remote_training": remote,
    }
    assert plan_of(learning).needed == needed


def test_a_plan_needs_a_framework():
    learning = {
        "fusion_type": "avg",
        "rounds": 1,
        "remote_training": {"remote_training_systems": [{"id": "a"}]},
    }
    with pytest.raises(FusionError, match="framework"):
        plan_of(learning)
