import pytest

from medweave.core.errors import UsageError
from medweave.serving.rest.api_key import read_api_key

KEY = "0123456789abcdef"


def test_an_address_of_this_machine_needs_no_key_and_takes_one():
    assert read_api_key({}, host="127.0.0.1") is None
    assert read_api_key({"MEDWEAVE_API_KEY": KEY}, host="::1") == KEY


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])  # noqa: S104
def test_any_other_address_needs_a_key(host):
    with pytest.raises(UsageError, match="MEDWEAVE_API_KEY"):
        read_api_key({}, host=host)
    assert read_api_key({"MEDWEAVE_API_KEY": KEY}, host=host) == KEY


@pytest.mark.parametrize("key", ["", "short", "0123456789abcde\n", "0123456789abcdeü"])
def test_a_weak_key_is_refused(key):
    with pytest.raises(UsageError, match="at least 16"):
        read_api_key({"MEDWEAVE_API_KEY": key}, host="127.0.0.1")


def test_all_but_health_and_readiness_need_the_key(make_client, picture):
    client = make_client(api_key=KEY)
    assert client.get("/health").status_code == client.get("/ready").status_code == 200
    for method, address in (
        ("GET", "/models"),
        ("GET", "/models/xray"),
        ("GET", "/models/none"),
        ("GET", "/metrics"),
        ("POST", "/models/xray/predictions"),
        ("GET", "/predictions/x"),
        ("GET", "/predictions/x/mask"),
        ("GET", "/predictions/x/overlay"),
        ("DELETE", "/predictions/x"),
    ):
        assert client.request(method, address).json()["type"] == "urn:medweave:problem:no-valid-key", address
        assert client.request(method, address, headers={"X-API-Key": KEY[:-1]}).status_code == 401, address
    shown = {"X-API-Key": KEY, "Host": "scanner.example:8000"}
    assert client.post("/models/xray/predictions", files={"image": picture}, headers=shown).status_code == 200
