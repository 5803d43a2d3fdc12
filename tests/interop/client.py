"""What a Python program does at natter: nats-py with `user_credentials`, and protobuf.

Called by tests/it/interop.rs as `client.py SERVER CREDS UID OTHER`; OTHER runs `natter pong`.
"""

import asyncio
import sys
from pathlib import Path

import grpc
import nats

sys.path.append(str(Path(__file__).resolve().parents[2] / "proto"))
echo = grpc.protos("echo.proto")
pingpong = grpc.protos("pingpong.proto")


async def main(server, creds, uid, other):
    nc = await nats.connect(server, user_credentials=creds, inbox_prefix=f"_INBOX.{uid}")

    hellos = await nc.subscribe("hello")
    await nc.flush()
    await nc.publish("hello", echo.EchoRequest(message="hello world").SerializeToString())
    hello = await hellos.next_msg(timeout=10)
    print("hello:", echo.EchoRequest.FromString(hello.data).message)

    request = echo.EchoRequest(message="are you there?").SerializeToString()
    reply = await nc.request(f"{uid}.echo", request, timeout=10)
    print("echo:", echo.EchoResponse.FromString(reply.data).message)
    reply = await nc.request(f"{uid}.echo", b"\xff" * 9, timeout=10)
    print("error:", reply.headers["Nats-Service-Error-Code"])

    pings = await nc.subscribe(f"{uid}.ping")
    await nc.flush()
    ping = pingpong.PingRequest(destination=other, origin=uid, message="ball")
    await nc.request(f"{uid}.ping", ping.SerializeToString(), timeout=10)
    while True:
        heard = pingpong.PingRequest.FromString((await pings.next_msg(timeout=10)).data)
        # One's own ping is heard too.
        if heard.origin != uid:
            break
    print("pong:", heard.origin, heard.message, heard.answer)
    await nc.drain()


asyncio.run(main(*sys.argv[1:]))
