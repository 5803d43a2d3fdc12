import type { Page } from "@playwright/test";
import { ADMINISTRATOR, expect, signIn, test } from "../fixtures/natter.ts";

const sidebar = (page: Page) => page.getByRole("navigation", { name: "Rooms and people" });
const box = (page: Page, room: string) => page.getByRole("textbox", { name: `Message #${room}` });
const log = (page: Page, room: string) => page.getByRole("log", { name: `Messages in ${room}` });
const connected = (page: Page) =>
  expect(page.getByRole("status").filter({ hasText: "Connected" })).toBeAttached();

test("an administrator suspends somebody who is typing, and what was typed is kept", async ({
  person,
  page: boss,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|401|403/);
  await boss.goto("/login");
  await signIn(boss, ADMINISTRATOR);
  await connected(boss);
  const yan = await person("yan");
  await connected(yan);
  await box(yan, "general").pressSequentially("I was just about to say");
  await boss.goto("/admin");
  const line = boss.getByRole("listitem", { name: "Yan" });
  await line.getByText("Change").click();
  await line.getByRole("button", { name: "Suspend Yan" }).click();
  await expect(yan.getByRole("status")).toContainText("signed out", { timeout: 10_000 });
  await signIn(yan, "yan");
  await expect(yan.getByRole("alert")).toContainText("suspended");
  await boss.goto("/admin");
  await expect(boss.getByText("@boss suspended @yan")).toBeVisible();
  await boss.getByRole("listitem", { name: "Yan" }).getByText("Change").click();
  await boss.getByRole("button", { name: "Let in again Yan" }).click();
  await signIn(yan, "yan");
  await expect(box(yan, "general")).toHaveValue("I was just about to say");
});

test("an invitation shows the closed room within a second, a removal takes it away and says why", async ({
  person,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|404/);
  const xia = await person("xia");
  const wim = await person("wim");
  await connected(wim);
  await xia.getByRole("button", { name: "New room" }).click();
  await xia.getByRole("textbox", { name: "Name" }).fill("Board");
  await xia.getByRole("radio", { name: /Closed/ }).check();
  await xia.getByRole("button", { name: "Create room" }).click();
  await expect(xia.getByRole("heading", { level: 1, name: "Board" })).toBeVisible();
  await connected(xia);
  await expect(sidebar(wim).getByRole("link", { name: "Board" })).toHaveCount(0);
  const details = await xia.context().newPage();
  await details.goto(`${xia.url()}/details`);
  await details.getByRole("textbox", { name: "Invite people" }).fill("wim");
  await details.getByRole("button", { name: "Invite", exact: true }).click();
  await expect(sidebar(wim).getByRole("link", { name: "Board" })).toBeVisible({ timeout: 2_000 });
  await expect(log(xia, "Board").getByText("Xia added Wim")).toBeVisible({ timeout: 2_000 });
  await sidebar(wim).getByRole("link", { name: "Board" }).click();
  await box(xia, "Board").fill("for the board alone");
  await box(xia, "Board").press("Enter");
  await expect(log(wim, "Board").getByText("for the board alone")).toBeVisible({ timeout: 2_000 });
  await box(wim, "Board").pressSequentially("what I think is");
  await details.getByRole("button", { name: "Remove Wim" }).click();
  await expect(wim.getByRole("alert")).toContainText("Xia removed you from Board", {
    timeout: 2_000,
  });
  await expect(sidebar(wim).getByRole("link", { name: "Board" })).toHaveCount(0);
  await expect(wim.getByRole("textbox", { name: "What you had typed" })).toHaveValue(
    "what I think is",
  );
  await expect(wim.getByText("for the board alone")).toHaveCount(0);
  await sidebar(wim).getByRole("link", { name: "general" }).click();
  await box(wim, "general").fill("well then");
  await box(wim, "general").press("Enter");
  await expect(log(wim, "general").getByText("well then")).toBeVisible();
  await expect(wim.getByText("Sending…")).toHaveCount(0);
});

test("one browser signs another one out, which says so", async ({
  person,
  browser,
  baseURL,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|401/);
  const una = await person("una");
  await connected(una);
  const context = await browser.newContext(baseURL ? { baseURL } : {});
  const there = await context.newPage();
  await there.goto("/login");
  await signIn(there, "una");
  await connected(there);
  await una.getByRole("link", { name: "Settings" }).click();
  await una.getByRole("link", { name: "Where you are signed in" }).click();
  await expect(una.getByText("This browser")).toBeVisible();
  await una.getByRole("button", { name: "Sign out everywhere else" }).click();
  await expect(there.getByRole("status")).toContainText("You have been signed out", {
    timeout: 10_000,
  });
  await una.getByRole("link", { name: "general" }).click();
  await connected(una);
  await context.close();
});

test("two people talk to each other alone", async ({ person }) => {
  const tia = await person("tia");
  const sol = await person("sol");
  await connected(sol);
  await sidebar(tia).getByRole("link", { name: "People" }).click();
  await tia.getByRole("button", { name: "Message Sol" }).click();
  await expect(tia.getByRole("heading", { level: 1, name: "Sol" })).toBeVisible();
  await connected(tia);
  await tia.getByRole("textbox", { name: "Message Sol" }).fill("psst");
  await tia.getByRole("textbox", { name: "Message Sol" }).press("Enter");
  await sidebar(sol).getByRole("link", { name: "Tia" }).click({ timeout: 3_000 });
  await expect(log(sol, "Tia").getByText("psst")).toBeVisible();
  await sol.getByRole("textbox", { name: "Message Tia" }).fill("yes?");
  await sol.getByRole("textbox", { name: "Message Tia" }).press("Enter");
  await expect(log(tia, "Sol").getByText("yes?")).toBeVisible({ timeout: 2_000 });
});

test("two invitations at once are both heard live", async ({ person }) => {
  const rae = await person("rae");
  const quin = await person("quin");
  await connected(quin);
  const rooms = ["Alpha", "Beta"];
  const pages: Page[] = [];
  for (const name of rooms) {
    const page = await rae.context().newPage();
    await page.goto("/rooms/new");
    await page.getByRole("textbox", { name: "Name" }).fill(name);
    await page.getByRole("radio", { name: /Closed/ }).check();
    await page.getByRole("button", { name: "Create room" }).click();
    await connected(page);
    pages.push(page);
  }
  const details = await Promise.all(
    pages.map(async (page) => {
      const tab = await rae.context().newPage();
      await tab.goto(`${page.url()}/details`);
      await tab.getByRole("textbox", { name: "Invite people" }).fill("quin");
      return tab;
    }),
  );
  await Promise.all(
    details.map((tab) => tab.getByRole("button", { name: "Invite", exact: true }).click()),
  );
  for (const [at, name] of rooms.entries()) {
    await sidebar(quin).getByRole("link", { name }).click();
    await expect(log(quin, name).getByText("Rae added Quin")).toBeVisible();
    const page = pages[at] as Page;
    await box(page, name).fill(`live in ${name}`);
    await box(page, name).press("Enter");
    await expect(log(quin, name).getByText(`live in ${name}`)).toBeVisible({ timeout: 3_000 });
  }
});

test("another role is another page", async ({ person, page: boss, allowConsoleErrors }) => {
  allowConsoleErrors(/WebSocket/);
  const pam = await person("pam");
  await connected(pam);
  await boss.goto("/login");
  await signIn(boss, ADMINISTRATOR);
  await connected(boss);
  await boss.goto("/admin");
  await boss.getByRole("listitem", { name: "Pam" }).getByText("Change").click();
  await boss.getByRole("button", { name: "Make guest Pam" }).click();
  await expect(pam.getByRole("button", { name: "New room" })).toHaveCount(0, { timeout: 15_000 });
  await expect(sidebar(pam).getByRole("link", { name: "general" })).toHaveCount(0);
});

test("a refused change of password is said at its form, in sight and with the focus", async ({
  person,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/422/);
  const page = await person("gesine");
  await page.setViewportSize({ width: 900, height: 400 });
  await page.goto("/settings/account");
  await page.getByLabel("Password now").fill("not my password at all");
  await page.getByLabel("New password").fill("another good long password");
  await page.getByRole("button", { name: "Change password" }).click();
  const said = page.getByRole("alert").filter({ hasText: "This is not your password." });
  await expect(said).toBeInViewport();
  await expect(said).toBeFocused();
});

test("ending the other sessions says so", async ({ person, browser, natter }) => {
  const page = await person("heiner");
  const there = await browser.newPage({ baseURL: natter.url });
  await there.goto("/login");
  await signIn(there, "heiner");
  await expect(box(there, "general")).toBeVisible();
  await page.goto("/settings/sessions");
  await page.getByRole("button", { name: "Sign out everywhere else" }).click();
  const said = page.getByRole("status").filter({ hasText: "You are signed out everywhere else." });
  await expect(said).toBeVisible();
  await there.close();
});
