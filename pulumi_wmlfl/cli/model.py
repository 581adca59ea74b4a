"""`wmlfl model`: the models of a project or space, and trained weights turned into a framework's model."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigurationError
from .groups import Group
from .model_objects import COMMANDS as OBJECT_COMMANDS

if TYPE_CHECKING:
    from .trained import Trained

__all__ = ["model"]

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FRAMEWORKS = {"sklearn": "scikit-learn", "keras": "tensorflow", "pytorch": "pytorch"}


@click.group(cls=Group)
def model() -> None:
    """List, look at and download models, and turn trained weights into a framework's model."""


for _command in OBJECT_COMMANDS:
    model.add_command(_command)


@model.command()
@click.option("--training", "training_id", metavar="ID", help="A completed training of the project or space.")
@click.option("--model", "model_id", metavar="ID", help="A WML model that was stored from a training.")
@click.option("--trained", type=_FILE, help="The model.zip of a training's results.")
@click.option("--package", type=_FILE, help="An untrained model; with --weights.")
@click.option("--weights", type=_FILE, help="Trained weights, safetensors or npz; with --package.")
@click.option(
    "--framework", type=click.Choice(list(_FRAMEWORKS)), help="[default: what the training's model says]"
)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The model to write.")
@click.option("--force", is_flag=True, help="Write over an output that is there.")
@click.option("--python", metavar="PATH", help="An interpreter that has the framework.  [default: this one]")
@click.option("--classes", metavar="JSON", help='Labels of a scikit-learn classifier, such as ["no", "yes"].')
@click.option("--state-dict", is_flag=True, help="Of a PyTorch module write the state only.")
@click.option(
    "--run-package-code", is_flag=True, help="Do not ask: run the code in the package to load the model."
)
def materialize(
    *,
    training_id: str | None,
    model_id: str | None,
    trained: Path | None,
    package: Path | None,
    weights: Path | None,
    framework: str | None,
    output: Path,
    force: bool,
    python: str | None,
    classes: str | None,
    state_dict: bool,
    run_package_code: bool,
) -> None:
    """Put trained weights into the original, untrained model.

    The service stores weights that cannot execute, beside the original package: a pickle, or code. To make a
    model of both the package is loaded, which RUNS ITS CODE on this machine, with your rights. It runs in a
    process of its own without your keys in its environment, which is no protection against a package that
    means harm. So do it only with a package whose author you trust.

    Boosted trees (xgb_classifier, xgb_regressor) have no package; no code is run for them, and nothing asked.

    scikit-learn models are written with joblib; Keras models as a SavedModel folder, or as the name of the
    output says: .zip, .h5, .keras; PyTorch modules whole.
    """
    from .materialize import materialize as make

    if bool(package) != bool(weights):
        raise click.UsageError("--package and --weights belong together.")
    if sum(map(bool, (training_id, model_id, trained, package))) != 1:
        raise click.UsageError("Give one of --training, --model, --trained, or --package with --weights.")
    if output.exists() and not force:
        raise ConfigurationError(f"{output} is there already.", hint="Choose another --output, or --force.")
    labels = _labels(classes)
    with tempfile.TemporaryDirectory(prefix="wmlfl-") as scratch:
        found = _find(training_id, model_id, trained, package, weights, Path(scratch))
        chosen = _FRAMEWORKS[framework] if framework and found.package else found.framework
        if chosen is None:
            raise click.UsageError("The framework is not known here. Give --framework.")
        if found.package is not None:
            _ask(found.package, confirmed=run_package_code)
        made = make(
            found, framework=chosen, output=output, python=python, classes=labels, state_dict=state_dict
        )
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{output}: {made.description}, {made.count} trained {made.unit}.")


def _find(
    training_id: str | None,
    model_id: str | None,
    trained: Path | None,
    package: Path | None,
    weights: Path | None,
    folder: Path,
) -> Trained:
    from .trained import from_bundle, from_files, from_wml

    if package and weights:
        return from_files(package, weights)
    if trained:
        return from_bundle(trained, folder)
    return from_wml(training_id=training_id or "", model_id=model_id or "", folder=folder)


def _labels(classes: str | None) -> list[Any] | None:
    if classes is None:
        return None
    try:
        labels = json.loads(classes)
    except ValueError:
        labels = None
    if not isinstance(labels, list) or not labels or {type(label) for label in labels} - {int, str, float}:
        raise click.UsageError('--classes is a JSON list of labels, such as [0, 1] or ["no", "yes"].')
    return labels


def _ask(package: Path, *, confirmed: bool) -> None:
    """Say what is going to happen; go on only on an explicit word."""
    with package.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    click.echo(f"Loading the model package RUNS ITS CODE with your rights. Its SHA-256: {digest}", err=True)
    if confirmed:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "Nobody can be asked whether the package's code may run.", hint="Allow it: --run-package-code."
        )
    click.confirm("Do you trust its author, and shall its code run", abort=True, err=True)
