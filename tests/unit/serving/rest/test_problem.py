from http import HTTPStatus

from medweave.serving.rest.problem import MEDIA_TYPE, Problem, internal_problem


def test_a_document_has_the_members_of_rfc_9457():
    response = Problem(HTTPStatus.NOT_FOUND, "unknown-model", "No such model.", headers={"X": "1"}).response("abc")
    assert (response.status_code, response.media_type, response.headers["x"]) == (404, MEDIA_TYPE, "1")
    assert Problem(HTTPStatus.NOT_FOUND, "unknown-model", "No such model.").document("abc").model_dump() == {
        "type": "urn:medweave:problem:unknown-model",
        "title": "Unknown model",
        "status": 404,
        "detail": "No such model.",
        "instance": "urn:uuid:abc",
    }


def test_the_framework_answers_with_problems_too(client):
    for response, status in (
        (client.get("/nothing"), 404),
        (client.put("/health"), 405),
        (client.post("/models/xray/predictions?strict=patient-7"), 422),
    ):
        found = response.json()
        assert response.headers["content-type"] == MEDIA_TYPE
        assert (response.status_code, found["status"]) == (status, status)
        assert found["instance"] == f"urn:uuid:{response.headers['x-request-id']}"
        assert "patient-7" not in response.text


def test_a_defect_says_where_to_look_and_nothing_else():
    document = internal_problem().document("abc")
    assert (document.status, document.instance) == (500, "urn:uuid:abc")
