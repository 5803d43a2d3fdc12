#!/usr/bin/env node
// Answers whoever mentions it in a room. With nats.js over WebSocket, and protobufjs.
//
//   npm install @nats-io/nats-core protobufjs ws
//   natter creds robo --out robo.creds          # robo has an account
//   node examples/bots/mention-bot.mjs --creds robo.creds --room general

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { credsAuthenticator, errors, wsconnect } from "@nats-io/nats-core";
import protobuf from "protobufjs";
import { WebSocket } from "ws";

// Node has one of its own from 22 on.
globalThis.WebSocket ??= WebSocket;

const { values: options } = parseArgs({
  options: {
    servers: { type: "string", default: "ws://localhost:9222" },
    creds: { type: "string" },
    room: { type: "string", default: "general" },
  },
});

const root = new protobuf.Root();
root.resolvePath = (_, path) => fileURLToPath(new URL(`../../proto/${path}`, import.meta.url));
await root.load("natter/v1/command.proto");
const type = (name) => root.lookupType(`natter.v1.${name}`);
const { values: Kind } = root.lookupEnum("natter.v1.FailureKind");

const creds = readFileSync(options.creds);
// The file says whose it is: its replies arrive below `_INBOX.<uid>`.
const [, uid] = creds.toString().match(/^# inbox prefix: _INBOX\.(\S+)$/m);
const mention = new RegExp(`@${uid}(?![a-z0-9_-])`);

const nc = await wsconnect({
  servers: options.servers.split(","),
  authenticator: credsAuthenticator(creds),
  inboxPrefix: `_INBOX.${uid}`,
  // For ever; and a natter that is not up yet looks like a refusal, as does the hourly end of the
  // rights at first.
  maxReconnectAttempts: -1,
  waitOnFirstConnect: true,
  ignoreAuthErrorAbort: true,
  reconnectTimeWait: 500,
});

/** Natter says no, and would again. */
class Refused extends Error {}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Asks until there is an answer. */
async function ask(verb, request, response, question) {
  const payload = type(request).encode(question).finish();
  for (;;) {
    let wait = 500;
    try {
      const reply = await nc.request(`natter.svc.${uid}.${verb}`, payload, { timeout: 5000 });
      if (!reply.headers?.has("Nats-Service-Error-Code")) return type(response).decode(reply.data);
      const failure = type("Failure").decode(reply.data);
      if (![Kind.FAILURE_KIND_TOO_MANY, Kind.FAILURE_KIND_UNAVAILABLE].includes(failure.kind)) {
        throw new Refused(failure.reason);
      }
      wait = Math.max(wait, failure.retryAfterMs);
    } catch (error) {
      if (error instanceof Refused || error instanceof errors.ClosedConnectionError) throw error;
    }
    await pause(wait);
  }
}

// The last entry seen.
let position;

/** Where the room ends now: what was said before is not answered. */
async function begin() {
  const asked = { room: options.room, limit: 1 };
  const { view } = await ask("history", "HistoryRequest", "HistoryResponse", asked);
  const last = view.events.at(-1);
  position = { roomId: view.room.id, sequence: last?.sequence ?? 0, key: last?.event.key };
}

/** What was missed. Much of it comes in parts, each from the last entry of the one before. */
async function catchUp() {
  for (let more = true; more; ) {
    more = false;
    const asked = { positions: [position] };
    const { rooms } = await ask("sync", "SyncRequest", "SyncResponse", asked);
    for (const room of rooms) {
      if (room.reset) await begin();
      for (const logged of room.events) await take(logged.sequence, logged.event);
      more = room.more;
    }
  }
}

async function take(sequence, said) {
  const { text } = said.messagePosted ?? {};
  if (text && said.key.uid !== uid && mention.test(text)) {
    // A message's key is its author and a ULID. With the ULID of what it answers, the answer is
    // one message however often it is sent, even by a bot that starts anew.
    await ask("post", "PostRequest", "PostResponse", {
      roomId: position.roomId,
      ulid: said.key.ulid,
      text: `@${said.key.uid}, you called?`,
    });
  }
  position = { ...position, sequence, key: said.key };
}

// One after the other, whatever they come from.
let work = begin();
const then = (step) => {
  work = work.then(step).catch((error) => {
    console.error(`mention-bot: ${error.message}`);
    process.exit(1);
  });
};

then(async () => {
  // First subscribe, then ask what was missed: nothing falls in between.
  nc.subscribe(`natter.evt.open.${position.roomId}`, {
    callback: (_, message) => then(() => hear(message)),
  });
  await nc.flush();
  await catchUp();
  console.log(`${uid} listens in ${options.room}`);
});

async function hear(message) {
  const number = (name) => Number(message.headers.last(name));
  const sequence = number("Nats-Sequence");
  if (sequence <= Number(position.sequence)) return;
  if (number("Nats-Last-Sequence") > Number(position.sequence)) return catchUp();
  await take(sequence, type("Event").decode(message.data));
}

for await (const status of nc.status()) {
  if (status.type === "reconnect") then(catchUp);
}
