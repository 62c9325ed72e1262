"""What the OpenAPI document says is so: its examples fit its schemas, and what is declared can happen."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from pydantic import BaseModel

from bff import examples, openapi
from bff.app import ENDPOINTS
from bff.errors import STATUS
from bff.http import Endpoint

DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi.render(ENDPOINTS)))
OPERATIONS = [
    pytest.param(operation, id=operation["operationId"])
    for operations in DOCUMENT["paths"].values()
    for operation in operations.values()
]
BODIES = [
    pytest.param(model, id=model.__name__)
    for model in dict.fromkeys(declared.body for declared in ENDPOINTS if declared.body is not None)
]


def faults(schema: Any, value: Any) -> list[str]:
    """What is wrong with a value of a schema of the document."""
    whole = {"components": DOCUMENT["components"], **schema}
    return [error.message for error in Draft202012Validator(whole, validate_formats=True).iter_errors(value)]


def examples_of(content: dict[str, Any]) -> Iterator[Any]:
    """Those of a media type, references followed."""
    if "example" in content:
        yield content["example"]
    for example in content.get("examples", {}).values():
        name = example["$ref"].rpartition("/")[2]
        yield DOCUMENT["components"]["examples"][name]["value"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_answer_has_an_example_that_fits_its_schema(operation: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        for media_type, content in answer.get("content", {}).items():
            shown = list(examples_of(content))
            # What has a form of its own is described, not shown.
            is_free = content["schema"] in ({"type": "string"}, {"type": "object"})
            assert shown or is_free, f"{status} {media_type}"
            for example in shown:
                assert faults(content["schema"], example) == [], f"{status} {media_type}"


@pytest.mark.parametrize("model", BODIES)
def test_each_body_has_an_example_that_its_model_takes(model: type[BaseModel]) -> None:
    example = examples.REQUESTS[model.__name__]
    model.model_validate(example)
    assert faults(model.model_json_schema(), example) == []


def test_there_is_no_example_of_what_there_is_not() -> None:
    assert set(examples.REQUESTS) == {declared.body.__name__ for declared in ENDPOINTS if declared.body}
    assert set(examples.ERRORS) == set(STATUS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_parameter_is_described_or_speaks_for_itself(operation: dict[str, Any]) -> None:
    for parameter in operation["parameters"]:
        schema = parameter["schema"]
        assert {"type", "$ref", "enum", "anyOf"} & set(schema), parameter["name"]
        if parameter["in"] != "query":
            assert parameter["description"], parameter["name"]
        if parameter["in"] != "query" or parameter["required"]:
            assert faults(schema, parameter["example"]) == []
        # A query cannot say null.
        assert {"type": "null"} not in schema.get("anyOf", ())
        assert schema.get("default", ...) is not None


@pytest.mark.parametrize("declared", [pytest.param(each, id=each.handler.__name__) for each in ENDPOINTS])
def test_each_answer_of_an_error_is_declared_with_its_headers(declared: Endpoint) -> None:
    responses = DOCUMENT["paths"][declared.path][declared.method.lower()]["responses"]
    for code in openapi.errors_of(declared):
        answer = responses[str(STATUS[code])]
        if STATUS[code] in declared.other_statuses:
            continue
        assert code in answer["description"].split(", ")
        assert set(answer["content"]) == {"application/json", "application/problem+json"}
        assert answer["headers"]["X-Request-ID"]["required"]
        assert ("Retry-After" in answer["headers"]) == (STATUS[code] in (429, 502, 503, 504))
        assert ("WWW-Authenticate" in answer["headers"]) == (STATUS[code] == 401)
