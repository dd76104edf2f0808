import asyncio
import time

import numpy as np
import pytest

from medweave.serving.limits import Limits

ADDRESS = "/models/xray/predictions"


def test_the_names_that_the_model_takes_are_told(client, picture):
    response = client.post(ADDRESS, files={"photo": picture})
    assert (response.status_code, response.json()["detail"]) == (
        422,
        "Send one file each under some of these names: image.",
    )


def test_each_reason_to_refuse_an_image_has_its_status(client, encode):
    refusals = {
        "image-too-large": (413, encode(np.zeros((400, 400), np.uint8))),
        "unsupported-image": (415, b"GIF89a" + bytes(400)),
        "damaged-image": (422, encode(np.zeros((8, 8), np.uint8))[:20]),
        "empty-image": (422, b""),
    }
    for kind, (status, content) in refusals.items():
        response = client.post(ADDRESS, files={"image": content})
        assert (response.status_code, response.json()["type"]) == (status, f"urn:medweave:problem:{kind}")


def test_a_second_file_of_a_name_is_refused(client, picture):
    response = client.post(ADDRESS, files=[("image", picture), ("image", picture)])
    assert (response.status_code, response.json()["type"]) == (400, "urn:medweave:problem:malformed-form")


def test_text_in_the_place_of_a_file_is_refused(client, picture):
    response = client.post(ADDRESS, data={"image": "chest.png"}, files={"image": picture})
    assert (response.status_code, response.json()["detail"]) == (422, "'image' is text; send it as a file.")


@pytest.mark.parametrize("name", ["../x", "Height", "x" * 41])
def test_facts_with_other_names_are_refused(client, picture, name):
    response = client.post(ADDRESS, data={name: "1"}, files={"image": picture})
    assert (response.status_code, response.json()["type"]) == (422, "urn:medweave:problem:wrong-attributes")


def test_a_body_that_is_no_form_is_refused(client):
    assert client.post(ADDRESS, content=b"{}", headers={"Content-Type": "application/json"}).status_code == 415
    assert client.post(ADDRESS, headers={"Content-Type": "multipart/form-data"}).status_code == 400
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post(ADDRESS, content=b"nothing of a form", headers=headers).status_code == 400


def test_a_body_over_the_limit_is_refused_by_its_stated_length(client):
    response = client.post(ADDRESS, files={"image": bytes(2_100_000)})
    assert (response.status_code, response.json()["title"]) == (413, "Upload too large")


def test_a_body_that_does_not_tell_its_length_is_cut_off(client):
    sent = []

    def body():
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(100):
            sent.append(1)
            yield bytes(100_000)

    response = client.post(ADDRESS, content=body(), headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (response.status_code, response.json()["title"]) == (413, "Upload too large")


def test_a_body_that_comes_too_slowly_is_refused(make_client):
    client = make_client(limits=Limits(upload_s=0.2))

    async def send_slowly():
        messages, sent = [], []

        async def receive():
            await asyncio.sleep(0.1)
            return {"type": "http.request", "body": b"--x\r\n" if not sent.append(1) else b"", "more_body": True}

        async def send(message):
            messages.append(message)

        headers = [(b"host", b"127.0.0.1"), (b"content-type", b"multipart/form-data; boundary=x")]
        scope = {
            "type": "http", "method": "POST", "path": ADDRESS, "raw_path": ADDRESS.encode(), "headers": headers,
            "query_string": b"", "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80), "root_path": "", "asgi": {"version": "3.0"},
        }  # fmt: skip
        await client.app(scope, receive, send)
        return messages

    started = time.monotonic()
    messages = client.portal.call(send_slowly)
    assert messages[0]["status"] in (400, 408)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("charset", ["undefined", "idna", "no-such", "zlib"])
def test_a_charset_that_decodes_nothing_breaks_nothing(client, picture, charset):
    body = b'--x\r\nContent-Disposition: form-data; name="\xff"; filename="a"\r\n\r\n' + picture + b"\r\n--x--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    response = client.post(ADDRESS, content=body, headers=headers)
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"


def test_a_fact_may_be_long_but_not_endless(client, picture):
    sent = [client.post(ADDRESS, data={"note": "a" * length}, files={"image": picture}) for length in (1024, 1025)]
    assert [response.status_code for response in sent] == [200, 400]
    assert sent[1].json()["detail"] == "Part exceeded maximum size of 1KB."
