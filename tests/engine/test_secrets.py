"""Secrets: encrypted in every file, never printed, exchanged with nobody who lacks the passphrase."""

import json

VALUE = "s3cr3t-of-the-test"


def everything_written(project):
    return "".join(path.read_text() for path in project.state.rglob("*") if path.is_file())


def test_secrets_are_encrypted_wherever_they_are_written_and_hidden_wherever_they_are_shown(project):
    project.run("config", "set", "--secret", "token", VALUE)
    assert VALUE not in (project.folder / "Pulumi.dev.yaml").read_text()
    assert project.run("config", "get", "token").strip() == VALUE
    assert VALUE not in project.run("config")
    nested = {"deep": {"token": "${secret.token}"}, "list": ["${secret.token}"]}
    project.want(
        [
            {"name": "a", "props": {"secret": "${secret.token}", **nested}},
            {"name": "b", "props": {"x": 1}, "opts": {"additional_secret_outputs": ["made"]}},
            {"kind": "export", "name": "token", "value": "${secret.token}"},
            {"kind": "python", "name": "p", "code": f"print('printed {VALUE}')"},
        ]
    )
    shown = project.run("preview") + project.up("--diff")
    assert VALUE not in shown
    assert "printed [secret]" in shown
    assert "token: [secret]" in shown
    assert VALUE not in everything_written(project)
    a, b = (project.resources()[name] for name in "ab")
    for values in (a["inputs"], a["outputs"]):
        assert "ciphertext" in values["secret"]
        assert "ciphertext" in values["deep"]["token"]
        assert "ciphertext" in values["list"]
    assert "ciphertext" in b["outputs"]["made"]
    assert [
        call[-1]["secret"] for call in project.calls() if call[0] == "create" and "secret" in call[-1]
    ] == [VALUE]

    assert "[secret]" in project.run("stack", "output")
    assert VALUE in project.run("stack", "output", "--show-secrets")
    assert json.loads(project.run("stack", "output", "--json"))["token"] == "[secret]"
    plain = project.run("stack", "export", "--show-secrets")
    assert f'"plaintext": "\\"{VALUE}\\""' in plain
    project.run("stack", "import", stdin=plain)
    assert VALUE not in everything_written(project)
    project.up("--expect-no-changes")
    assert project.resources()["a"]["inputs"] == project.resources()["a"]["inputs"]


def test_an_unchanged_secret_keeps_its_ciphertext(project):
    project.run("config", "set", "--secret", "token", VALUE)
    project.want([{"name": "a", "props": {"secret": "${secret.token}"}}])
    project.up()
    before = project.resources()["a"]["outputs"]["secret"]
    project.up()
    assert project.resources()["a"]["outputs"]["secret"] == before


def test_a_secret_in_an_error_is_hidden(project):
    project.run("config", "set", "--secret", "token", VALUE)
    project.want([{"name": "a", "props": {"secret": "${secret.token}", "fail": "create"}}])
    shown = project.up("--debug", code=1)
    assert "no room for [secret]" in shown
    assert VALUE not in shown


def test_a_wrong_or_missing_passphrase_is_refused_before_anything_is_made(project):
    project.run("config", "set", "--secret", "token", VALUE)
    project.want([{"name": "a", "props": {"secret": "${secret.token}"}}])
    wrong = {"PULUMI_CONFIG_PASSPHRASE": "wrong"}
    assert "incorrect passphrase" in project.run("up", "-y", "-f", code=1, env=wrong)
    project.want(
        [
            {"name": "a"},
            {"kind": "python", "name": "s", "code": "pulumi.export('s', pulumi.Output.secret(1))"},
        ]
    )
    assert "incorrect passphrase" in project.run("up", "-y", "-f", code=1, env=wrong)
    del project.environment["PULUMI_CONFIG_PASSPHRASE"]
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" in project.run("up", "-y", "-f", code=1)
    assert project.objects() == []
    key = project.folder / "passphrase"
    key.write_text("correct horse\n")
    project.run("config", "rm", "token", env={"PULUMI_CONFIG_PASSPHRASE": "wrong"})
    assert "incorrect passphrase" in project.run("up", "-y", "-f", code=1, env=wrong)
    assert project.objects() == []
    project.run("up", "-y", "-f", env={"PULUMI_CONFIG_PASSPHRASE_FILE": str(key)})
    assert project.objects() == ["a"]
