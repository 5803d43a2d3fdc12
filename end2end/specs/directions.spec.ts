import type { Locator, Page } from "@playwright/test";
import { expect, test } from "../fixtures/natter.ts";

const box = (page: Page, room = "general") =>
  page.getByRole("textbox", { name: `Message #${room}`, exact: true });
const connected = (page: Page) =>
  expect(page.getByRole("status").filter({ hasText: "Connected" })).toBeAttached();
const direction = (element: Locator) =>
  element.evaluate((element) => getComputedStyle(element).direction);

test("a text runs in the direction of its own letters", async ({ person }) => {
  const noa = await person("noa", { displayName: "נועה כהן" });
  await connected(noa);
  const log = noa.getByRole("log");
  for (const [text, expected] of [
    ["שלום לכולם, מה שלומכם היום?", "rtl"],
    ["مرحبا بالجميع، كيف حالكم؟", "rtl"],
    ["Good morning to everybody", "ltr"],
    ["שלום (hello) לכולם: v2.0!", "rtl"],
  ] as const) {
    await box(noa).fill(text);
    expect(await direction(box(noa)), text).toBe(expected);
    await box(noa).press("Enter");
    expect(await direction(log.getByText(text)), text).toBe(expected);
  }
  expect(await direction(log.getByText("נועה כהן").first())).toBe("rtl");

  // Each line of a message has a direction of its own: the Hebrew one begins at the right.
  await box(noa).fill("English first\nואחר כך עברית");
  await box(noa).press("Enter");
  const lines = await log.getByText("English first").evaluate((text) => {
    const range = document.createRange();
    range.selectNodeContents(text);
    // Line breaks have rectangles too, without a width.
    const rects = [...range.getClientRects()].filter((rect) => rect.width > 10);
    const box = text.getBoundingClientRect();
    const [first, second] = [rects.at(0), rects.at(-1)];
    return { first: (first?.left ?? 0) - box.left, second: box.right - (second?.right ?? 0) };
  });
  expect(lines.first).toBeLessThan(2);
  expect(lines.second).toBeLessThan(2);

  await noa.goto("/settings/account");
  await noa.getByRole("textbox", { name: "About you" }).fill("אוהבת קפה");
  expect(await direction(noa.getByRole("textbox", { name: "About you" }))).toBe("rtl");
});
