"""Resource options, targets and settings, through the Python interface: what they change."""

import json

from pulumi_wmlfl.engine import api

STACK = "urn:pulumi:dev::objects::pulumi:pulumi:Stack::objects-dev"


def test_a_protected_resource_is_neither_deleted_nor_replaced(deployed):
    group = {"kind": "group", "name": "g", "opts": {"protect": True}}
    child = {"name": "a", "props": {"fixed": 1}, "opts": {"parent": "g"}}
    deployed.start(group, child)
    assert deployed.resources()["a"]["protect"] is True
    deployed.want([group])
    deployed.up(fails=True)
    assert "protection" in deployed.said()
    deployed.want([group, {**child, "props": {"fixed": 2}}])
    deployed.run("preview", fails=True)
    deployed.up(fails=True)
    assert "protection" in deployed.said()
    deployed.destroy(fails=True)
    assert deployed.effects() == []


def test_retained_objects_stay_and_those_deleted_with_another_need_no_call(deployed):
    deployed.start(
        {"name": "a", "opts": {"retain_on_delete": True}},
        {"name": "b"},
        {"name": "c", "opts": {"deleted_with": "b"}},
    )
    assert deployed.destroy() == {"delete": 4}
    assert deployed.effects() == ["delete b"]
    assert deployed.objects() == ["a", "c"]


def test_ignored_changes_keep_the_old_value(deployed):
    ignoring = {"ignore_changes": ["size", "spec.inner", "items[0]"]}
    deployed.start(
        {"name": "a", "props": {"size": 1, "spec": {"inner": 1, "x": 1}, "items": [1, 2]}, "opts": ignoring}
    )
    deployed.want(
        [{"name": "a", "props": {"size": 2, "spec": {"inner": 2, "x": 9}, "items": [5, 2]}, "opts": ignoring}]
    )
    assert deployed.up() == {"update": 1}
    inputs = deployed.resources()["a"]["inputs"]
    assert (inputs["size"], inputs["spec"], inputs["items"]) == (1, {"inner": 1, "x": 9}, [1, 2])


def test_what_forces_a_replacement(deployed):
    lazy = {"replace_on_changes": ["spec.inner"]}

    def things(inner, x, fixed):
        return [
            {"name": "a", "props": {"lazy": True, "spec": {"inner": inner, "x": x}}, "opts": lazy},
            {"name": "b", "props": {"fixed": fixed}, "opts": {"delete_before_replace": True}},
            {"name": "c", "opts": {"replace_with": ["b"]}},
        ]

    deployed.start(*things(1, 1, 1))
    deployed.want(things(1, 2, 1))
    assert deployed.up() == {"update": 1}
    deployed.want(things(2, 2, 2))
    deployed.project.calls()
    assert deployed.up() == {"replace": 3}
    effects = deployed.effects()
    assert effects.index("delete b") < effects.index("create b")
    assert effects.index("create a") < effects.index("delete a")


def test_aliases_find_what_was_renamed_or_moved(deployed):
    deployed.start(
        {"kind": "group", "name": "old"},
        {"name": "old-a", "opts": {"parent": "old"}},
        {"name": "b"},
        {"name": "c"},
    )
    before = deployed.resources()
    deployed.want(
        [
            {"kind": "group", "name": "new", "opts": {"aliases": [{"name": "old"}]}},
            {"name": "new-a", "props": {"label": "old-a"}, "opts": {"parent": "new"}},
            {"name": "bb", "props": {"label": "b"}, "opts": {"aliases": [{"name": "b"}]}},
            {"name": "c", "opts": {"parent": "new", "aliases": [{"parent": STACK}]}},
        ]
    )
    assert deployed.up() == {}
    after = deployed.resources()
    for new, old in (("new-a", "old-a"), ("bb", "b"), ("c", "c")):
        assert after[new]["id"] == before[old]["id"]


def test_dependencies_order_creation_and_deletion_and_timeouts_are_kept(deployed):
    timeouts = {"custom_timeouts": {"create": "1h30m", "delete": "20s"}}
    deployed.want([{"name": "a", "opts": timeouts}, {"name": "b", "opts": {"depends_on": ["a"]}}])
    deployed.up()
    assert deployed.resources()["a"]["customTimeouts"] == {"create": 5400, "delete": 20}
    deployed.destroy()
    assert deployed.effects() == ["create a", "create b", "delete b", "delete a"]


def test_an_explicit_provider_gets_its_own_settings_and_nothing_else(deployed):
    deployed.stack.set_config("objects:region", "everywhere")
    north = {"kind": "provider", "name": "north", "props": {"objects:region": "north", "objects:zone": 3}}
    deployed.want([north, {"name": "a", "opts": {"provider": "north"}}, {"name": "b"}])
    deployed.up()
    lines = (deployed.project.world / "calls.jsonl").read_text().splitlines()
    regions = {call[1]["objects:region"] for call in map(json.loads, lines) if call[0] == "configure"}
    assert regions == {"north", "everywhere"}
    assert "::pulumi:providers:pulumi-python::north::" in deployed.resources()["a"]["provider"]
    deployed.destroy()
    assert deployed.objects() == []


def test_targets_limit_what_is_done(deployed):
    things = [{"name": "a", "props": {"size": 1}}, {"name": "b", "props": {"size": 1, "fixed_of": "${a.id}"}}]
    deployed.start(*things)
    urns = {name: entry["urn"] for name, entry in deployed.resources().items()}
    for thing in things:
        thing["props"]["size"] = 2
    deployed.want([*things, {"name": "c"}])
    assert deployed.up(targets=[urns["b"]]) == {"update": 1}
    deployed.up(targets=["urn:pulumi:dev::objects::x::y"], fails=True)
    assert "could not be found" in deployed.said()
    assert deployed.up(targets=["**::a"], target_dependents=True) == {"update": 1}
    deployed.destroy(targets=[urns["a"]], fails=True)
    assert "--target-dependents" in deployed.said()
    assert deployed.destroy(targets=[urns["a"]], target_dependents=True) == {"delete": 2}
    assert deployed.effects() == ["update b", "update a", "delete b", "delete a"]


def test_a_resource_can_be_replaced_on_demand_and_one_that_exists_can_be_read(deployed):
    deployed.start({"name": "a"})
    assert deployed.up(replace=[deployed.resources()["a"]["urn"]]) == {"replace": 1}
    assert deployed.verbs() == ["check a", "create a", "delete a"]
    identity = deployed.resources()["a"]["id"]
    code = f"g = Thing('g', {{}}, pulumi.ResourceOptions(id={identity!r})); pulumi.export('made', g.made)"
    deployed.want([{"name": "a"}, {"kind": "python", "name": "x", "code": code}])
    deployed.up()
    assert deployed.stack.outputs() == {"made": "made a"}
    assert deployed.resources()["g"]["external"] is True
    deployed.destroy()
    assert deployed.effects() == ["delete a"]


def test_a_program_sees_its_configuration_its_names_and_other_stacks(deployed):
    reference = "organization/objects/dev"
    deployed.stack.set_config("size", "3")
    deployed.want(
        [
            {"kind": "export", "name": "size", "value": "${config.size}"},
            {
                "kind": "python",
                "name": "x",
                "code": "pulumi.export('who', pulumi.get_stack() + pulumi.get_project())",
            },
            {"kind": "log", "name": "careful", "level": "warn"},
        ]
    )
    deployed.up()
    assert deployed.stack.outputs() == {"size": "3", "who": "devobjects"}
    assert ("warning", "careful") in [(message.severity, message.text) for message in deployed.stack.messages]

    other = api.open_stack(deployed.project.folder, "other", create=True)
    copy = f"pulumi.export('copy', made['{reference}'].outputs['who'])"
    deployed.want([{"kind": "stack", "name": reference}, {"kind": "python", "name": "x", "code": copy}])
    assert other.up().succeeded
    assert other.outputs() == {"copy": "devobjects"}
    assert not other.preview().has_changes
