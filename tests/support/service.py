"""The product's own test service (`pulumi_wmlfl.testing`), and plain requests to it."""

from contextlib import contextmanager

import requests

from pulumi_wmlfl.testing.control import Control
from pulumi_wmlfl.testing.service import LocalService, spawn, wait_until
from pulumi_wmlfl.testing.service import start_service as _start_service
from tests.support.secrets import SECRETS

__all__ = ["Control", "Http", "Service", "spawn", "start_service", "wait_until"]

GRANT = "urn:ibm:params:oauth:grant-type:apikey"


class Http:
    """Plain requests to a service, its authority verified; every answer is returned, whatever its status."""

    def __init__(self, url, ca_file, token):
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = ca_file
        self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method, path, **options):
        options.setdefault("timeout", 30)
        return self.session.request(method, self.url + path, **options)


class Service(LocalService):
    """A running service, with plain requests to it; its secrets must not be left anywhere."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        SECRETS.use(self.apikey, "a service's key")
        SECRETS.use(self.ready["control_token"], "a service's control token")
        make = self.control.new_user

        def new_user(username):
            made = make(username)
            SECRETS.use(made["apikey"], "a user's key")
            return made

        self.control.new_user = new_user

    def http(self, apikey=None):
        """Return plain requests, signed in with a key (the development user's)."""
        form = {"grant_type": GRANT, "apikey": apikey or self.apikey}
        answer = Http(self.url, self.ca_file, "none")("POST", "/identity/token", data=form)
        assert answer.ok, answer.text
        return Http(self.url, self.ca_file, answer.json()["access_token"])

    def ask_control(self, method, path, **options):
        """Ask the control side; the answer is returned, whatever its status."""
        http = Http(f"{self.url}/control/v1", self.ca_file, self.ready["control_token"])
        return http(method, path, **options)


@contextmanager
def start_service(data_dir, *options, **named):
    """Run a service until the block ends; its log must not have any secret."""
    with _start_service(data_dir, *options, kind=Service, **named) as running:
        try:
            yield running
        finally:
            SECRETS.search(running.log(), "the log of a service")
