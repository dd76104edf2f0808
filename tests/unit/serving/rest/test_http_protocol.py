import asyncio
import json
import re
import socket

import pytest
import uvicorn

from medweave.serving.rest.http_protocol import HttpProtocol


def talk(*contents):
    """Return what a server answers to each content, sent in small pieces over a connection of its own."""

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def ask(port, content):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for start in range(0, len(content), 10_000):
            writer.write(content[start : start + 10_000])
            await writer.drain()
            await asyncio.sleep(0)
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return answer

    async def serve_and_ask():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            config = uvicorn.Config(application, http=HttpProtocol, lifespan="off", log_config=None)
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([listening]))
            answers = [await ask(listening.getsockname()[1], content) for content in contents]
            server.should_exit = True
            await serving
        return answers

    return asyncio.run(serve_and_ask())


@pytest.mark.parametrize(
    "content",
    [
        b"\x16\x03\x01 no http\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Name: " + b"Jane Doe " * 40_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_with_a_problem_even_while_it_still_comes(content):
    answer, after = talk(content, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    told = json.loads(body)
    assert (told["type"], told["status"]) == ("urn:medweave:problem:malformed-request", 400)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{32}", told["instance"])
    assert after.startswith(b"HTTP/1.1 204")
