"""How values are put into words."""

from pulumi_wmlfl.engine.showing import show


def test_keys_are_in_order_whatever_order_the_program_sent_them_in():
    # What comes over gRPC has another order in every run.
    assert show({"b": 1.0, "a": [{"d": 2.0, "c": "x"}]}) == '{"a": [{"c": "x", "d": 2}], "b": 1}'
