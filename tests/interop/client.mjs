// What a JavaScript program does at natter: nats.js over WebSocket, and protobufjs.
//
// Called by tests/it/interop.rs as `client.mjs SERVER CREDS UID OTHER`; OTHER runs `natter pong`.

import { readFileSync } from "node:fs";
import { credsAuthenticator, wsconnect } from "@nats-io/nats-core";
import protobuf from "protobufjs";
import { WebSocket } from "ws";

globalThis.WebSocket ??= WebSocket;

const [server, creds, uid, other] = process.argv.slice(2);
const proto = (file) => protobuf.load(new URL(`../../proto/${file}`, import.meta.url).pathname);
const echo = await proto("echo.proto");
const pingpong = await proto("pingpong.proto");
const encode = (root, name, value) => root.lookupType(name).encode(value).finish();
const decode = (root, name, message) => root.lookupType(name).decode(message.data);

const nc = await wsconnect({
  servers: server,
  authenticator: credsAuthenticator(readFileSync(creds)),
  inboxPrefix: `_INBOX.${uid}`,
});

const next = async (subscription, wanted = () => true) => {
  for await (const message of subscription) if (wanted(message)) return message;
};

const hellos = nc.subscribe("hello");
await nc.flush();
nc.publish("hello", encode(echo, "echo.EchoRequest", { message: "hello world" }));
console.log("hello:", decode(echo, "echo.EchoRequest", await next(hellos)).message);

const request = encode(echo, "echo.EchoRequest", { message: "are you there?" });
let reply = await nc.request(`${uid}.echo`, request, { timeout: 10_000 });
console.log("echo:", decode(echo, "echo.EchoResponse", reply).message);
reply = await nc.request(`${uid}.echo`, new Uint8Array(9).fill(0xff), { timeout: 10_000 });
console.log("error:", reply.headers.get("Nats-Service-Error-Code"));

const pings = nc.subscribe(`${uid}.ping`);
await nc.flush();
const ping = { destination: other, origin: uid, message: "ball" };
await nc.request(`${uid}.ping`, encode(pingpong, "pingpong.PingRequest", ping), {
  timeout: 10_000,
});
// One's own ping is heard too.
const heard = decode(
  pingpong,
  "pingpong.PingRequest",
  await next(pings, (message) => decode(pingpong, "pingpong.PingRequest", message).origin !== uid),
);
console.log("pong:", heard.origin, heard.message, heard.answer);
await nc.drain();
