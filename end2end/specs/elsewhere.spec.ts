import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/elsewhere.ts";
import { PASSWORD } from "../fixtures/natter.ts";

const room = (page: Page) => page.getByRole("textbox", { name: "Message #general" });
const alert = (page: Page) => page.getByRole("alert");

test("who signs in with an identity provider says a name once, and comes in again", async ({
  page: ada,
  allowConsoleErrors,
}) => {
  // A page that is signed out may have dialled once more before the browser leaves it.
  allowConsoleErrors(/422|WebSocket|401/);
  await ada.goto("/login");
  await ada.getByRole("link", { name: "Sign in with Example ID" }).click();
  await ada.getByRole("button", { name: "ada" }).click();
  await expect(ada.getByText("ada@example.org")).toBeVisible();
  const username = ada.getByRole("textbox", { name: "Username" });
  await expect(username).toHaveValue("ada");
  await expect(ada.getByRole("textbox", { name: "Display name" })).toHaveValue("Ada Kim");
  await username.fill("Ada");
  await ada.getByRole("button", { name: "Create account" }).click();
  await expect(alert(ada)).toContainText("small letters");
  await username.fill("ada");
  await ada.getByRole("button", { name: "Create account" }).click();
  await expect(room(ada)).toBeVisible();

  await ada.goto("/settings/account");
  await expect(ada.getByText("Your account has no password.")).toBeVisible();
  await expect(ada.getByRole("button", { name: /^Disconnect localhost/ })).toBeVisible();
  await ada.goto("/settings");
  await ada.getByRole("button", { name: "Sign out" }).click();
  // The provider still knows who it is.
  await ada.getByRole("link", { name: "Sign in with Example ID" }).click();
  await expect(room(ada)).toBeVisible();
});

test("who has an account connects an identity to it, and confirms it first", async ({ person }) => {
  const ben = await person("ben");
  await expect(room(ben)).toBeVisible();
  await ben.goto("/settings/account");
  await ben.getByRole("link", { name: "Connect Example ID" }).click();
  await ben.getByRole("button", { name: "ben" }).click();
  await expect(ben.getByText("Example ID says that you are ben@example.org.")).toBeVisible();
  await ben.getByRole("textbox", { name: "Your password" }).fill(PASSWORD);
  await ben.getByRole("button", { name: "Connect", exact: true }).click();
  await expect(ben.getByRole("button", { name: /^Disconnect localhost/ })).toBeVisible();
});

test("who stops there can still sign in by password", async ({ page, allowConsoleErrors }) => {
  allowConsoleErrors(/403/);
  await page.goto("/signup");
  await page.getByRole("link", { name: "Sign in with Example ID" }).click();
  await page.getByRole("button", { name: "cancel" }).click();
  await expect(alert(page)).toContainText("Example ID did not let you in");
  await expect(page.getByRole("textbox", { name: "Username" })).toBeVisible();
});

test.describe("with scripts off", () => {
  test.use({ javaScriptEnabled: false });

  test("one can sign in with an identity provider too", async ({ page }) => {
    await page.goto("/login");
    await page.getByRole("link", { name: "Sign in with Example ID" }).click();
    await page.getByRole("button", { name: "cleo" }).click();
    await page.getByRole("textbox", { name: "Username" }).fill("cleo");
    await page.getByRole("button", { name: "Create account" }).click();
    await expect(room(page)).toBeVisible();
  });
});
