"""Preview, up, refresh and destroy through the command, with the real provider process and state files."""

import json


def test_a_stack_lives_from_its_first_up_to_its_end(project):
    project.want(
        [
            {"name": "a", "props": {"size": 1}},
            {"name": "b", "props": {"of": "${a.id}"}},
            {"kind": "group", "name": "g", "props": {"size": 2}},
            {"name": "c", "props": {}, "opts": {"parent": "g"}},
            {"kind": "export", "name": "first", "value": "${a.made}"},
        ]
    )
    shown = project.run("preview")
    assert "+ 5 to create" in shown
    assert project.objects() == []
    assert set(project.verbs()) == {"check a", "check b", "check c"}

    shown = project.up()
    assert "+ 5 created" in shown
    assert 'first: "made a"' in shown
    assert project.objects() == ["a", "b", "c"]
    verbs = project.verbs()
    assert verbs.index("create a") < verbs.index("create b")

    assert "5 unchanged" in project.up("--expect-no-changes")
    assert sorted(project.verbs()) == [f"{verb} {label}" for verb in ("check", "diff") for label in "abc"]

    shown = project.run("refresh", "--yes", "--skip-preview")
    assert "5 unchanged" in shown

    shown = project.run("destroy", "--yes", "--skip-preview")
    assert "- 5 deleted" in shown
    assert project.objects() == []
    assert project.export().get("resources", []) == []
    project.run("stack", "rm", "--yes")


def test_what_changes_is_updated_replaced_or_deleted(project):
    project.want([{"name": "a", "props": {"size": 1}}, {"name": "b", "props": {"fixed": 1}}, {"name": "c"}])
    project.up()
    project.calls()
    project.want([{"name": "a", "props": {"size": 2}}, {"name": "b", "props": {"fixed": 2}}])
    shown = project.run("preview")
    assert "~ size: 1 => 2" in shown
    assert "~ fixed: 1 => 2 (forces replacement)" in shown
    project.calls()
    shown = project.up()
    assert "~ 1 updated" in shown
    assert "+- 1 replaced" in shown
    assert "- 1 deleted" in shown
    verbs = project.verbs()
    assert verbs.index("create b") < verbs.index("delete b")
    assert set(verbs[-2:]) == {"delete b", "delete c"}
    assert project.objects() == ["a", "b"]


def test_a_long_value_is_shown_part_by_part_in_order(project):
    parts = {"z": "z" * 40, "a": {"y": 2, "b": [1, {"d": 4, "c": 3}]}, "list": ["l" * 70, 5], "empty": {}}
    project.want([{"name": "a", "props": {"settings": parts, "short": {"b": 2, "a": 1}}}])
    shown = [line.strip() for line in project.run("preview").splitlines()]
    first = shown.index('+ settings.a: {"b": [1, {"c": 3, "d": 4}], "y": 2}')
    assert shown[first : first + 6] == [
        '+ settings.a: {"b": [1, {"c": 3, "d": 4}], "y": 2}',
        "+ settings.empty: {}",
        f'+ settings.list[0]: "{"l" * 70}"',
        "+ settings.list[1]: 5",
        f'+ settings.z: "{"z" * 40}"',
        '+ short: {"a": 1, "b": 2}',
    ]


def test_delete_before_replace_takes_its_dependents_along(project):
    things = [
        {"name": "a", "props": {"fixed": 1, "first_delete": True}},
        {"name": "b", "props": {"fixed_of": "${a.id}"}},
        {"name": "c", "props": {"of": "${a.id}"}},
    ]
    project.want(things)
    project.up()
    project.calls()
    things[0]["props"]["fixed"] = 2
    project.want(things)
    project.up()
    verbs = [verb for verb in project.verbs() if verb.split()[0] in ("create", "update", "delete")]
    assert verbs[:3] == ["delete b", "delete a", "create a"]
    assert sorted(verbs[3:]) == ["create b", "update c"]
    assert project.objects() == ["a", "b", "c"]


def test_refresh_finds_drift_and_what_is_gone(project):
    project.want([{"name": "a", "props": {"size": 1}}, {"name": "b", "props": {"of": "${a.id}"}}])
    project.up()
    a, b = (project.resources()[name]["id"] for name in "ab")
    (project.world / f"{a}.json").unlink()
    (project.world / f"{b}.json").write_text(json.dumps({"label": "b", "of": "elsewhere"}))
    shown = project.run("refresh", "--preview-only")
    assert "- 1 to delete" in shown
    assert "~ 1 to update" in shown
    assert project.resources()["b"]["outputs"]["of"] == a

    project.run("refresh", "--yes", "--skip-preview")
    after = project.resources()
    assert "a" not in after
    assert after["b"]["outputs"]["of"] == "elsewhere"
    assert not after["b"].get("dependencies")

    project.up()
    assert project.objects() == ["a", "b"]


def test_refresh_can_come_before_an_update(project):
    project.want([{"name": "a", "props": {"size": 1}}])
    project.up()
    identity = project.resources()["a"]["id"]
    (project.world / f"{identity}.json").write_text(json.dumps({"label": "a", "size": 9}))
    assert "~ size: 9 => 1" in project.run("preview", "--refresh")
    assert "~ 1 updated" in project.up("--refresh")
    assert json.loads((project.world / f"{identity}.json").read_text())["size"] == 1


def test_an_expectation_of_no_changes_has_its_own_exit_code(project):
    project.want([{"name": "a"}])
    assert "no changes were expected" in project.run("preview", "--expect-no-changes", code=7)


def test_one_json_document_instead_of_lines(project):
    project.want([{"name": "a"}, {"kind": "export", "name": "made", "value": "${a.made}"}])
    document = json.loads(project.up("--json"))
    assert document["changeSummary"] == {"create": 2}
    assert document["outputs"] == {"made": "made a"}
    assert [step["op"] for step in document["steps"]] == ["create", "create"]
