import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/natter.ts";

const box = (page: Page, room = "general") =>
  page.getByRole("textbox", { name: `Message #${room}`, exact: true });
const log = (page: Page) => page.getByRole("log", { name: "Messages in general" });
const connected = (page: Page) =>
  expect(page.getByRole("status").filter({ hasText: "Connected" })).toBeAttached();

/** Opens the landing page in another tab of the same browser. */
async function tabBeside(page: Page): Promise<Page> {
  const tab = await page.context().newPage();
  await tab.goto("/");
  await connected(tab);
  return tab;
}

test("each tab has a draft of its own in a room, and keeps it across a reload", async ({
  person,
}) => {
  const one = await person("xenia");
  await connected(one);
  await box(one).fill("of the first tab");
  const two = await tabBeside(one);
  await expect(box(two)).toHaveValue("");
  await box(two).fill("of the second tab");
  for (const tab of [one, two, one]) {
    await tab.reload();
    await connected(tab);
  }
  await expect(box(one)).toHaveValue("of the first tab");
  await expect(box(two)).toHaveValue("of the second tab");

  await box(one).press("Enter");
  await expect(log(two).getByText("of the first tab")).toBeVisible();
  await expect(box(two)).toHaveValue("of the second tab");
  await box(two).press("Enter");
  await expect(log(one).getByText("of the second tab")).toBeVisible();
  for (const tab of [one, two]) {
    await tab.reload();
    await connected(tab);
    await expect(box(tab)).toHaveValue("");
    await expect(log(tab).getByText("of the first tab")).toHaveCount(1);
    await expect(log(tab).getByText("of the second tab")).toHaveCount(1);
  }
});

test("a draft is adopted when its tab is gone, and never from a tab that lives", async ({
  person,
}) => {
  const one = await person("yorick");
  await connected(one);
  const gone = await tabBeside(one);
  await box(gone).fill("left behind");
  await one.reload();
  await connected(one);
  await expect(box(one)).toHaveValue("");
  await gone.close();
  await expect(async () => {
    await one.reload();
    await expect(box(one)).toHaveValue("left behind", { timeout: 2_000 });
  }).toPass({ timeout: 20_000 });
  // From here on it is this tab's.
  const three = await tabBeside(one);
  await expect(box(three)).toHaveValue("");
});

test("a draft that two tabs show disappears from both when one sends it", async ({ person }) => {
  const one = await person("zora");
  await connected(one);
  await box(one).fill("once is enough");
  // A duplicated tab begins with the session storage of the first, and so with its draft.
  const name = await one.evaluate(() => sessionStorage.getItem("natter.tab") ?? "");
  const two = await one.context().newPage();
  await two.addInitScript((tab) => {
    if (sessionStorage.getItem("natter.tab") === null) {
      sessionStorage.setItem("natter.tab", tab);
    }
  }, name);
  await two.goto("/");
  await connected(two);
  await expect(box(two)).toHaveValue("once is enough");
  // The duplicated tab has another name, so its draft does not overwrite the first one.
  await expect
    .poll(() => two.evaluate(() => sessionStorage.getItem("natter.tab")), { timeout: 20_000 })
    .not.toBe(name);

  await box(one).press("Enter");
  await expect(log(two).getByText("once is enough")).toBeVisible();
  await expect(box(two)).toHaveValue("");
  await box(two).press("Enter");
  await box(two).fill("the end");
  await box(two).press("Enter");
  await expect(log(one).getByText("the end")).toBeVisible();
  await expect(log(one).getByText("once is enough")).toHaveCount(1);
});
