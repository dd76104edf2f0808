from http import HTTPStatus

import pytest

from medweave.serving.rest.openapi import DONE_RESPONSE, problems
from medweave.serving.rest.status import PredictionStatus


@pytest.mark.parametrize("name", ["done", "queued"])
def test_examples_are_what_the_service_answers(name):
    example = DONE_RESPONSE["content"]["application/json"]["examples"][name]["value"]
    assert PredictionStatus.model_validate(example).status == name


def test_every_address_is_described_with_its_refusals(client):
    document = client.get("/openapi.json").json()
    assert sorted(document["paths"]) == [
        "/health",
        "/metrics",
        "/models",
        "/models/{name}",
        "/models/{name}/predictions",
        "/predictions/{prediction_id}",
        "/predictions/{prediction_id}/mask",
        "/predictions/{prediction_id}/overlay",
        "/ready",
    ]
    predict = document["paths"]["/models/{name}/predictions"]["post"]
    assert list(predict["requestBody"]["content"]) == ["multipart/form-data"]
    assert {"200", "202", "400", "401", "404", "408", "413", "415", "422", "503"} == set(predict["responses"])
    assert "HTTPValidationError" not in document.get("components", {}).get("schemas", {})
    assert "not a medical device" in document["info"]["description"]


def test_a_refusal_is_described_by_its_document():
    (described,) = problems(HTTPStatus.NOT_FOUND).values()
    schema = described["content"]["application/problem+json"]["schema"]
    assert set(schema["required"]) == {"type", "title", "status", "detail", "instance"}
