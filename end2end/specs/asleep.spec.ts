import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/natter.ts";
import { Natter } from "../fixtures/server.ts";
import { StallingProxy } from "../fixtures/stalling-proxy.ts";

const status = (page: Page, words: string) => page.getByRole("status").filter({ hasText: words });

const box = (page: Page) => page.getByRole("textbox", { name: "Message #general" });

/** The messages that a page shows, oldest first. */
const shown = (page: Page) =>
  page.getByRole("log").getByRole("article").locator("p.text").allInnerTexts();

async function connections(natter: Natter): Promise<number> {
  const health = await fetch(`${natter.url}/health`);
  return (await health.json()).connections;
}

test("a tab that slept for an hour shows exactly the log, and sends what was typed before", async ({
  browser,
  gate,
  allowConsoleErrors,
}, info) => {
  test.setTimeout(90_000);
  allowConsoleErrors(/WebSocket|ERR_/);
  // An hour of sleep is longer than rights stand: here they end in seconds.
  const natter = await Natter.start(info.outputPath("natter.log"), ["--rights-life", "8"]);
  const proxy = await StallingProxy.start(natter.url);
  try {
    const pages: Page[] = [];
    for (const [name, url] of [
      ["ada", proxy.url],
      ["ben", natter.url],
    ] as const) {
      const context = await browser.newContext({ baseURL: url });
      gate.watch(context);
      const page = await context.newPage();
      if (name === "ada") {
        await page.clock.install();
      }
      await page.goto("/signup");
      await page.getByRole("textbox", { name: "Username" }).fill(name);
      await page.getByLabel("Password").fill("correct horse battery staple");
      await page.getByRole("button", { name: "Create account" }).click();
      await expect(status(page, "Connected")).toBeAttached();
      pages.push(page);
    }
    const [ada, ben] = pages as [Page, Page];
    await box(ben).fill("good night");
    await box(ben).press("Enter");
    await expect(ada.getByRole("log").getByText("good night")).toBeVisible();

    // The lid closes while a message is on its way: nothing passes, and no timer runs.
    proxy.stall();
    await box(ada).fill("typed before the lid closed");
    await box(ada).press("Enter");
    await expect(ada.getByText("Sending…")).toBeVisible();
    await ada.clock.pauseAt(await ada.evaluate(() => Date.now() + 500));
    for (let n = 1; n <= 60; n++) {
      await box(ben).fill(`meanwhile ${n}.`);
      await box(ben).press("Enter");
    }
    await expect(ben.getByText("Sending…")).toHaveCount(0, { timeout: 20_000 });
    // The broker has ended what ada's page believes to have, and hers alone.
    await expect.poll(() => connections(natter), { timeout: 20_000 }).toBe(1);
    await ada.clock.fastForward("01:00:00");
    await ada.clock.resume();
    await ada.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));

    const typed = ada.getByRole("log").getByText("typed before the lid closed");
    await expect(ada.getByRole("log").getByText("meanwhile 60.")).toBeVisible({ timeout: 10_000 });
    await expect(ada.getByText("Sending…")).toHaveCount(0, { timeout: 10_000 });
    await expect(typed).toHaveCount(1);
    await expect(ben.getByRole("log").getByText("typed before the lid closed")).toHaveCount(1);
    const before = await shown(ada);
    expect(before.filter((text) => text.startsWith("meanwhile"))).toEqual(
      Array.from({ length: 60 }, (_, n) => `meanwhile ${n + 1}.`),
    );
    expect(before).toEqual(await shown(ben));
    await Promise.all(pages.map((page) => page.context().close()));
  } finally {
    await proxy.stop();
    await natter.stop();
  }
});
