from medweave.inference.backends.provider import FIXES, provider_error


def test_the_error_names_the_package_and_the_way_around():
    error = provider_error("tensorrt", "no such library")
    assert error.exit_code == 2
    assert str(error) == (
        "the provider 'tensorrt' cannot be used: got no such library. "
        f"Fix: {FIXES['tensorrt']}; or leave --provider out."
    )
