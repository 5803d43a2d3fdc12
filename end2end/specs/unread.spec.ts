import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/natter.ts";

const sidebar = (page: Page) => page.getByRole("navigation", { name: "Rooms and people" });
const link = (page: Page, name: string) => sidebar(page).getByRole("link", { name });
const connected = (page: Page) =>
  expect(page.getByRole("status").filter({ hasText: "Connected" })).toBeAttached();

async function say(page: Page, room: string, text: string) {
  await page.getByRole("textbox", { name: `Message #${room}` }).fill(text);
  await page.getByRole("textbox", { name: `Message #${room}` }).press("Enter");
}

test("what is unread is counted, and read in one tab it is so in the others", async ({
  person,
  natter,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|ERR_|503/);
  const ole = await person("ole");
  const pat = await person("pat");
  await connected(pat);
  await ole.goto("/rooms/new");
  await ole.getByRole("textbox", { name: "Name" }).fill("counted");
  await ole.getByRole("button", { name: "Create room" }).click();
  await connected(ole);
  await pat.goto(ole.url());
  await pat.getByRole("button", { name: "Join room" }).click();
  await expect(link(pat, "counted")).toBeVisible();
  await link(pat, "general").click();
  const tab = await pat.context().newPage();
  await tab.goto("/");
  await connected(tab);

  await say(ole, "counted", "one");
  await say(ole, "counted", "two");
  for (const page of [pat, tab]) {
    await expect(link(page, "counted")).toHaveAccessibleDescription("2 unread");
    await expect(page).toHaveTitle(/^\(\d+\) /);
  }
  await pat.reload();
  await expect(link(pat, "counted")).toHaveAccessibleDescription("2 unread");
  // One's own are not.
  await expect(link(ole, "counted")).toHaveAccessibleDescription("");

  await connected(pat);
  await natter.killBroker();
  await say(ole, "counted", "three");
  await expect(link(pat, "counted")).toHaveAccessibleDescription("3 unread", { timeout: 15_000 });

  await link(pat, "counted").click();
  for (const page of [pat, tab]) {
    await expect(link(page, "counted")).toHaveAccessibleDescription("", { timeout: 15_000 });
  }
  await say(ole, "counted", "four");
  await expect(pat.getByRole("log").getByText("four")).toBeVisible();
  await expect(link(tab, "counted")).toHaveAccessibleDescription("");
  await pat.reload();
  await expect(link(pat, "counted")).toHaveAccessibleDescription("");
});
