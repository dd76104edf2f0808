import pytest


def test_models_are_listed_with_their_hashes(client, served):
    assert client.get("/models").json() == [
        {"name": "xray", "kind": "bundle", "sha256": served["xray"].description.sha256},
        {"name": "heart", "kind": "run", "sha256": served["heart"].description.sha256},
    ]


def test_a_model_tells_what_to_send_and_what_it_answers(client):
    assert client.get("/models/xray").json() | {"sha256": ""} == {
        "name": "xray",
        "kind": "bundle",
        "sha256": "",
        "medweave_version": "0.1.0",
        "created": "2026-01-01T00:00:00+00:00",
        "inputs": {"xray": {"images": ["image"], "spatial_dims": 2}},
        "structures": {"areas": ["bright"]},
        "classes": {"side": {"classes": ["left", "right"], "multi_label": False}},
        "facts": [],
        "has_gate": False,
        "card": "# xray\n",
    }


@pytest.mark.parametrize("name", ["none", "..", "%2e%2e%2fetc%2fpasswd", "xray%00"])
def test_another_model_is_not_there(client, name):
    assert client.get(f"/models/{name}").status_code == 404
