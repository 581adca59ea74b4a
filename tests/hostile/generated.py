"""Requests that nobody should send: paths, queries, headers, bodies, patches, uploads and handshakes."""

import base64
import copy
import itertools
import json
from urllib.parse import quote, quote_from_bytes

from pulumi_wmlfl.server.app import OPERATIONS
from tests.hostile import vocabulary as v
from tests.server.samples import made, made_training, model_body, party_body, project, training_body


class Generator:
    """Makes requests for a service from a source of randomness; knows real objects of its own."""

    def __init__(self, service, source):
        self.source, self.service = source, service
        self.http = service.http()
        self.token = self.http.session.headers["Authorization"]
        self.patches = [
            [{"op": op, "path": path, "value": value}]
            for op, path, value in itertools.product(
                ("add", "replace", "remove", "test", "move", ""),
                v.PATCH_PATHS,
                ("x", None, ["x"], {"a": 1}, 1),
            )
        ]
        self.paths = [(operation.method, operation.path) for operation in OPERATIONS] + v.MORE_PATHS
        self.renew()

    def renew(self):
        """Make the objects that requests name: what came before may have deleted them."""
        service, http = self.service, self.http
        model = model_body(service, description="d", tags=["a"], custom={"k": [1]})
        model_id = made(http, "models", model)["metadata"]["id"]
        query = project(service, content_format="native")
        sent = http("PUT", f"/ml/v4/models/{model_id}/content", params=query, data=b"content" * 500)
        self.party = made(http, "remote_training_systems", party_body(service))["metadata"]["id"]
        training_id = made_training(http, service)["metadata"]["id"]
        self.known = {
            "models": model_id,
            "remote_training_systems": self.party,
            "trainings": training_id,
            "content": sent.json()["attachment_id"],
            "projects": service.project_id,
        }
        learning = {"hardware_spec": {"name": "S"}}
        self.bodies = {
            "/ml/v4/models": model,
            "/ml/v4/remote_training_systems": party_body(
                service, organization={"name": "O"}, remote_admin={"id": "x", "type": "user"}
            ),
            "/ml/v4/trainings": training_body(service, self.party, model_id=model_id, learning=learning),
            "/icp4d-api/v1/authorize": {"username": "developer", "password": service.apikey},
            "revisions": {"project_id": service.project_id, "commit_message": "c"},
        }

    def request(self):
        """Return one request's bytes."""
        source = self.source
        method, template = source.choice(self.paths)
        if source.random() < 0.15:
            method = source.choice(v.METHODS)
        path = source.choice(v.RAW_PATHS) if source.random() < 0.06 else self._path(template)
        fields = [("Host", "localhost"), *self._authorization()]
        body = b""
        if source.random() < 0.06:
            fields += [field for field in v.HANDSHAKE if source.random() < 0.9]
            fields += [("rtsid", source.choice([self.party, *v.TEXTS]))]
            method = "GET" if source.random() < 0.9 else method
        elif method not in {"GET", "HEAD", "DELETE"} or source.random() < 0.05:
            body, kind = self._body(template)
            fields += [("Content-Type", kind)]
        if source.random() < 0.2:
            fields += source.choices(v.HEADERS, k=source.randint(1, 4))
        return self._bytes(method, path, fields, body)

    def _bytes(self, method, path, fields, body):
        names = [name.lower() for name, _ in fields]
        sent = body
        if "content-length" not in names and "transfer-encoding" not in names:
            if body and self.source.random() < 0.1:
                fields = [*fields, ("Transfer-Encoding", "chunked")]
                sent = self._chunks(body)
            elif body or self.source.random() < 0.5:
                fields = [*fields, ("Content-Length", str(len(body)))]
        head = "".join(f"{name}: {value}\r\n" for name, value in fields).encode("utf-8", "replace")
        return method.encode() + b" " + path + b" HTTP/1.1\r\n" + head + b"\r\n" + sent

    def _chunks(self, body):
        middle = len(body) // 2
        parts = [part for part in (body[:middle], body[middle:]) if part]
        sizes = [f"{len(part):x}".encode() for part in parts]
        if self.source.random() < 0.1:
            sizes[0] = self.source.choice(v.CHUNK_SIZES)
        chunks = [size + b"\r\n" + part + b"\r\n" for size, part in zip(sizes, parts, strict=True)]
        return b"".join(chunks) + b"0\r\n\r\n"

    def _path(self, template):
        source = self.source
        path = template
        for name in ("{id}", "{attachment_id}", "{path:path}"):
            if name in path:
                value = self._identifier(path, name)
                path = path.replace(name, quote(value, safe=source.choice(["", "/."])))
        query = [("project_id", self.service.project_id)] if source.random() < 0.85 else []
        for _ in range(source.choice([0, 0, 1, 1, 2, 6])):
            query.append((source.choice(v.QUERY_NAMES), source.choice(v.TEXTS)))
        text = "&".join(f"{quote(name)}={quote(value)}" for name, value in query)
        if source.random() < 0.05:
            text += "&limit=" + quote_from_bytes(source.randbytes(8))
        return (path + ("?" + text if text else "")).encode()

    def _identifier(self, path, name):
        """Return what takes the place of `name` in a path: mostly the right object."""
        chance = self.source.random()
        if chance < 0.2:
            return self.source.choice(v.TEXTS)
        kind = (
            "content" if name == "{attachment_id}" else path.split("/")[3 if path.startswith("/ml/") else 2]
        )
        if chance < 0.8 and kind in self.known:
            return self.known[kind]
        return self.source.choice(list(self.known.values()))

    def _authorization(self):
        source = self.source
        if source.random() < 0.75:
            return [("Authorization", self.token)]
        forged = json.dumps({"iam_id": self.service.user_id, "exp": 2**40}).encode()
        damaged = bytearray(self.token.split()[1].encode())
        damaged[source.randrange(len(damaged))] = source.choice(b"aA0._-")
        values = [
            _encoded(b'{"alg":"none"}') + "." + _encoded(forged) + ".",
            damaged.decode(),
            _encoded(source.randbytes(12)),
            _encoded(b"developer:wrong"),
            _encoded(b"\xff:\xff"),
            *v.TEXTS[:12],
        ]
        scheme = source.choice(["Bearer", "Basic", "ZenApiKey", "bearer", "", "Digest"])
        return source.choice([[], [("Authorization", f"{scheme} {source.choice(values)}")]])

    def _body(self, template):
        source = self.source
        if template.endswith("/content"):
            return source.randbytes(source.choice([0, 10, 3000])), "application/octet-stream"
        if "token" in template and source.random() < 0.5:
            names = source.choices(
                ["grant_type", "apikey", "username", "password", ""], k=source.randint(0, 6)
            )
            form = "&".join(f"{name}={quote(source.choice(v.TEXTS))}" for name in names)
            return form.encode(), "application/x-www-form-urlencoded"
        if source.random() < 0.05:
            head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="../../x"\r\n\r\n'
            end = source.choice([b"\r\n--B--\r\n", b"", b"\r\n--B\r\n" * 50])
            return head + source.randbytes(200) + end, "multipart/form-data; boundary=B"
        body = copy.deepcopy(self._good_body(template))
        for _ in range(source.choice([0, 0, 1, 1, 1, 2, 4])):
            body = self._changed(body)
        text = json.dumps(body).encode()
        return (self._damaged(text) if source.random() < 0.15 else text), "application/json"

    def _good_body(self, template):
        source = self.source
        if source.random() < 0.8:
            if template in self.bodies:
                return self.bodies[template]
            if template.endswith("{id}"):
                return source.choice(self.patches)
            if template.endswith("/revisions"):
                return self.bodies["revisions"]
        return source.choice([*self.bodies.values(), source.choice(self.patches)])

    def _changed(self, body):
        """Replace, take away, repeat or rename one place of a body."""
        source = self.source
        if not isinstance(body, dict | list) or not body or source.random() < 0.1:
            return copy.deepcopy(source.choice(v.VALUES))
        key = source.choice(list(body)) if isinstance(body, dict) else source.randrange(len(body))
        kind = source.randrange(5)
        if kind <= 1:
            body[key] = self._changed(body[key])
        elif kind == 2:
            del body[key]
        elif kind == 3 and isinstance(body, dict):
            body[source.choice(v.TEXTS)] = copy.deepcopy(body[key])
        else:
            body[key] = copy.deepcopy(source.choice(v.VALUES))
        return body

    def _damaged(self, text):
        source = self.source
        changed = bytearray(text or b" ")
        for _ in range(source.randint(1, 4)):
            place = source.randrange(len(changed))
            changed[place : place + source.randint(0, 3)] = source.choice(v.DAMAGE)
            changed = changed or bytearray(b" ")
        return bytes(changed)


def _encoded(data):
    return base64.urlsafe_b64encode(data).decode()
