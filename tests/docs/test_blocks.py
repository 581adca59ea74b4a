"""Every code block of README and docs: programs are deployed, commands exist, data can be read.

The tutorial is followed word by word in test_tutorial.py. `NOT_RUN` is the one place for what cannot run,
with the reason; nothing else is left out.
"""

import json
import re
import shlex
import shutil

import click
import pytest
import yaml

from pulumi_wmlfl.cli.main import cli
from tests.docs.blocks import ROOT, Terminal, blocks_of, commands_of, pages
from tests.support.stacks import Stack

BLOCKS = [block for page in pages() for block in blocks_of(page)]
TUTORIAL = "docs/tutorial.md"
# Text that is shown, not typed.
SHOWN = {"text"}
SHELL = {"console", "bash"}

# Blocks of Python, by page and first line: why they are compiled and not run.
NOT_RUN = (
    ("README", "from pulumi_wmlfl import", "is an import of names that names.md has"),
    ("docs/engine", "from pulumi_wmlfl.engine", "tests/engine runs this interface"),
    ("docs/environments", "import pulumi", "needs two services; tests/resources deploys what the page has"),
    ("docs/parties", "import numpy", "needs the reader's data file; tests/party runs handlers"),
    ("docs/parties", "Model(", "is one call of a longer program; examples/digits has it whole"),
    ("docs/parties", "from pulumi_wmlfl.party", "needs a party's files; tests/party runs this interface"),
    ("docs/testing", "def test_the_experiment", "is one of the tests of examples/testing, which run"),
    ("docs/testing", "wml_service.control", "is one line of such a test; tests/faults has every fault"),
    ("docs/trained-models", "Model(", "needs a completed training; tests/resources deploys such a model"),
    ("docs/howto/take-over", "fl_aggregator", "is a part of what wmlfl import writes; tests/cli deploys it"),
    ("docs/howto/secrets", "import pulumi", "needs the keys of an object storage; as in examples/mnist"),
)
# Programs that are deployed: their page, and the untrained model beside them.
PROGRAMS = {
    "docs/index.md": "scikit-learn",
    "docs/experiment.md": "pytorch",
    "docs/howto/environments.md": "",
    "docs/howto/own-component.md": "scikit-learn",
}
# Commands of others; what their options mean is not ours.
OTHERS = {
    *(
        "cd",
        "cp",
        "curl",
        "echo",
        "eval",
        "export",
        "git",
        "mkdir",
        "pip",
        "pulumi",
        "pytest",
        "python",
        "python3",
    ),
    *("sed", "unset", "."),
}


def of_language(*languages):
    found = [block for block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize("block", found, ids=lambda block: block.where)


def reason_not_to_run(block):
    found = [row for row in NOT_RUN if block.page.startswith(row[0]) and block.text.startswith(row[1])]
    return found[0] if found else None


def test_every_block_says_its_language():
    known = {"python", "yaml", "json"} | SHELL | SHOWN
    assert [block.where for block in BLOCKS if block.language not in known] == []


def test_nothing_is_left_out_for_no_block():
    assert set(NOT_RUN) == {reason_not_to_run(block) for block in BLOCKS if block.language == "python"} - {
        None
    }


@of_language("python")
def test_python_compiles_and_runs_somewhere(block):
    compile(block.text, block.where, "exec")
    deployed = block.page in PROGRAMS and "import pulumi" in block.text
    assert deployed or block.page == TUTORIAL or reason_not_to_run(block), "nothing runs this block"


@of_language("yaml", "json")
def test_data_can_be_read(block):
    assert json.loads(block.text) if block.language == "json" else yaml.safe_load(block.text)


@pytest.mark.parametrize("page", PROGRAMS)
def test_programs_of_the_pages_deploy(page, service, tmp_path):
    programs = [b.text for b in BLOCKS if b.page == page and b.language == "python" and not b.title]
    assert len(programs) == 1
    stack = Stack(tmp_path, programs[0], engine="embedded", WMLFL_READY_FILE=service.ready_file)
    if PROGRAMS[page] == "scikit-learn":
        shutil.copytree(ROOT / "examples/digits/untrained_model", stack.folder / "untrained_model")
    elif PROGRAMS[page] == "pytorch":
        shutil.make_archive(str(stack.folder / "model"), "zip", ROOT / "examples/digits/untrained_model")
        (stack.folder / "model.zip").rename(stack.folder / "untrained_model.pt")
    assert " created" in stack.up()
    assert stack.planned() == {}


# commands


def calls(block):
    """Split the block's commands at pipes and the like; yield each as a list of words."""
    lines = (
        [command for command, _ in commands_of(block)]
        if "$ " in block.text and block.language == "console"
        else block.text.replace("\\\n", " ").splitlines()
    )
    for line in lines:
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split, words.commenters = True, "#"
        call = []
        for word in words:
            if re.fullmatch(r"[;&|()]+", word):
                yield call
                call = []
            else:
                call.append(word)
        yield call


def check_wmlfl(words):
    """Parse a call of `wmlfl` as it would; an unknown command, option or choice is an error."""
    command, context = cli, click.Context(cli, info_name="wmlfl")
    while isinstance(command, click.Group):
        if not words or words[0].startswith("-"):
            break
        found = command.get_command(context, words[0])
        assert found is not None, f"{words[0]}: there is no such command"
        command, context = found, click.Context(found, info_name=words[0], parent=context)
        words = words[1:]
    words = (
        [word for word in words if word not in {"<", ">"}] if "<" not in words else words[: words.index("<")]
    )
    options, rest, _ = command.make_parser(context).parse_args(list(words))
    assert not rest, f"too much: {rest}"
    for param in command.params:
        value = options.get(param.name)
        if isinstance(param.type, click.Choice) and isinstance(value, str):
            param.type.convert(value, param, context)


@of_language(*SHELL)
def test_commands_and_options_exist(block):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for call in calls(block):
        # Usage lines name what may be left out in brackets.
        words = [word.strip("[]") if word.startswith("[") else word for word in call]
        words = [word.removesuffix("]") if "[" not in word else word for word in words]
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if not words:
            continue
        if words[0] == "wmlfl":
            check_wmlfl(words[1:])
        elif words[0] == "make":
            assert words[1] in targets, block.where
        elif words[0] == "pytest":
            assert all((ROOT / word).exists() for word in words[1:] if "/" in word)
        elif words[0] == "kits/hospital-north/run.sh":
            continue  # tests/party runs it
        else:
            assert words[0] in OTHERS, f"{block.where}: {words[0]}"
        if words[0] == "pip":
            known = set(re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), re.M))
            assert set(re.findall(r"pulumi-wmlfl\[(\w+)\]", " ".join(words))) <= known, block.where


def test_a_stack_moves_as_the_page_says(service, tmp_path):
    page = (ROOT / "docs/howto/engines.md").read_text()
    start = page[: page.index("## Move a stack")].count("\n")
    blocks = [b for b in BLOCKS if b.page == "docs/howto/engines.md" and b.line > start]
    identities = [{"id": service.user_id, "type": "user"}]
    program = f"import pulumi_wmlfl as w\nw.RemoteTrainingSystem('one', allowed_identities={identities})\n"
    stack = Stack(tmp_path, program, engine="embedded", WMLFL_READY_FILE=service.ready_file)
    stack.up()
    stack.environment["PULUMI_STACK"] = ""
    terminal = Terminal(stack.folder, tmp_path)
    terminal.environment |= stack.environment
    new = tmp_path / "new"
    new.mkdir()
    old_backend = terminal.environment["PULUMI_BACKEND_URL"]
    for block in blocks:
        for command, _ in commands_of(block):
            typed = command.replace("file:///srv/pulumi-state", f"file://{new}")
            if command.startswith("wmlfl stack rm"):
                terminal.environment["PULUMI_BACKEND_URL"] = old_backend
                typed += " --yes"
            code, printed = terminal.run(typed)
            assert code == 0, f"$ {typed}\n{printed}"
    assert stack.run("preview", "--expect-no-changes", PULUMI_BACKEND_URL=f"file://{new}")


def test_readme_is_the_same_in_both_languages():
    english, japanese = [[b for b in BLOCKS if b.page == page] for page in ("README.md", "README.ja.md")]
    assert [(b.language, without_comments(b)) for b in english] == [
        (b.language, without_comments(b)) for b in japanese
    ]
    headings = [
        [line.split()[0] for line in outside_of_blocks(page) if re.match(r"#+ ", line)]
        for page in ("README.md", "README.ja.md")
    ]
    assert headings[0] == headings[1]


def outside_of_blocks(page):
    inside = False
    for line in (ROOT / page).read_text().splitlines():
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            yield line


def without_comments(block):
    return [re.sub(r"\s*#.*$", "", line) for line in block.text.splitlines()]
