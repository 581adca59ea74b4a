"""Makes a kit per party from a stack's outputs: one folder with everything but the party's key and its data.

No key of the administrator is in it: what goes in is addresses, ids and a public certificate. Imports
`errors`.
"""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import ConfigurationError
from .kit_files import kit_files
from .settings import platform_of

__all__ = ["HANDLER_FILE", "KitRequest", "PartyVariables", "find_party_variables", "make_kits"]

HANDLER_FILE = "data_handler.py"
_UNSAFE = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class PartyVariables:
    """What a training tells its parties; `parties` maps their names to their remote training systems."""

    host: str
    training_id: str
    scope: Mapping[str, str]
    parties: Mapping[str, str]

    @classmethod
    def of(cls, found: Mapping[str, Any], where: str) -> PartyVariables:
        """Read the output `party_variables` of a training.

        Raises:
            ConfigurationError: something is missing, or not known yet.
        """
        scope = {key: str(found[key]) for key in ("project_id", "space_id") if found.get(key)}
        parties = found.get("remote_training_systems")
        missing = [key for key in ("host", "training_id") if not isinstance(found.get(key), str)]
        if not isinstance(parties, Mapping) or not parties:
            missing.append("remote_training_systems")
        if len(scope) != 1:
            missing.append("project_id or space_id")
        if missing:
            raise ConfigurationError(
                f"{where} lacks {', '.join(missing)}.",
                hint="It is the output `party_variables` of a Training.",
            )
        named = {str(name): str(rts_id) for name, rts_id in dict(parties or {}).items()}
        return cls(str(found["host"]).rstrip("/"), str(found["training_id"]), scope, named)


@dataclass(frozen=True, slots=True, kw_only=True)
class KitRequest:
    """How the kits are to be.

    `only` names the parties (empty: all); `ibm` adds what IBM's party library needs; `update` renews
    existing folders.
    """

    out: Path
    only: Sequence[str] = ()
    platform: str | None = None
    ca_file: Path | None = None
    model: Mapping[str, Any] | None = None
    data_handler: Path | None = None
    ibm: bool = False
    zipped: bool = False
    update: bool = False


def find_party_variables(outputs: object, key: str = "") -> PartyVariables:
    """Find a training's `party_variables` among a stack's outputs (`pulumi stack output --json`).

    Raises:
        ConfigurationError: there are none, or several and `key` does not say which.
    """
    if not isinstance(outputs, Mapping):
        raise ConfigurationError("The outputs are no JSON object.", hint="Give `pulumi stack output --json`.")
    if key:
        if not isinstance(outputs.get(key), Mapping):
            raise ConfigurationError(f"The stack has no output {key} with a training's variables.")
        return PartyVariables.of(_of_training(outputs[key]), f"The output {key}")
    if "remote_training_systems" in _of_training(outputs):
        return PartyVariables.of(_of_training(outputs), "The input")
    found = {
        name: _of_training(value)
        for name, value in outputs.items()
        if isinstance(value, Mapping) and "remote_training_systems" in _of_training(value)
    }
    if not found:
        raise ConfigurationError(
            "The stack's outputs have no training's variables.",
            hint="Add to the program: pulumi.export('party_variables', training.party_variables)",
        )
    if len(found) > 1:
        raise ConfigurationError(
            f"The stack has several: {', '.join(sorted(found))}.", hint="Say which with --key."
        )
    name, value = next(iter(found.items()))
    return PartyVariables.of(value, f"The output {name}")


def _of_training(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a training's variables, also from those of an experiment, which has an entry for each party."""
    entries = list(found.values())
    if not entries or not all(isinstance(entry, Mapping) and "rts_id" in entry for entry in entries):
        return found
    systems = {name: entry["rts_id"] for name, entry in found.items()}
    return {**entries[0], "remote_training_systems": systems}


def make_kits(variables: PartyVariables, request: KitRequest) -> dict[str, Path]:
    """Write one kit per party; returns the folder or zip of each by the party's name.

    Nothing is written before everything was checked. With `update` what exists is renewed, but a data
    handler that is there stays.

    Raises:
        ConfigurationError: a party is unknown, a folder exists, or the authority is missing.
    """
    unknown = sorted(set(request.only) - set(variables.parties))
    if unknown:
        raise ConfigurationError(
            f"The training names no party {unknown[0]}.",
            hint=f"It names {', '.join(sorted(variables.parties))}.",
        )
    names = list(request.only or variables.parties)
    folders = _folders(names, request)
    platform = request.platform or platform_of(variables.host)
    if platform == "local" and request.ca_file is None:
        raise ConfigurationError(
            "The kits need the authority of the local service.", hint="Name its ca.pem with --ca-file."
        )
    authority = _readable(request.ca_file, "--ca-file") if request.ca_file else b""
    handler = _readable(request.data_handler, "--data-handler") if request.data_handler else b""
    made: dict[str, Path] = {}
    for name in names:
        files = kit_files(
            name=name,
            config=_config(variables, name, platform, request, with_ca=bool(authority)),
            platform=platform,
            host=variables.host,
            version=__version__,
            described=bool(request.model),
            ibm=request.ibm,
        )
        content = {path: text.encode() for path, text in files.items()}
        if authority:
            content["ca.pem"] = authority
        if handler:
            content[HANDLER_FILE] = handler
        made[name] = _write(folders[name], content, request)
    return made


def _config(
    variables: PartyVariables, name: str, platform: str, request: KitRequest, *, with_ca: bool
) -> dict[str, Any]:
    """Return the party's configuration: IBM's keys and ours."""
    host = variables.host.removeprefix("https://")
    return {
        "wml": {
            "url": variables.host,
            "platform": platform,
            **({"ca_file": "ca.pem"} if with_ca else {}),
            **variables.scope,
            "training_id": variables.training_id,
            "party": name,
        },
        "aggregator": {"ip": f"{host}/ml/v4/trainings/{variables.training_id}/aggregator"},
        "connection": {"info": {"id": variables.parties[name]}},
        "data": {"path": HANDLER_FILE, "info": {"party": name}},
        "protocol_handler": {
            "name": "PartyProtocolHandler",
            "path": "ibmfl.party.party_protocol_handler",
        },
        **({"model": dict(request.model)} if request.model else {}),
    }


def _folders(names: Sequence[str], request: KitRequest) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for name in names:
        safe = _UNSAFE.sub("-", name.lower()).strip("-.") or "party"
        taken = {path.name for path in folders.values()}
        number = 2
        unique = safe
        while unique in taken:
            unique, number = f"{safe}-{number}", number + 1
        folders[name] = request.out / unique
    if not request.update:
        targets = [_zip_of(path) if request.zipped else path for path in folders.values()]
        for target in targets:
            if target.exists():
                raise ConfigurationError(
                    f"{target} exists.",
                    hint="Take another --out, or renew it with --update: its data handler stays.",
                )
    return folders


def _write(folder: Path, content: Mapping[str, bytes], request: KitRequest) -> Path:
    if request.zipped:
        return _write_zip(_zip_of(folder), folder.name, content)
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in content.items():
        file = folder / path
        if path == HANDLER_FILE and file.exists():
            continue
        file.write_bytes(data)
        if path.endswith(".sh"):
            file.chmod(0o755)
    return folder


def _write_zip(target: Path, name: str, content: Mapping[str, bytes]) -> Path:
    """Write the zip beside its place first, so that a broken one is never there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, data in sorted(content.items()):
                entry = zipfile.ZipInfo(f"{name}/{path}", (1980, 1, 1, 0, 0, 0))
                entry.external_attr = (0o755 if path.endswith(".sh") else 0o644) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, data)
        shutil.move(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def _zip_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.zip")


def _readable(file: Path, option: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{option}: {file} cannot be read ({error.strerror}).") from None
