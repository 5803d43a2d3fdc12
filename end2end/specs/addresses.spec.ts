import type { Page } from "@playwright/test";
import { expect, PASSWORD, signIn, test } from "../fixtures/natter.ts";

async function makeRoom(page: Page, name: string) {
  await page.goto("/rooms/new");
  await page.getByRole("textbox", { name: "Name" }).fill(name);
  await page.getByRole("button", { name: "Create room" }).click();
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
  return new URL(page.url()).pathname;
}

const box = (page: Page, room: string) => page.getByRole("textbox", { name: `Message #${room}` });

test("who follows a link and signs in lands on what it names", async ({
  person,
  browser,
  gate,
}) => {
  const tove = await person("tove");
  const room = await makeRoom(tove, "linked to");
  const context = await browser.newContext({ baseURL: new URL(tove.url()).origin });
  gate.watch(context);
  const there = await context.newPage();
  await there.goto(room);
  gate.allow(/422/);
  await signIn(there, "tove", "not the password");
  await expect(there.getByRole("alert")).toContainText("Wrong username or password");
  await signIn(there, "tove");
  await expect(box(there, "linked to")).toBeVisible();
  expect(new URL(there.url()).pathname).toBe(room);
  await context.close();
});

test("who is signed out in a room comes back to it", async ({ person, allowConsoleErrors }) => {
  allowConsoleErrors(/WebSocket|401|ERR_/);
  const ulla = await person("ulla");
  const room = await makeRoom(ulla, "come back");
  const second = await ulla.context().newPage();
  await second.goto("/settings");
  await second.getByRole("button", { name: "Sign out" }).click();
  await expect(ulla.getByText("You have been signed out.")).toBeVisible({ timeout: 20_000 });
  await signIn(ulla, "ulla", PASSWORD);
  await expect(box(ulla, "come back")).toBeVisible();
  expect(new URL(ulla.url()).pathname).toBe(room);
});

test("a room opened by its name keeps what is typed while it is renamed", async ({ person }) => {
  const vesna = await person("vesna");
  const room = await makeRoom(vesna, "café vesna");
  await vesna.goto("/r/caf%C3%A9%20vesna");
  await expect(vesna.getByRole("heading", { level: 1, name: "café vesna" })).toBeVisible();
  await expect.poll(() => new URL(vesna.url()).pathname).toBe(room);
  await box(vesna, "café vesna").pressSequentially("half a sen");

  const second = await vesna.context().newPage();
  await second.goto(`${room}/details`);
  await second.getByRole("textbox", { name: "Name" }).fill("bar vesna");
  await second.getByRole("button", { name: "Rename room" }).click();
  await expect(vesna.getByRole("heading", { level: 1, name: "bar vesna" })).toBeVisible();
  await expect(box(vesna, "bar vesna")).toHaveValue("half a sen");
  await vesna.reload();
  await expect(vesna.getByRole("heading", { level: 1, name: "bar vesna" })).toBeVisible();
});

test("an address that is nothing's says so and keeps the sidebar", async ({
  person,
  page,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/404/);
  const wally = await person("wally");
  for (const address of ["/nothing", "/settings/nothing", "/r/nothing"]) {
    const answer = await wally.goto(address);
    expect(answer?.status()).toBe(404);
    await expect(wally.getByRole("heading", { level: 1, name: /^There is no/ })).toBeVisible();
    await expect(wally.getByRole("navigation", { name: "Rooms and people" })).toBeVisible();
    await wally.getByRole("main").getByRole("link", { name: "Go to your rooms" }).click();
    await expect(box(wally, "general")).toBeVisible();
  }
  const answer = await wally.goto("/settings/");
  expect(answer?.status()).toBe(200);
  expect(new URL(wally.url()).pathname).toBe("/settings");
  expect((await page.goto("/nothing"))?.status()).toBe(404);
  await expect(page.getByRole("heading", { name: "There is nothing here" })).toBeVisible();
});
