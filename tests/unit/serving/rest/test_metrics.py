from medweave.serving.rest.metrics import Metrics


def lines(client):
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return dict(line.rsplit(" ", 1) for line in response.text.splitlines() if not line.startswith("#"))


def test_requests_and_predictions_are_counted_by_route_and_model(client, picture):
    client.post("/models/xray/predictions", files={"image": picture})
    client.post("/models/xray/predictions", files={"image": b"text"})
    client.get("/anything/Jane")
    found = lines(client)
    route = 'method="POST",route="/models/{name}/predictions"'
    assert found[f'medweave_requests_total{{{route},status="200"}}'] == "1.0"
    assert found[f'medweave_requests_total{{{route},status="415"}}'] == "1.0"
    assert found['medweave_requests_total{method="GET",route="none",status="404"}'] == "1.0"
    assert found['medweave_predictions_total{model="xray",status="done"}'] == "1.0"
    assert found['medweave_prediction_seconds_count{model="xray"}'] == "1.0"
    assert found['medweave_batch_cases_sum{model="xray"}'] == "1.0"
    assert found["medweave_queue_length"] == "0.0"
    assert float(found["medweave_memory_bytes"]) > 1e7


def test_services_in_one_process_count_for_themselves():
    first, second = Metrics(), Metrics()
    first.predictions.labels("a", "done").inc()
    assert b'medweave_predictions_total{model="a"' in first.text()
    assert b'medweave_predictions_total{model="a"' not in second.text()
