import type { BrowserContext, Page } from "@playwright/test";
import { expect, type Natter, PASSWORD, signIn, test } from "../fixtures/natter.ts";

const box = (page: Page) => page.getByRole("textbox", { name: "Message #general" });
const log = (page: Page) => page.getByRole("log", { name: "Messages in general" });

/** What a page of somebody else is refused with, and a connection that ends meanwhile. */
const REFUSED = /409|401|403|WebSocket|ERR_/;

/**
 * Two tabs of one browser: in the first `name` signs up, in the second the form for signing in was
 * open before, so that `other` can sign in there while the first tab stays as it is.
 */
async function twoTabs(context: BrowserContext, natter: Natter, name: string, other: string) {
  await natter.signUp(other, PASSWORD);
  const second = await context.newPage();
  await second.goto("/login");
  const first = await context.newPage();
  await first.goto("/signup");
  await first.getByRole("textbox", { name: "Username" }).fill(name);
  await first.getByLabel("Password").fill(PASSWORD);
  await first.getByRole("button", { name: "Create account" }).click();
  await expect(box(first)).toBeVisible();
  const signInOther = async () => {
    await signIn(second, other);
    await expect(box(second)).toBeVisible();
  };
  return { first, second, signInOther };
}

const draftsIn = (page: Page) =>
  page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("natter.draft.")));

test("a live page says that somebody else is signed in, sends nothing and keeps the text", async ({
  context,
  natter,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(REFUSED);
  const { first, second, signInOther } = await twoTabs(context, natter, "wanja", "ximena");
  await expect(first.getByRole("status").filter({ hasText: "Connected" })).toBeAttached();
  await box(first).fill("half a thought");
  await signInOther();
  const status = first.getByRole("status").filter({ hasText: "You are signed in as ximena now." });
  await expect(status).toContainText("What you wrote is kept.", { timeout: 10_000 });
  await expect(box(first)).toHaveValue("half a thought");

  await box(first).fill("in whose name?");
  await box(first).press("Enter");
  await expect(
    first.getByText("Not sent, and kept here. It goes out when you sign in again."),
  ).toBeVisible();
  await box(first).fill("half a thought");

  await status.getByRole("button", { name: "Go on as ximena" }).click();
  await expect(first.getByText("ximena", { exact: true })).toBeVisible();
  await expect(box(first)).toHaveValue("");
  for (const tab of [first, second]) {
    await expect(log(tab).getByText("in whose name?")).toHaveCount(0);
  }

  // It is sent in the name of its author, once they are signed in again.
  await first.goto("/settings");
  await first.getByRole("button", { name: "Sign out" }).click();
  await signIn(first, "wanja");
  await expect(box(first)).toHaveValue("half a thought");
  const message = log(first).getByRole("article").filter({ hasText: "in whose name?" });
  await expect(message).toContainText("wanja", { timeout: 15_000 });
});

test("a form of somebody else's page changes nothing and gives the text back", async ({
  context,
  natter,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(REFUSED);
  const { first, second, signInOther } = await twoTabs(context, natter, "yola", "zeno");
  await first.goto("/settings/account");
  await first.getByRole("textbox", { name: "About you" }).fill("I am Yola.");
  await signInOther();
  await first.getByRole("button", { name: "Save" }).click();
  await expect(first.getByRole("alert")).toHaveText(
    "You are signed in as zeno now. What you wrote is kept.",
  );
  await expect(first.getByRole("textbox", { name: "About you" })).toHaveValue("I am Yola.");
  await second.goto("/settings/account");
  await expect(second.getByRole("textbox", { name: "About you" })).toHaveValue("");
  await first.getByRole("link", { name: "Go on as zeno" }).click();
  await expect(box(first)).toBeVisible();
});

test("the sign-out of somebody else's page signs nobody out", async ({
  context,
  natter,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(REFUSED);
  const { first, second, signInOther } = await twoTabs(context, natter, "anton", "berta");
  await first.goto("/settings");
  await signInOther();
  await first.getByRole("button", { name: "Sign out" }).click();
  await expect(first.getByRole("alert")).toContainText("You are signed in as berta now.");
  await second.reload();
  await expect(box(second)).toBeVisible();
});

test.describe("with scripts off", () => {
  test.use({ javaScriptEnabled: false });

  test("a message on somebody else's page is not posted and given back", async ({
    context,
    natter,
    allowConsoleErrors,
  }) => {
    allowConsoleErrors(REFUSED);
    const { first, second, signInOther } = await twoTabs(context, natter, "caesar", "dora");
    await box(first).fill("by the wrong author");
    await signInOther();
    await first.getByRole("button", { name: "Send" }).click();
    await expect(first.getByRole("alert")).toContainText("You are signed in as dora now.");
    const kept = first.getByRole("textbox", { name: "Your message" });
    await expect(kept).toHaveValue("by the wrong author");
    await second.reload();
    await expect(log(second).getByText("by the wrong author")).toHaveCount(0);
  });
});

test("signing out asks what becomes of drafts, and leaves none to the next person", async ({
  person,
  natter,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(REFUSED);
  await natter.signUp("fridolin", PASSWORD);
  const emilio = await person("emilio");
  await box(emilio).fill("for nobody else");
  // What another person of this browser has begun is theirs.
  await emilio.evaluate(() => localStorage.setItem("natter.draft.fridolin.x", "of Fridolin"));
  await emilio.getByRole("link", { name: "Settings" }).click();
  const signOut = emilio.getByRole("button", { name: "Sign out", exact: true });
  await signOut.click();
  await expect(emilio.getByRole("alert")).toContainText("You have a draft in one room.");
  await emilio.getByRole("button", { name: "Stay signed in" }).click();
  await expect(emilio.getByRole("alert")).toHaveCount(0);
  expect(await draftsIn(emilio)).toHaveLength(2);

  await signOut.click();
  await emilio.getByRole("button", { name: "Discard and sign out" }).click();
  await expect(emilio.getByRole("button", { name: "Sign in" })).toBeVisible();
  expect(await draftsIn(emilio)).toEqual(["natter.draft.fridolin.x"]);
  await signIn(emilio, "fridolin");
  await expect(box(emilio)).toHaveValue("");
});
