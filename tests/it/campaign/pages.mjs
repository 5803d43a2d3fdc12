// Pages of the campaign. The argument names them; then a line of JSON on stdin is something to do:
// {"say": TEXT, "page": N} types a message, {"shown": N} answers with what a page shows.
import { createInterface } from "node:readline";
import { chromium } from "@playwright/test";

const wanted = JSON.parse(process.argv[2]);
const browser = await chromium.launch({
  ...(process.env.CHROMIUM ? { executablePath: process.env.CHROMIUM } : {}),
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

const pages = [];
for (const { cookie, url } of wanted) {
  const context = await browser.newContext();
  const [name, value] = cookie.split("=");
  await context.addCookies([{ name, value, url: new URL(url).origin }]);
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  // What a page complains of is part of the report; a network that fails is no news.
  page.on("pageerror", (error) => console.error(`page: thrown: ${error.stack}`));
  page.on("crash", () => console.error("page: crashed"));
  await page.goto(url);
  await page.getByRole("status").filter({ hasText: "Connected" }).waitFor({ state: "attached" });
  pages.push(page);
}
console.log(JSON.stringify({ open: pages.length }));

async function say({ say: text, page }) {
  const box = pages[page].getByRole("textbox", { name: /^Message/ });
  try {
    await box.fill(text);
    await box.press("Enter");
  } catch (error) {
    console.error(`page: cannot type: ${error}\n${await pages[page].locator("body").innerText()}`);
    throw error;
  }
}

/** The texts of the messages in the log, those on their way apart. */
async function shown(page) {
  const log = pages[page].getByRole("log");
  const said = await log.getByRole("article").allInnerTexts();
  const done = said.filter((text) => !text.includes("Sending…"));
  return done.flatMap((text) => /\S+ \d{6}/.exec(text)?.[0] ?? []);
}

for await (const line of createInterface({ input: process.stdin })) {
  const todo = JSON.parse(line);
  if ("say" in todo) {
    await say(todo);
  } else {
    console.log(JSON.stringify({ shown: await shown(todo.shown) }));
  }
}
await browser.close();
