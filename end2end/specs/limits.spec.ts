import { expect, test } from "../fixtures/natter.ts";

test("who is cut off for asking too much is told so, and when it goes on", async ({
  person,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|429/);
  const greta = await person("greta");
  const status = greta.getByRole("status").filter({ hasText: /\w/ });
  await expect(status).toHaveText("Connected");
  // As a script of hers would: over a connection of its own, with the session of this browser.
  await greta.evaluate(async () => {
    const socket = new WebSocket(`ws://${location.host}/nats`);
    socket.binaryType = "arraybuffer";
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    socket.send('CONNECT {"verbose":false,"protocol":1}\r\nPING\r\n');
    const flood = setInterval(() => socket.send("PUB greta.echo 0\r\n\r\n".repeat(100)), 10);
    await new Promise((resolve) => {
      socket.onclose = resolve;
    });
    clearInterval(flood);
  });
  await expect(status).toHaveText(
    /That was a lot at once. Natter goes on in about \d\d seconds\./,
    {
      timeout: 15_000,
    },
  );
  // Typing goes on.
  await greta.getByRole("textbox", { name: "Message #general" }).fill("when I may again");
});
