"""Writes the pages of settings, public names and error codes, one each: `python docs/generate_catalogue.py`.

With `--check` it writes nothing and fails when a page is out of date. What the pages of the error codes say beyond
the docstrings stands in error_advice.toml.
"""

import inspect
import sys
import tomllib
from pathlib import Path
from typing import Any

import pulumi_wmlfl
from pulumi_wmlfl import errors
from pulumi_wmlfl.config import SETTINGS, Setting

HERE = Path(__file__).parent
MARK = "<!-- Written by docs/generate_catalogue.py. -->"
OTHER_VARIABLES = {
    "WMLFL_ENGINE": "which engine deploys: `auto`, `pulumi` or `embedded`; see [engines](howto/engines.md)",
    "WMLFL_DATA_DIR": "folder of the local service (`~/.local/share/wmlfl`)",
    "WMLFL_PROVIDER_<NAME>_…": "a setting of an explicit provider; see [several environments](environments.md)",
    "WMLFL_STATE_DIR": "folder of the notes of deployments (`~/.local/state/wmlfl`); "
    "see [after a crash](interrupted.md)",
}
# Where more is said about a name; the others are on the page of the resources.
PAGES = {
    **dict.fromkeys(("FederatedExperiment", "FederatedExperimentArgs", "ExperimentPartyArgs"), "experiment"),
    **dict.fromkeys(("Provider", "get_model", "get_remote_training_system", "get_training"), "environments"),
    **dict.fromkeys(("GetModelResult", "GetRemoteTrainingSystemResult", "GetTrainingResult"), "environments"),
}


def main() -> int:
    wanted = {"settings.md": settings(), "names.md": names(), **error_pages()}
    superfluous = {f"errors/{file.name}" for file in (HERE / "errors").glob("*.md")} - set(wanted)
    if "--check" in sys.argv[1:]:
        outdated = [*sorted(superfluous), *(path for path, page in wanted.items() if written(path) != page)]
        if outdated:
            print(
                f"Out of date: {', '.join(outdated)}. Run python docs/generate_catalogue.py", file=sys.stderr
            )
        return 1 if outdated else 0
    for path in superfluous:
        (HERE / path).unlink()
    (HERE / "errors").mkdir(exist_ok=True)
    for path, page in wanted.items():
        (HERE / path).write_text(page, encoding="utf-8")
    return 0


def written(path: str) -> str:
    return (HERE / path).read_text(encoding="utf-8") if (HERE / path).exists() else ""


def settings() -> str:
    lines = [
        "# Settings",
        "",
        MARK,
        "",
        "What an environment is, and how to talk to it. How to choose one: [environments](howto/environments.md).",
        "`wmlfl settings` shows what counts in this folder, and where each value came from.",
        "",
        "For each setting the first of these that has a value counts:",
        "",
        "1. the environment variable `WMLFL_…`;",
        "2. the stack's configuration `wmlfl:…`;",
        "3. IBM's own environment variables, from left to right;",
        "4. for a local platform, the ready file of the local service;",
        "5. the default.",
        "",
        "The environment wins, since `refresh` and `destroy` get the configuration that was recorded at the last",
        "`up`: a rotated key could otherwise not be given. An empty value counts as none.",
        "",
        "| Setting | Variable | IBM's variables | Default | What it is |",
        "|---|---|---|---|---|",
        *(setting_row(setting) for setting in SETTINGS),
        "",
        "- Of `url` and `region`, and of `projectId` and `spaceId`, the one of the stronger source counts. Two of the",
        "  same source are an error.",
        "- Where the platform is `local` by a stronger source than the rest, the rest of another environment is",
        "  ignored: `WMLFL_PLATFORM=local` runs any stack against the local service.",
        "- `IBMCLOUD_API_KEY` and `IBM_CLOUD_API_KEY` are sent to IBM Cloud only.",
        "- A secret setting is never printed, logged or kept in a resource.",
        "",
        "## Other variables",
        "",
        "| Variable | What it is |",
        "|---|---|",
        *(f"| `{name}` | {meaning} |" for name, meaning in OTHER_VARIABLES.items()),
        "",
    ]
    return "\n".join(lines)


def setting_row(setting: Setting) -> str:
    theirs = ", ".join(f"`{name}`" for name in setting.ibm_environment)
    default = f"`{setting.default}`" if setting.default else ""
    secret = "**Secret.** " if setting.secret else ""
    return (
        f"| `wmlfl:{setting.key}` | `{setting.environment}` | {theirs} | {default} | {secret}{setting.help} |"
    )


def kinds() -> list[type[errors.WmlflError]]:
    """Return every kind of error that has a code of its own, by code."""
    found = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.WmlflError) and "code" in vars(kind)
    }
    return sorted(found, key=lambda kind: kind.code)


def error_pages() -> dict[str, str]:
    """Return the index of the codes and one page for each, by their path in docs."""
    advice = tomllib.loads((HERE / "error_advice.toml").read_text(encoding="utf-8"))
    found = kinds()
    if wrong := sorted(set(advice) ^ {kind.code for kind in found}):
        sys.exit(f"error_advice.toml and pulumi_wmlfl/errors.py do not both have {', '.join(wrong)}")
    pages = {f"errors/{kind.code}.md": error_page(kind, advice[kind.code]) for kind in found}
    return {"errors.md": error_index(found), **pages}


def error_index(found: list[type[errors.WmlflError]]) -> str:
    lines = [
        "# Error codes",
        "",
        MARK,
        "",
        "Every error has a stable code and a page. Commands print one sentence with the code at its end, and end with",
        "the exit code; the sentence of a resource that failed stands under the resource. With `--json` the error's",
        "envelope has the code ([commands](commands.md#for-programs)). In Python each code is a class of",
        "`pulumi_wmlfl.errors`, with `code`, `exit_code`, `message` and `hint`. No error shows a secret.",
        "",
        "| Code | Class | Exit code | |",
        "|---|---|---|---|",
    ]
    for kind in found:
        code = f"[{kind.code}](errors/{kind.code}.md)"
        lines.append(f"| {code} | `{kind.__name__}` | {kind.exit_code} | {first_line(kind)} |")
    return "\n".join([*lines, ""])


def error_page(kind: type[errors.WmlflError], said: dict[str, Any]) -> str:
    parent = kind.__mro__[1]
    belongs = f", a {link_to(parent)}" if issubclass(parent, errors.WmlflError) else ""
    below = [each for each in kinds() if each.__mro__[1] is kind]
    lines = [f"# {kind.code}: {kind.__name__}", "", MARK, "", first_line(kind), ""]
    lines += [f"Class `pulumi_wmlfl.errors.{kind.__name__}`{belongs}; exit code {kind.exit_code}.", ""]
    lines += ["## When it happens", "", said["when"], ""]
    if "shows" in said:
        lines += ["## What it looks like", "", "```console", said["shows"].strip(), "```", ""]
    lines += ["## What to do", "", said["do"], "", "## See also", ""]
    if below:
        lines.append(f"- More exact: {', '.join(link_to(each) for each in below)}")
    lines += [f"- {link}" for link in said["see"]]
    return "\n".join([*lines, "- [all error codes](../errors.md)", ""])


def link_to(kind: type[errors.WmlflError]) -> str:
    return f"[`{kind.__name__}`]({kind.code}.md)"


def first_line(kind: object) -> str:
    return (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")


def names() -> str:
    lines = [
        "# Names of the package",
        "",
        MARK,
        "",
        "What `from pulumi_wmlfl import …` gives. The package is typed; importing it loads nothing that is not used.",
        "",
        "| Name | What it is | More |",
        "|---|---|---|",
    ]
    for name in pulumi_wmlfl.__all__:
        found = getattr(pulumi_wmlfl, name)
        meaning = "The version of this package." if name == "__version__" else first_line(found)
        page = PAGES.get(name, "resources")
        more = "" if name == "__version__" else f"[{page}]({page}.md)"
        lines.append(f"| `{name}` | {meaning} | {more} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
