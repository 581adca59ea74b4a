"""`wmlfl party`: run a light party, make kits for parties, check one."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from .environment import reporting
from .groups import Group
from .report import counted, emit

__all__ = ["party"]

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=Group)
def party() -> None:
    """Take part in a training, or prepare parties for it."""


def _settings_options(function: F) -> F:
    """Add the options that stand for keys of the configuration file."""
    for option in (
        click.option("--ca-file", type=_FILE, help="Authority to trust, for a private one."),
        click.option("--space-id", help="Space of the training."),
        click.option("--project-id", help="Project of the training."),
        click.option("--rts-id", help="The party's remote training system."),
        click.option("--training-id", help="The training."),
        click.option(
            "--platform", type=click.Choice(["cloud", "cpd", "local"]), help="[default: follows from --url]"
        ),
        click.option("--url", help="Address of WML, such as https://cpd.example.com."),
        click.option(
            "--data-handler", metavar="FILE.py[:CLASS]", help="The class that gives the party's data."
        ),
    ):
        function = option(function)
    return function


@party.command()
@click.argument("source", required=False, type=click.Path(path_type=Path))
@_settings_options
@click.option(
    "--model",
    metavar="MODEL",
    help="An estimator of scikit-learn, FILE.py[:CLASS], or a JSON or YAML description.",
)
@click.option(
    "--trust-model",
    is_flag=True,
    help="Load the aggregator's model, a pickle: this runs any code that it holds.",
)
@click.option(
    "--reconnect-seconds",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    help="How long to seek a lost aggregator.",
)
@click.option("--json", "-j", "as_json", is_flag=True, help="Print one line of JSON for each event.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@reporting
def run(*, source: Path | None, model: str | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Take part in a training until it ends.

    SOURCE is a kit's folder, or a configuration file with the keys of IBM's party; without it, party.yml in
    this folder. Options win over it.
    The key comes from the environment: WMLFL_APIKEY, with WMLFL_USERNAME on Cloud Pak for Data; or
    WMLFL_TOKEN.

    Exit codes: 0 the training completed; 3 configuration; 5 no connection; 6 WML refused a request;
    7 the key; 9 the training has ended otherwise; 12 protocol; 13 not admitted; 14 data handler or model;
    130 Ctrl-C.
    """
    from ..party import run_party
    from ..party.models import read_model_option
    from .party_progress import show_for_people, show_for_programs

    # What it has to say about lost connections is said as an event.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if model is not None:
        options["model"] = read_model_option(model)
    from ..party.settings import read_settings

    settings = read_settings(source, overrides=options)
    show = show_for_programs if as_json else show_for_people()
    try:
        result = run_party(settings, on_event=None if quiet else show)
    except KeyboardInterrupt:
        click.echo(f"{settings.display_name} left the training.", err=True)
        sys.exit(130)
    if quiet:
        return
    if as_json:
        emit("party-result", asdict(result), compact=True)
    else:
        rounds = counted(len(result.rounds), "round")
        click.echo(f"{result.party}: the training is {result.state} after {rounds}.")


@party.command()
@click.option(
    "--outputs",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="JSON of `pulumi stack output --json`; - reads standard input.",
)
@click.option("--stack", "-s", help="Stack to read the outputs of.  [default: the selected one]")
@click.option(
    "--cwd",
    "-C",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the program.",
)
@click.option("--key", default="", help="The output, where a stack has several trainings.")
@click.option("--party", "only", multiple=True, help="Only this party (repeatable).  [default: all]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("kits"),
    show_default=True,
    help="Folder to write the kits into.",
)
@click.option("--zip", "zipped", is_flag=True, help="Write a zip per party instead of a folder.")
@click.option("--update", is_flag=True, help="Renew existing kits; their data handlers stay.")
@click.option(
    "--platform", type=click.Choice(["cloud", "cpd", "local"]), help="[default: follows from the address]"
)
@click.option(
    "--ca-file", type=_FILE, help="Authority for the parties to trust.  [default: the local service's]"
)
@click.option("--model", metavar="MODEL", help="Describe the model for the parties; as for `run`.")
@click.option("--data-handler", type=_FILE, help="Put this data handler in, instead of one to fill in.")
@click.option("--ibm", is_flag=True, help="Add what is needed to take part with IBM's party library.")
@click.option("--json", "-j", "as_json", is_flag=True, help="Print one JSON document.")
@reporting
def kit(
    *,
    outputs: Path | None,
    stack: str | None,
    cwd: Path | None,
    key: str,
    ca_file: Path | None,
    model: str | None,
    as_json: bool,
    **request: Any,
) -> None:
    """Write a kit per party from a stack's outputs.

    A kit has the party's configuration, the authority to trust, requirements, a data handler to fill in, a
    script and a README. It holds no key: each party brings its own.
    """
    from ..party.kit import KitRequest, find_party_variables, make_kits
    from ..party.models import read_model_option
    from .stack_outputs import local_authority, read_outputs

    variables = find_party_variables(read_outputs(outputs, stack=stack, folder=cwd), key)
    described = read_model_option(model) if model else None
    if described and "path" in described:
        raise click.UsageError("--model: a class of your own is not part of a kit; describe an estimator.")
    authority = ca_file or local_authority(variables.host)
    made = make_kits(variables, KitRequest(ca_file=authority, model=described, **request))
    if as_json:
        emit("party-kits", [{"party": name, "path": str(path)} for name, path in made.items()])
        return
    for name, path in made.items():
        click.echo(f"{name}: {path}")


_MARKS = {"ok": "ok", "problem": "PROBLEM", "skipped": "skipped"}


@party.command()
@click.argument("source", required=False, type=click.Path(path_type=Path))
@_settings_options
@click.option("--model", metavar="MODEL", help="As for `run`.")
@click.option("--json", "-j", "as_json", is_flag=True, help="Print one JSON document.")
@reporting
def doctor(*, source: Path | None, model: str | None, as_json: bool, **options: Any) -> None:
    """Check on this machine whether the party can take part; say what to do where it cannot.

    SOURCE is a kit's folder or a configuration file. Nothing is changed anywhere. Exit code 1: a problem.
    """
    from ..party.doctor import Finding, examine
    from ..party.models import read_model_option

    def show(finding: Finding) -> None:
        click.echo(f"{_MARKS[finding.status]:8} {finding.check}: {finding.detail}")
        if finding.remedy:
            click.echo(f"         -> {finding.remedy}")

    if model is not None:
        options["model"] = read_model_option(model)
    findings = examine(source, overrides=options, on_finding=(lambda _: None) if as_json else show)
    problems = sum(finding.status == "problem" for finding in findings)
    if as_json:
        emit("party-doctor", {"problems": problems, "findings": [asdict(finding) for finding in findings]})
    else:
        click.echo("This party can take part." if not problems else f"Problems: {problems}.")
    sys.exit(1 if problems else 0)
