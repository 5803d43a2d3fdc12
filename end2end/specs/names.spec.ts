import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/natter.ts";

// The form goes out however far the page's script is.
const send = (page: Page) => page.getByRole("button", { name: "Send" }).click();
const box = (page: Page) => page.getByRole("textbox", { name: "Message #general" });
const log = (page: Page) => page.getByRole("log", { name: "Messages in general" });

async function say(page: Page, text: string) {
  await box(page).fill(text);
  await send(page);
  await expect(log(page).getByText(text)).toBeVisible();
}

test("a copy of somebody's name is told apart by the username", async ({ person }) => {
  const nora = await person("nora", { displayName: "Nora Berg" });
  await say(nora, "from the real one");
  const copy = await person("n0ra", { displayName: "Nоra Bеrg" });
  await say(copy, "from the copy");
  const owen = await person("owen", { displayName: "Owen" });
  const article = (text: string) => log(owen).getByRole("article").filter({ hasText: text });
  await expect(article("from the copy").getByText("@n0ra")).toBeVisible();
  await expect(article("from the real one").getByText("@nora")).toBeVisible();
  await say(owen, "from me");
  await expect(article("from me").getByText("@owen")).toHaveCount(0);
  await expect(article("from me").getByTitle("@owen")).toHaveText("Owen");
});

test("a message with nothing to see is refused in words and kept", async ({
  person,
  allowConsoleErrors,
}) => {
  // Where the script is not there yet, the server refuses it.
  allowConsoleErrors(/422/);
  const pola = await person("pola");
  await say(pola, "something");
  await box(pola).fill("\u200b\u3164");
  await send(pola);
  await expect(pola.getByRole("alert")).toContainText("There is nothing to send yet");
  await expect(box(pola)).toHaveValue("\u200b\u3164");
  await say(pola, "something else");
  await expect(pola.getByRole("alert")).toHaveCount(0);
});

test("marks in masses stay within their message", async ({ person }) => {
  const rolf = await person("rolf");
  await say(rolf, "rolf: a line above the marks");
  const masses = `z${"\u0351\u0329".repeat(60)}`;
  await box(rolf).fill(masses);
  await send(rolf);
  const text = log(rolf).getByText(masses);
  await expect(text).toBeVisible();
  // A test cannot see what is painted outside an element's box. With this style nothing is.
  const overflow = await text.evaluate((element) => getComputedStyle(element).overflowY);
  expect(overflow).toBe("clip");
});

test("the time stays beside the longest name on a narrow screen", async ({ person }) => {
  const name = "M".repeat(60);
  const svea = await person("svea", { displayName: name, viewport: { width: 360, height: 740 } });
  await svea.goto("/r/general");
  await say(svea, "from somebody with a long name");
  const article = log(svea)
    .getByRole("article")
    .filter({ hasText: "from somebody with a long name" });
  await expect(article.getByText(name)).toBeVisible();
  const time = article.getByRole("time");
  const place = await time.boundingBox();
  expect(place).not.toBeNull();
  expect((place?.x ?? 0) + (place?.width ?? 0)).toBeLessThanOrEqual(360);
  expect(place?.height).toBeLessThan(30);
});
