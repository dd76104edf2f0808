def test_models_and_predictions_are_found_by_their_names_or_told_to_be_absent(client):
    unknown = client.get("/models/lung").json()
    assert (unknown["type"], unknown["detail"]) == (
        "urn:medweave:problem:unknown-model",
        "The models here are: xray, heart.",
    )
    assert client.get("/predictions/x").json()["type"] == "urn:medweave:problem:unknown-prediction"


def test_an_ending_service_leaves_no_file(make_client, picture):
    client = make_client()
    client.post("/models/xray/predictions", files={"image": picture})
    service = client.app.state.service
    assert service.store.root.is_dir()
    service.close()
    assert not service.store.root.exists()
