import type { Page } from "@playwright/test";
import { expect, type PersonOptions, test } from "../fixtures/natter.ts";

const box = (page: Page) => page.getByRole("textbox", { name: "Message #general", exact: true });
const log = (page: Page) => page.getByRole("log", { name: "Messages in general" });
const days = (page: Page) => log(page).getByRole("heading", { level: 2 });
const times = (page: Page) => log(page).getByRole("article").getByRole("time").allTextContents();
const connected = (page: Page) =>
  expect(page.getByRole("status").filter({ hasText: "Connected" })).toBeAttached();

/** A browser without the time zone of the other tests, so that a test can set one of its own. */
const NO_ZONE = { timezoneId: undefined } as object as PersonOptions;

async function say(page: Page, text: string) {
  await box(page).fill(text);
  await box(page).press("Enter");
  await expect(log(page).getByText(text)).toBeVisible();
  await expect(page.getByText("Sending…")).toHaveCount(0);
}

test("Today becomes Yesterday after midnight, without a reload", async ({ person }) => {
  const dora = await person("dorothea");
  await connected(dora);
  await say(dora, "before midnight");
  await expect(days(dora).last()).toHaveText("Today");
  await dora.clock.install();
  await dora.reload();
  await connected(dora);
  await expect(days(dora).last()).toHaveText("Today");
  // The clock goes on by a day, as after a night with the lid closed.
  await dora.clock.setSystemTime(Date.now() + 24 * 3_600_000);
  await dora.evaluate(() =>
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true })),
  );
  await expect(days(dora).last()).toHaveText("Yesterday");
  await dora.clock.setSystemTime(Date.now() + 48 * 3_600_000);
  await dora.clock.fastForward(61_000);
  await expect(days(dora).last()).not.toHaveText(/day$/);
});

test.describe("for somebody who travels", () => {
  test("another time zone changes days and times together", async ({ person, natter }) => {
    const page = await person("emanuel", NO_ZONE);
    await connected(page);
    const devtools = await page.context().newCDPSession(page);
    const travel = async (timezoneId: string) => {
      await devtools.send("Emulation.setTimezoneOverride", { timezoneId });
      await page.evaluate(() => window.dispatchEvent(new Event("focus")));
    };
    await travel("Pacific/Honolulu");
    await say(page, "from the islands");
    const before = await times(page);
    await travel("Pacific/Kiritimati");
    await say(page, "a day later there");
    // Twenty-four hours apart, both zones show the same time of another day.
    await expect.poll(async () => (await times(page)).slice(0, 1)).toEqual(before.slice(0, 1));
    await travel("Asia/Kolkata");
    await expect.poll(async () => (await times(page)).at(0)).not.toBe(before.at(0));
    await expect(days(page)).toHaveCount(new Set(await days(page).allTextContents()).size);
    const shown = await times(page);
    const now = new Intl.DateTimeFormat("en-GB", {
      hour: "2-digit",
      minute: "2-digit",
      timeZone: "Asia/Kolkata",
    });
    const near = [0, 1, 2, 3].map((minutes) => now.format(Date.now() - minutes * 60_000));
    for (const time of shown.slice(-2)) {
      expect(near).toContain(time);
    }
    expect(natter.log).not.toContain("panicked");
  });
});
