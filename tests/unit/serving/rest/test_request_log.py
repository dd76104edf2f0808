import logging

import pytest


def test_the_log_has_ids_and_routes_and_nothing_that_was_sent(client, picture, caplog):
    with caplog.at_level(logging.INFO, logger="medweave.serving"):
        response = client.post(
            "/models/xray/predictions?strict=true&name=Jane",
            files={"image": ("Jane_Doe.png", picture)},
            data={"patient": "Jane Doe"},
        )
        client.get("/patients/Jane")
    text = caplog.text
    assert f"request={response.headers['x-request-id']} method=POST route=/models/{{name}}/predictions" in text
    assert f"prediction={response.json()['id']}" in text
    assert "route=none status=404" in text
    assert "Jane" not in text


def test_answers_are_kept_by_nobody_on_the_way(client):
    headers = client.get("/models").headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "", "[", "10.0.0.1"])
def test_without_a_key_only_requests_to_this_machine_are_answered(client, host):
    response = client.get("/models", headers={"Host": host})
    assert (response.status_code, response.json()["type"]) == (421, "urn:medweave:problem:wrong-host")


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "[::1]"])
def test_every_name_of_this_machine_is_answered(client, host):
    assert client.get("/models", headers={"Host": host}).status_code == 200


def test_a_defect_is_logged_and_answered_without_a_traceback(client, monkeypatch, caplog):
    monkeypatch.setattr(client.app.state.service.metrics, "text", lambda: 1 / 0)
    response = client.get("/metrics")
    assert (response.status_code, response.json()["type"]) == (500, "urn:medweave:problem:internal-error")
    assert "division" not in response.text
    assert f"request={response.headers['x-request-id']} failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
