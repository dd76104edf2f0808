from medweave.serving.loopback import is_loopback


def test_loopback_addresses():
    hosts = ("127.0.0.1", "127.8.8.8", "::1", "localhost", "0.0.0.0", "evil.example")  # noqa: S104
    assert [is_loopback(host) for host in hosts] == [True, True, True, True, False, False]
