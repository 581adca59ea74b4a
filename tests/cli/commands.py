"""Runs commands in this process against a real service; the environment is the test's own."""

import json
import os
from unittest import mock

from click.testing import CliRunner

from pulumi_wmlfl.cli.main import cli


class Commands:
    """Commands for the environment of a service."""

    def __init__(self, service, folder):
        self.service = service
        self.folder = folder
        own = {key: value for key, value in os.environ.items() if not key.startswith(("WMLFL_", "PULUMI_"))}
        self.environment = {
            **own,
            "WMLFL_PLATFORM": "local",
            "WMLFL_READY_FILE": str(service.ready_file),
            "WMLFL_RETRIES": "0",
        }

    def __call__(self, *arguments, code=0, text=None, **variables):
        """Run a command outside of any project; return what it printed, errors too."""
        done = self.run(*arguments, code=code, text=text, **variables)
        return done.output

    def run(self, *arguments, code=0, text=None, **variables):
        with mock.patch.dict(os.environ, {**self.environment, **variables}, clear=True):
            before = os.getcwd()  # noqa: PTH109
            os.chdir(self.folder)
            try:
                done = CliRunner().invoke(cli, [str(argument) for argument in arguments], input=text)
            finally:
                os.chdir(before)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        assert done.exit_code == code, done.output
        return done

    def json(self, *arguments, kind, code=0, **variables):
        """Run a command with --json; return the envelope's data."""
        answer = json.loads(self.run(*arguments, "--json", code=code, **variables).stdout)
        assert answer.keys() == {"version", "kind", "data"}
        assert (answer["version"], answer["kind"]) == (1, kind)
        return answer["data"]
