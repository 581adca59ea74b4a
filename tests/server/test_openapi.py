"""The OpenAPI description is of what is served, no more and no less."""

from starlette.routing import Route

from pulumi_wmlfl.server.app import OPERATIONS


def test_every_operation_is_described(http):
    document = http("GET", "/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    served = {(operation.method, operation.path.replace(":path}", "}")) for operation in OPERATIONS}
    assert described == served
    for path, item in document["paths"].items():
        named = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        for operation in item.values():
            assert {entry["name"] for entry in operation["parameters"] if entry["in"] == "path"} == named
    identifiers = [item["operationId"] for methods in document["paths"].values() for item in methods.values()]
    assert len(set(identifiers)) == len(identifiers)
    assert all(isinstance(operation.route(), Route) for operation in OPERATIONS)


def test_its_references_lead_somewhere_and_name_what_wml_requires(http):
    document = http("GET", "/openapi.json").json()
    schemas = document["components"]["schemas"]

    def references(value):
        if isinstance(value, dict):
            for key, item in value.items():
                if key == "$ref":
                    yield item
                else:
                    yield from references(item)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    found = set(references(document))
    assert found
    assert {name.removeprefix("#/components/schemas/") for name in found} <= set(schemas)
    assert set(schemas["RemoteTrainingSystemRequest"]["required"]) == {"name", "allowed_identities"}
    assert schemas["TrainingRequest"]["required"] == ["results_reference"]
    assert set(schemas["ModelRequest"]["required"]) == {"name", "type", "software_spec"}
