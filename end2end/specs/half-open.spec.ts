import { expect, test } from "../fixtures/natter.ts";
import { StallingProxy } from "../fixtures/stalling-proxy.ts";

test("a connection that is dead and does not know it is found when somebody looks", async ({
  person,
  natter,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|ERR_/);
  const proxy = await StallingProxy.start(natter.url);
  try {
    const abe = await person("abe");
    const bea = await person("bea");
    // The same cookies: another port is the same host to them.
    await abe.goto(`${proxy.url}/`);
    await expect(abe.getByRole("status").filter({ hasText: "Connected" })).toBeAttached();
    proxy.stall();
    await bea.getByRole("textbox", { name: "Message #general" }).fill("bea: are you there?");
    await bea.getByRole("textbox", { name: "Message #general" }).press("Enter");
    const message = abe.getByRole("log").getByText("bea: are you there?");
    await expect(bea.getByText("Sending…")).toHaveCount(0);
    await abe.waitForTimeout(1_000);
    await expect(message).toHaveCount(0);
    await abe.evaluate(() =>
      document.dispatchEvent(new Event("visibilitychange", { bubbles: true })),
    );
    await expect(message).toBeVisible({ timeout: 5_000 });
  } finally {
    await proxy.stop();
  }
});
