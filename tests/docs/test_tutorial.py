"""The tutorial, followed word by word: every file written, every command run, every shown line compared."""

import shutil

import pytest

from tests.docs.blocks import ROOT, Terminal, blocks_of, commands_of, missing_lines

# tests/packaging installs the wheel into an environment of its own.
INSTALLING = ("python3 -m venv", ". .venv/bin/activate", "pip install")


@pytest.fixture
def terminal(tmp_path):
    """A terminal in a clone, with a home of its own."""
    clone = tmp_path / "pulumi-wmlfl"
    shutil.copytree(ROOT / "examples" / "mnist", clone / "examples" / "mnist")
    (tmp_path / "home").mkdir()
    opened = Terminal(clone, tmp_path / "home")
    yield opened
    opened.close()


def test_the_tutorial_can_be_followed_word_by_word(terminal):
    begun = set()
    for block in blocks_of(ROOT / "docs" / "tutorial.md"):
        if block.title:
            file = terminal.folder / block.title
            with file.open("a" if file in begun else "w") as opened:
                opened.write(("\n" if file in begun else "") + block.text)
            begun.add(file)
            continue
        assert block.language == "console", block.where
        for command, shown in commands_of(block):
            if command.startswith(INSTALLING):
                continue
            if command.startswith("wmlfl serve"):
                code, printed = 0, terminal.serve(command)
            else:
                code, printed = terminal.run(command)
            assert code == 0, f"{block.where}: $ {command}\n{printed}"
            missing = missing_lines(shown, printed)
            assert not missing, f"{block.where}: $ {command}\n{missing} not in\n{printed}"
    assert terminal.folder.name == "mnist-infra"
    assert not list(terminal.folder.glob("Pulumi.dev.yaml"))
