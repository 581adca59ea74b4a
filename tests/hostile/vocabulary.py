"""What the generated requests are put together from: texts, values, paths, methods and headers that hurt."""

import base64

TEXTS = [
    *("", " ", "0", "-1", "null", "true", "NaN", "1e999", "9" * 400, "\u202e", "\U0001f600", "é" * 300),
    *("<b>", "' OR 1=1 --", "{{7*7}}", "%s%n", "${jndi:x}", "a\x00b", "\r\nX-Injected: 1", "x" * 5000),
    *("../../etc/passwd", "..", ".", "/", "//", "\\..\\..", "....//", "/etc/passwd", "~root", "con"),
    *("latest", "2020-08-01", "0000-00-00", "9999-99-99", "completed", " or ", " and ", "a or b and c"),
]
VALUES = [
    *(None, True, False, 0, -1, 1.5, 2**63, -(2**70), 1e308, [], {}, [[]], [None], {"": None}),
    *([["a"]], [{}], ["a"] * 1000, {str(number): number for number in range(300)}, {"id": {"id": "x"}}),
    *({"value": "x"}, [{"value": ["x"]}], [{"value": {"value": 1}}], {"a": {"b": []}}, *TEXTS),
]
QUERY_NAMES = [
    *("limit", "start", "tag.value", "search", "state", "type", "version", "rev", "space_id", "project_id"),
    *("hard_delete", "content_format", "name", "apikey", "username", "software_spec", "path", "\xff"),
]
RAW_PATHS = [
    *(b"/%2e%2e/%2e%2e/etc/passwd", b"/v2/asset_files/..%2f..%2fservice.sqlite", b"/v2/asset_files/%00"),
    *(b"/v2/asset_files/....//....//ready.json", b"/v2/asset_files//etc/passwd"),
    *(b"/v2/asset_files/%2fetc%2fpasswd", b"/dashboard/..%2fapp.py", b"/dashboard/%2e%2e/app.py"),
    *(b"/dashboard/%00", b"/dashboard/api/trainings/x", b"/control/v1/reset", b"/control/v1/health"),
    *(b"/control/v1/requests?path=(", b"/control/", b"/control//v1", b"*", b"/", b"//", b"///", b"/%"),
    *(b"http://other/ml/v4/models", b"/ml/v4/models;a=b", b"/ml/v4/models%3f", b"/openapi.json/"),
    *(b"/ml/v4/models/%ff%fe", b"/ml/v4/models/\xff", b"/ml/v4/models?%ff=%00", b"/ml/v4/models#x"),
    *(b"/v2/asset_files/" + (b"a" * 250 + b"/") * 30, b"/v2/asset_files/" + b"%c3%a9" * 200),
    *(b"/" + b"a" * 9000, b"/ml/v4/models?" + b"a=b&" * 3000, b"/ml/v4/models?project_id=" + b"%25" * 500),
]
METHODS = [
    *("GET", "POST", "PUT", "PATCH", "DELETE") * 6,
    *("HEAD", "OPTIONS", "TRACE", "CONNECT", "FOO", "get", "A" * 50),
]
_FIELDS = {
    "Content-Type": ["text/html", "multipart/form-data", "multipart/form-data; boundary=", "a/b;" * 50],
    "Accept": ["*/*", "text/html", "\xff", "a" * 3000],
    "Range": ["bytes=0-", "bytes=-1", "bytes=5-2", "bytes=0-1,3-4", "bytes=" + "0-0," * 500, "x"],
    "Content-Encoding": ["gzip", "br", "deflate, gzip", "zip"],
    "Content-Length": ["-1", "1e3", "0x10", " ", "9" * 30],
    "Transfer-Encoding": ["chunked, gzip", "identity", "xchunked"],
    "If-None-Match": ["*"],
    "If-Modified-Since": ["nonsense"],
    "If-Range": ["x"],
    "Expect": ["100-continue"],
    "X-Forwarded-For": ["127.0.0.1"],
    "Forwarded": ["for=[::1]"],
    "Host": ["", "a:b:c"],
    "Origin": ["null"],
    "Cookie": ["session=" + "a" * 3000, "=;=;"],
    "X-A": ["\x01", "a" * 30000],
    "Connection": ["close", "Upgrade"],
    "Upgrade": ["h2c", "websocket"],
}
HEADERS = [(name, value) for name, values in _FIELDS.items() for value in values]
HANDSHAKE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", base64.b64encode(bytes(16)).decode()),
]
DAMAGE = [
    *(b"", b"\x00", b"\xff", b"\\ud800", b'"', b"[" * 200, b"{" * 5, b"1e400", b"\xed\xa0\x80", b"NaN"),
]
CHUNK_SIZES = [b"-1", b"fffffffffffffffff", b"g", b"0x5", b"5;" + b"e" * 20000]
# Beside what the description names.
MORE_PATHS = [
    *(("POST", f"/control/v1/{name}") for name in ("scopes", "users", "members", "faults", "reset")),
    *(("GET", f"/control/v1/{name}") for name in ("requests", "faults", "settings", "health")),
    *(("PATCH", "/control/v1/settings"), ("GET", "/dashboard"), ("GET", "/dashboard/{id}")),
    *(
        ("POST", "/dashboard/api/session"),
        ("DELETE", "/dashboard/api/session"),
        ("GET", "/dashboard/api/{id}"),
    ),
    *(("GET", "/ml/v4/trainings/{id}/aggregator:443"), ("GET", "/ml/v4/trainings/{id}")),
]
PATCH_PATHS = ["/name", "/tags", "/custom", "/description", "/organization", "/metadata/id", "", "/a/b", "//"]
