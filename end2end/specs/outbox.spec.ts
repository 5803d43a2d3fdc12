import type { Page } from "@playwright/test";
import { expect, type Natter, test } from "../fixtures/natter.ts";

const box = (page: Page, room = "general") =>
  page.getByRole("textbox", { name: `Message #${room}` });
const log = (page: Page, room = "general") =>
  page.getByRole("log", { name: `Messages in ${room}` });
const connected = (page: Page) =>
  expect(page.getByRole("status").filter({ hasText: "Connected" })).toBeAttached();

async function say(page: Page, text: string, room = "general") {
  await box(page, room).fill(text);
  await box(page, room).press("Enter");
}

/** Does something while the broker answers nobody. */
async function whileTheBrokerIsSilent(natter: Natter, act: () => Promise<void>) {
  const broker = await natter.natsPid();
  process.kill(broker, "SIGSTOP");
  try {
    await act();
  } finally {
    process.kill(broker, "SIGCONT");
  }
}

/** What a page sends to natter as `post`, from here on. */
function posts(page: Page): string[] {
  const sent: string[] = [];
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => {
      const text = payload.toString();
      if (/natter\.svc\.[^.]+\.post/.test(text)) {
        sent.push(text);
      }
    });
  });
  return sent;
}

async function expectInOrder(page: Page, texts: string[]) {
  for (const text of texts) {
    await expect(log(page).getByRole("article").filter({ hasText: text })).toHaveCount(1, {
      timeout: 15_000,
    });
  }
  await expect(page.getByText("Sending…")).toHaveCount(0);
  const shown = await log(page).getByRole("article").allInnerTexts();
  const order = shown.flatMap((shown) => texts.filter((text) => shown.includes(text)));
  expect(order).toEqual(texts);
}

test("what was not sent when the page ended goes on in the next, once and in order", async ({
  person,
  natter,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|ERR_|503/);
  const wes = await person("wes");
  await connected(wes);
  const texts = ["wes: one of three", "wes: two of three", "wes: three of three"];
  const context = wes.context();
  await whileTheBrokerIsSilent(natter, async () => {
    for (const text of texts) {
      await say(wes, text);
    }
    await expect(wes.getByText("Sending…")).toHaveCount(3);
    // The draft is forgotten when its message is kept, so this is no race.
    await expect.poll(() => wes.evaluate(() => Object.keys(localStorage).length)).toBe(0);
    await wes.close();
  });
  const again = await context.newPage();
  await again.goto("/");
  await expectInOrder(again, texts);
  await again.reload();
  await expectInOrder(again, texts);
});

test("another tab leaves a message to the one that has it, and takes it over when that is gone", async ({
  person,
  natter,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|ERR_|503/);
  const xia = await person("xaver");
  await connected(xia);
  const tab = await xia.context().newPage();
  const sentByTab = posts(tab);
  await tab.goto("/");
  await connected(tab);
  await whileTheBrokerIsSilent(natter, async () => {
    await say(xia, "xia: sent by the first tab");
    await expect(xia.getByText("Sending…")).toBeVisible();
    // The tab looks for what was left behind whenever it is looked at.
    await look(tab);
  });
  await expectInOrder(tab, ["xia: sent by the first tab"]);
  expect(sentByTab).toHaveLength(0);
  await whileTheBrokerIsSilent(natter, async () => {
    await say(xia, "xia: left behind");
    await expect(xia.getByText("Sending…")).toBeVisible();
    await expect.poll(() => xia.evaluate(() => Object.keys(localStorage).length)).toBe(0);
    await xia.close();
    // A closed tab gives up its lock a moment later: the other one is looked at until then.
    await expect(async () => {
      await look(tab);
      await expect(tab.getByText("xia: left behind")).toBeVisible({ timeout: 1_000 });
    }).toPass({ timeout: 15_000 });
  });
  await expectInOrder(tab, ["xia: sent by the first tab", "xia: left behind"]);
  expect(sentByTab.length).toBeGreaterThan(0);
});

test("a refused message stays across a reload, and can be edited, tried again or discarded", async ({
  person,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket/);
  const yan = await person("yves");
  let release = () => {};
  let isHeld = false;
  await yan.routeWebSocket(/\/nats$/, (socket) => {
    const server = socket.connectToServer();
    const held: (string | Buffer)[] = [];
    release = () => {
      isHeld = false;
      for (const message of held.splice(0)) {
        server.send(message);
      }
    };
    socket.onMessage((message) => (isHeld ? held.push(message) : server.send(message)));
  });
  await yan.goto("/rooms/new");
  await yan.getByRole("textbox", { name: "Name" }).fill("short-lived");
  await yan.getByRole("button", { name: "Create room" }).click();
  await connected(yan);
  const room = yan.url();
  const other = await yan.context().newPage();
  // Until the page says that it is done.
  const archive = { name: "Archive room" };
  const open = { name: "Open it again" };
  const press = async (button: typeof archive, then: typeof archive) => {
    await other.goto(`${room}/details`);
    await other.getByRole("button", button).click();
    await expect(other.getByRole("button", then)).toBeVisible({ timeout: 15_000 });
  };
  isHeld = true;
  for (const text of ["first", "second", "third"]) {
    await say(yan, `${text} of yan`, "short-lived");
  }
  await press(archive, open);
  release();
  const refusals = yan.getByRole("alert").filter({ hasText: "archived" });
  await expect(refusals).toHaveCount(3, { timeout: 15_000 });
  await yan.reload();
  await expect(refusals).toHaveCount(3, { timeout: 15_000 });
  // There is no box to edit it in.
  await expect(yan.getByRole("button", { name: "Edit" })).toHaveCount(0);
  await press(open, archive);
  await expect(box(yan, "short-lived")).toBeVisible({ timeout: 15_000 });
  const of = (text: string) =>
    log(yan, "short-lived").getByRole("article").filter({ hasText: text });
  await box(yan, "short-lived").fill("being typed");
  await of("first of yan").getByRole("button", { name: "Edit" }).click();
  await expect(box(yan, "short-lived")).toHaveValue("first of yan\nbeing typed");
  await of("second of yan").getByRole("button", { name: "Try again" }).click();
  await of("third of yan").getByRole("button", { name: "Discard" }).click();
  await box(yan, "short-lived").press("Enter");
  await expect(of("being typed")).toContainText("first of yan");
  await expect(yan.getByText("Sending…")).toHaveCount(0);
  await yan.reload();
  await expect(of("second of yan")).toHaveCount(1);
  await expect(of("being typed")).toHaveCount(1);
  await expect(of("third of yan")).toHaveCount(0);
});

test("who signs out is told of what is not sent, and leaves nothing of it behind", async ({
  person,
  natter,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|ERR_|503|401/);
  const zoe = await person("zoe");
  await connected(zoe);
  await zoe.getByRole("link", { name: "Settings" }).click();
  const other = await zoe.context().newPage();
  await other.goto("/settings");
  await connected(other);
  await whileTheBrokerIsSilent(natter, async () => {
    await zoe.getByRole("link", { name: "general" }).click();
    await say(zoe, "zoe: never sent");
    await expect(zoe.getByText("Sending…")).toBeVisible();
    await zoe.getByRole("link", { name: "Settings" }).click();
    await expect(zoe.getByRole("alert")).toContainText("not sent yet");
    const stored = () =>
      zoe.evaluate(
        () =>
          new Promise<number>((resolve) => {
            const opening = indexedDB.open("natter");
            opening.onsuccess = () => {
              const store = opening.result.transaction("outbox").objectStore("outbox");
              const counting = store.count();
              counting.onsuccess = () => {
                opening.result.close();
                resolve(counting.result);
              };
            };
          }),
      );
    await expect.poll(stored).toBe(1);
    // In another tab too, though that one has nothing to send itself.
    await other.getByRole("button", { name: "Sign out" }).click();
    await expect(other.getByRole("alert")).toContainText("not sent yet");
    await other.getByRole("button", { name: "Stay signed in" }).click();
    await zoe.evaluate(() => {
      for (const form of document.forms) {
        form.submit = () => {};
      }
    });
    await zoe.getByRole("button", { name: "Sign out" }).click();
    await zoe.getByRole("button", { name: "Discard and sign out" }).click();
    await expect.poll(stored).toBe(0);
  });
});

test("who signs out can have what is not sent sent first", async ({
  person,
  natter,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|ERR_|503|401/);
  const gesa = await person("gesa");
  await connected(gesa);
  await gesa.getByRole("link", { name: "Settings" }).click();
  await whileTheBrokerIsSilent(natter, async () => {
    await gesa.getByRole("link", { name: "general" }).click();
    await say(gesa, "gesa: sent before she left");
    await expect(gesa.getByText("Sending…")).toBeVisible();
    await gesa.getByRole("link", { name: "Settings" }).click();
    await gesa.getByRole("button", { name: "Sign out" }).click();
    await gesa.getByRole("button", { name: "Send first, then sign out" }).click();
    await expect(gesa.getByText("as soon as your messages are sent")).toBeVisible();
  });
  await expect(gesa.getByRole("button", { name: "Sign in" })).toBeVisible({ timeout: 20_000 });
  const hanno = await person("hanno");
  await expect(hanno.getByText("gesa: sent before she left")).toBeVisible();
});

async function look(page: Page) {
  await page.evaluate(() =>
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true })),
  );
}
