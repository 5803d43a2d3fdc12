#!/usr/bin/env python3
"""Answers whoever mentions it in a room. With nats-py and protobuf.

    pip install nats-py nkeys grpcio-tools
    natter creds robo --out robo.creds          # robo has an account
    python3 examples/bots/mention_bot.py --creds robo.creds --room general
"""

import argparse
import asyncio
import re
import sys
from pathlib import Path

import grpc
import nats

# The .proto files, read as they are; `protoc --python_out` would do as well.
sys.path.append(str(Path(__file__).resolve().parents[2] / "proto"))
command = grpc.protos("natter/v1/command.proto")
event = grpc.protos("natter/v1/event.proto")

LATER = (command.FAILURE_KIND_TOO_MANY, command.FAILURE_KIND_UNAVAILABLE)


class Refused(Exception):
    """Natter says no, and would again."""


class Bot:
    def __init__(self, options):
        self.servers = options.servers.split(",")
        self.creds = options.creds
        self.room = options.room
        # The file says whose it is: its replies arrive below `_INBOX.<uid>`.
        text = Path(options.creds).read_text()
        self.uid = re.search(r"^# inbox prefix: _INBOX\.(\S+)$", text, re.M).group(1)
        self.mention = re.compile(rf"@{self.uid}(?![a-z0-9_-])")
        # The last entry seen: kept over connections, so that no mention is missed between them.
        self.position = None

    async def run(self):
        """Connects anew for ever.

        nats-py comes back by itself after a cut, but closes for good on any error of the server:
        at the hourly end of the rights, and when natter is not up yet, which looks like a refusal.
        """
        while True:
            try:
                await self.serve()
            except (nats.errors.Error, OSError, asyncio.TimeoutError) as error:
                print(f"Trying again: {error!r}", file=sys.stderr)
            await asyncio.sleep(1)

    async def serve(self):
        """One connection, to its end."""
        closed = asyncio.Event()
        again = asyncio.Event()

        async def on_closed():
            closed.set()

        async def on_reconnected():
            again.set()

        self.nc = await nats.connect(
            self.servers,
            user_credentials=self.creds,
            inbox_prefix=f"_INBOX.{self.uid}",
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,
            closed_cb=on_closed,
            reconnected_cb=on_reconnected,
        )
        try:
            await self.follow(closed, again)
        finally:
            await self.nc.close()

    async def follow(self, closed, again):
        if self.position is None:
            await self.begin()
            print(f"{self.uid} listens in {self.room}", flush=True)
        # First subscribe, then ask what was missed: nothing falls in between.
        feed = asyncio.Queue()
        await self.nc.subscribe(f"natter.evt.open.{self.position.room_id}", cb=feed.put)
        await self.nc.flush()
        await self.catch_up()
        while not closed.is_set():
            try:
                message = await asyncio.wait_for(feed.get(), timeout=0.5)
            except asyncio.TimeoutError:
                message = None
            if message is None:
                if again.is_set():
                    again.clear()
                    await self.catch_up()
                continue
            sequence = int(message.headers["Nats-Sequence"])
            if sequence <= self.position.sequence:
                continue
            if int(message.headers["Nats-Last-Sequence"]) > self.position.sequence:
                await self.catch_up()
            else:
                await self.take(sequence, event.Event.FromString(message.data))

    async def begin(self):
        """Where the room ends now: what was said before is not answered."""
        request = command.HistoryRequest(room=self.room, limit=1)
        view = (await self.ask("history", request, command.HistoryResponse)).view
        self.position = command.Position(room_id=view.room.id)
        for logged in view.events[-1:]:
            self.position.sequence = logged.sequence
            self.position.key.CopyFrom(logged.event.key)

    async def catch_up(self):
        """What was missed. It may come in parts, each after the last entry of the one before."""
        more = True
        while more:
            more = False
            request = command.SyncRequest(positions=[self.position])
            for room in (await self.ask("sync", request, command.SyncResponse)).rooms:
                if room.reset:
                    await self.begin()
                for logged in room.events:
                    await self.take(logged.sequence, logged.event)
                more = room.more

    async def take(self, sequence, said):
        mentioned = self.mention.search(said.message_posted.text)
        if mentioned and said.key.uid != self.uid:
            # A message's key is its author and a ULID. With the ULID of what it answers, the answer
            # is one message however often it is sent, even by a bot that starts anew.
            await self.ask(
                "post",
                command.PostRequest(
                    room_id=self.position.room_id,
                    ulid=said.key.ulid,
                    text=f"@{said.key.uid}, you called?",
                ),
                command.PostResponse,
            )
        self.position.sequence = sequence
        self.position.key.CopyFrom(said.key)

    async def ask(self, verb, request, response):
        """Asks until there is an answer. The connection's end ends it too."""
        while True:
            wait = 0.5
            try:
                reply = await self.nc.request(
                    f"natter.svc.{self.uid}.{verb}", request.SerializeToString(), timeout=5
                )
                if "Nats-Service-Error-Code" not in (reply.headers or {}):
                    return response.FromString(reply.data)
                failure = command.Failure.FromString(reply.data)
                if failure.kind not in LATER:
                    raise Refused(failure.reason)
                wait = max(wait, failure.retry_after_ms / 1000)
            except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
                pass
            await asyncio.sleep(wait)


def main():
    parser = argparse.ArgumentParser(description="Answers whoever mentions it in a room.")
    parser.add_argument("--servers", default="nats://localhost:4222")
    parser.add_argument("--creds", required=True)
    parser.add_argument("--room", default="general")
    try:
        asyncio.run(Bot(parser.parse_args()).run())
    except Refused as refusal:
        sys.exit(f"mention_bot: {refusal}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
