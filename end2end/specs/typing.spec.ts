import type { Locator, Page } from "@playwright/test";
import { expect, test } from "../fixtures/natter.ts";

const box = (page: Page, room: string) =>
  page.getByRole("textbox", { name: `Message #${room}`, exact: true });
const log = (page: Page, room: string | RegExp) =>
  page.getByRole("log", {
    name: typeof room === "string" ? `Messages in ${room}` : room,
    exact: true,
  });
const heading = (page: Page, name: string) =>
  page.getByRole("heading", { level: 1, name, exact: true });

// Two people, and changes that come one after the other.
test.slow();

const connected = (page: Page) =>
  expect(page.getByRole("status").filter({ hasText: "Connected" })).toBeAttached();

/** Marks a text box, to tell it from one that is built in its place. */
const mark = (textBox: Locator) =>
  textBox.evaluate((element) => element.setAttribute("data-marked", ""));
const isMarked = (page: Page) =>
  page.evaluate(() => document.activeElement?.hasAttribute("data-marked"));

async function makeRoom(page: Page, name: string) {
  await page.goto("/rooms/new");
  await page.getByRole("textbox", { name: "Name" }).fill(name);
  await page.getByRole("button", { name: "Create room" }).click();
  await connected(page);
}

async function join(page: Page, address: string, name: string) {
  await page.goto(address);
  await page.getByRole("button", { name: "Join room" }).click();
  await expect(box(page, name)).toBeVisible();
  await connected(page);
}

/** Sends so many messages that the log can be scrolled. */
async function fill(page: Page, room: string) {
  for (let n = 1; n <= 30; n++) {
    await box(page, room).fill(`line ${n}`);
    await box(page, room).press("Enter");
  }
  await expect(page.getByText("Sending…")).toHaveCount(0);
}

test("who types keeps the box, the focus and the place in the log while the room changes", async ({
  person,
}) => {
  const ruth = await person("ruth");
  const sven = await person("sven");
  await makeRoom(ruth, "drafting");
  await join(sven, ruth.url(), "drafting");
  await fill(ruth, "drafting");
  await expect(log(sven, "drafting").getByText("line 30")).toBeVisible();
  await log(sven, "drafting").evaluate((section) => {
    section.scrollTop = -400;
  });
  const place = () =>
    log(sven, /drafting|writing/)
      .getByText("line 12")
      .boundingBox();
  const before = await place();
  await box(sven, "drafting").pressSequentially("half a");
  await mark(box(sven, "drafting"));
  await ruth.getByRole("link", { name: "Room details" }).click();
  await ruth.getByRole("textbox", { name: "Topic" }).fill("What it is about");
  await ruth.getByRole("button", { name: "Set topic" }).click();
  await expect(sven.locator(".topic")).toHaveText("What it is about");
  await sven.keyboard.type(" sen");

  await ruth.getByRole("textbox", { name: "Name" }).fill("writing");
  await ruth.getByRole("button", { name: "Rename room" }).click();
  await expect(heading(sven, "writing")).toBeVisible();
  await expect(
    sven.getByRole("navigation").getByRole("link", { name: "writing", exact: true }),
  ).toBeVisible();
  await sven.keyboard.type("tence");
  await expect(box(sven, "writing")).toHaveValue("half a sentence");
  expect(await isMarked(sven)).toBe(true);
  // Notes came in below, and what is read has not moved.
  expect((await place())?.y).toBeCloseTo(before?.y ?? 0, -1);

  await ruth.getByRole("button", { name: "Archive room" }).click();
  const note = sven.getByRole("status").filter({ hasText: "This room is archived" });
  await expect(note).toBeVisible();
  await sven.keyboard.type(", whole");
  await sven.keyboard.press("Enter");
  await expect(box(sven, "writing")).toHaveValue("half a sentence, whole");
  await expect(sven.getByRole("button", { name: "Send" })).toBeDisabled();
  expect(await isMarked(sven)).toBe(true);

  await ruth.getByRole("button", { name: "Open it again" }).click();
  await expect(note).toHaveCount(0);
  await sven.keyboard.press("Enter");
  await expect(log(sven, "writing").getByText("half a sentence, whole")).toBeVisible();
});

test("who types to somebody keeps the box while that person changes their display name", async ({
  person,
}) => {
  const tilda = await person("tilda");
  const uwe = await person("uwe");
  await uwe.goto("/people");
  await uwe.getByRole("button", { name: "Message Tilda" }).click();
  const message = (name: string) => uwe.getByRole("textbox", { name: `Message ${name}` });
  await expect(message("Tilda")).toBeVisible();
  await connected(uwe);
  await message("Tilda").pressSequentially("dear ");
  await mark(message("Tilda"));
  await tilda.goto("/settings/account");
  await tilda.getByRole("textbox", { name: "Display name" }).fill("Tilda Berg");
  await tilda.getByRole("button", { name: "Save" }).click();
  await expect(tilda.getByText("You are signed in as Tilda Berg")).toBeVisible();
  // Names are looked up now and then, and when somebody comes back to the page.
  await uwe.evaluate(() =>
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true })),
  );
  await expect(heading(uwe, "Tilda Berg")).toBeVisible({ timeout: 40_000 });
  await uwe.keyboard.type("friend");
  await expect(message("Tilda Berg")).toHaveValue("dear friend");
  expect(await isMarked(uwe)).toBe(true);
  await uwe.keyboard.press("Enter");
  await expect(uwe.getByRole("log").getByText("dear friend")).toBeVisible();
});

test("a link of the sidebar keeps the focus while its room is renamed", async ({ person }) => {
  const vera = await person("vera");
  const willi = await person("willi");
  await makeRoom(vera, "zebra");
  await join(willi, vera.url(), "zebra");
  const link = (name: string) =>
    willi.getByRole("navigation").getByRole("link", { name, exact: true });
  await link("zebra").focus();
  await vera.getByRole("link", { name: "Room details" }).click();
  await vera.getByRole("textbox", { name: "Name" }).fill("zebras");
  await vera.getByRole("button", { name: "Rename room" }).click();
  await expect(link("zebras")).toBeFocused();
});
