def test_a_living_service_is_healthy_and_ready(client):
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}


def test_a_service_that_takes_no_predictions_lives_and_is_not_ready(client):
    client.app.state.service.worker.close()
    assert client.get("/health").status_code == 200
    response = client.get("/ready")
    assert (response.status_code, response.json()["type"]) == (503, "urn:medweave:problem:not-ready")
