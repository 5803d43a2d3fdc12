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

/** Whether the window of a page has the focus, which all pages of a test believe to have. */
async function setFocus(page: Page, hasFocus: boolean) {
  await page.evaluate((hasFocus) => {
    document.hasFocus = () => hasFocus;
    window.dispatchEvent(new Event(hasFocus ? "focus" : "blur"));
  }, hasFocus);
}

test("what a window shows without the focus is not read until somebody uses it", async ({
  person,
}) => {
  const rita = await person("rita");
  const samir = await person("samir");
  await connected(samir);
  const tab = await samir.context().newPage();
  await tab.goto("/settings");
  await connected(tab);
  await connected(rita);
  await setFocus(samir, false);
  const inTab = link(tab, "general");
  await expect(inTab).toHaveAccessibleDescription("");
  await say(rita, "general", "first");
  await expect(samir.getByRole("log").getByText("first")).toBeVisible();
  await expect(inTab).toHaveAccessibleDescription("1 unread");
  await say(rita, "general", "second");
  await expect(samir.getByRole("log").getByText("second")).toBeVisible();
  await expect(inTab).toHaveAccessibleDescription("2 unread");
  // It is not read a while later either.
  await say(rita, "general", "third");
  await expect(inTab).toHaveAccessibleDescription("3 unread");

  await samir.getByRole("log").hover();
  await samir.mouse.wheel(0, 1);
  await expect(inTab).toHaveAccessibleDescription("", { timeout: 15_000 });
  await say(rita, "general", "fourth");
  await expect(inTab).toHaveAccessibleDescription("1 unread");
  await setFocus(samir, true);
  await expect(inTab).toHaveAccessibleDescription("", { timeout: 15_000 });
});
