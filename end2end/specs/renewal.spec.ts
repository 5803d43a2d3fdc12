import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/natter.ts";
import { Natter } from "../fixtures/server.ts";

const log = (page: Page) => page.getByRole("log", { name: "Messages in general" });

/** The WebSockets of a page, as they come and go. */
class Sockets {
  opened = 0;
  open = 0;
  mostAtOnce = 0;
  /** What the broker complained of: an error that ends a connection is one that was not renewed. */
  readonly complaints: string[] = [];

  constructor(page: Page) {
    page.on("websocket", (socket) => {
      this.opened += 1;
      this.open += 1;
      this.mostAtOnce = Math.max(this.mostAtOnce, this.open);
      socket.on("close", () => {
        this.open -= 1;
      });
      socket.on("framereceived", ({ payload }) => {
        const text = payload.toString();
        if (text.startsWith("-ERR")) {
          this.complaints.push(text);
        }
      });
    });
  }
}

/** Notes every word that the state of the connection says, from now on. */
async function listen(page: Page) {
  await page.evaluate(() => {
    const heard: string[] = [];
    Object.assign(window, { heard });
    const note = () => {
      for (const status of document.querySelectorAll("[role=status]")) {
        heard.push(status.textContent ?? "");
      }
    };
    new MutationObserver(note).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
    });
  });
}

const heard = (page: Page) =>
  page.evaluate(() => [...new Set((window as unknown as { heard: string[] }).heard)]);

test("rights are renewed again and again while two people talk, and nobody notices", async ({
  browser,
  gate,
}, info) => {
  test.setTimeout(90_000);
  const natter = await Natter.start(info.outputPath("natter.log"), ["--rights-life", "9"]);
  try {
    const pages: [Page, Sockets][] = [];
    for (const name of ["ada", "ben"]) {
      const context = await browser.newContext({ baseURL: natter.url });
      gate.watch(context);
      const page = await context.newPage();
      const sockets = new Sockets(page);
      await page.goto("/signup");
      await page.getByRole("textbox", { name: "Username" }).fill(name);
      await page.getByLabel("Password").fill("correct horse battery staple");
      await page.getByRole("button", { name: "Create account" }).click();
      await expect(page.getByRole("status").filter({ hasText: "Connected" })).toBeAttached();
      await listen(page);
      pages.push([page, sockets]);
    }
    const said: string[] = [];
    // Three renewals at least: each page has had four connections by then.
    while (pages.some(([, sockets]) => sockets.opened < 4)) {
      for (const [page] of pages) {
        const text = `message ${said.length + 1}.`;
        said.push(text);
        const box = page.getByRole("textbox", { name: "Message #general" });
        await box.fill(text);
        await box.press("Enter");
      }
      await pages[0]?.[0].waitForTimeout(150);
    }
    for (const [page, sockets] of pages) {
      const last = said[said.length - 1] as string;
      await expect(log(page).getByText(last, { exact: true })).toBeVisible();
      await expect(page.getByText("Sending…")).toHaveCount(0);
      const shown = await log(page)
        .getByText(/^message \d+\.$/)
        .allTextContents();
      expect(shown.toSorted()).toEqual(said.toSorted());
      await expect.poll(() => sockets.open).toBe(1);
      expect(sockets.mostAtOnce).toBeLessThanOrEqual(2);
      expect(sockets.complaints).toEqual([]);
      expect((await heard(page)).filter((words) => !["", "Connected"].includes(words))).toEqual([]);
    }
    // As natter counts them, too.
    const health = await fetch(`${natter.url}/health`);
    expect((await health.json()).connections).toBe(2);
    await Promise.all(pages.map(([page]) => page.context().close()));
  } finally {
    await natter.stop();
  }
});
