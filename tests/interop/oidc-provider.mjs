// An identity provider for the tests: oidc-provider with a handful of people, each of whom signs in
// by a button.
//
// Called as `oidc-provider.mjs PORT`, 0 for a free one; says `issuer URL` when it listens, and
// ends with its standard input. Its keys are new ones at every start.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Provider, { interactionPolicy } from "oidc-provider";

const people = {
  ada: { email: "ada@example.org", email_verified: true, name: "Ada Kim" },
  ben: { email: "ben@example.org", email_verified: true, preferred_username: "Ben.B" },
  // Somebody else who says that Ada's address is theirs.
  eve: { email: "ada@example.org", email_verified: false, name: "Ada Kim" },
  cleo: { email: "cleo@example.com", email_verified: true, preferred_username: "ada" },
};

const server = createServer().listen(Number(process.argv[2] ?? 0), "127.0.0.1");
await new Promise((listening) => server.once("listening", listening));
// Another site than 127.0.0.1, as a provider is another site than natter.
const issuer = `http://localhost:${server.address().port}`;

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig" };

// Nobody is asked for a consent.
const policy = interactionPolicy.base();
policy.remove("consent");

const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  cookies: { keys: [randomUUID()] },
  clients: [
    {
      client_id: "natter",
      client_secret: "only natter knows",
      // So that natter may be at any port.
      application_type: "native",
      redirect_uris: ["http://127.0.0.1/login/oidc/callback"],
    },
  ],
  claims: {
    email: ["email", "email_verified"],
    profile: ["name", "preferred_username"],
  },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { policy, url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, id) =>
    id in people && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
  loadExistingGrant: async (ctx) => {
    const { client, session, provider } = ctx.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
});

const button = (name) => `<button name="person" value="${name}">${name}</button>`;

async function signIn(request, response) {
  if (request.method === "GET") {
    const buttons = [...Object.keys(people), "cancel"].map(button).join(" ");
    response.setHeader("content-type", "text/html");
    const head = '<!doctype html><title>Sign in</title><link rel="icon" href="data:," />';
    response.end(`${head}<form method="post">${buttons}</form>`);
    return;
  }
  let body = "";
  for await (const chunk of request) body += chunk;
  const person = new URLSearchParams(body).get("person");
  const result =
    person === "cancel" ? { error: "access_denied" } : { login: { accountId: person } };
  await provider.interactionFinished(request, response, result);
}

const rest = provider.callback();
server.on("request", (request, response) => {
  if (!request.url.startsWith("/interaction/")) return rest(request, response);
  signIn(request, response).catch((error) => response.writeHead(500).end(String(error)));
});
process.stdin.resume().on("end", () => process.exit(0));
console.log(`issuer ${issuer}`);
