import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/natter.ts";

const box = (page: Page, room = "general") =>
  page.getByRole("textbox", { name: `Message #${room}` });
const log = (page: Page, room = "general") =>
  page.getByRole("log", { name: `Messages in ${room}` });
const message = (page: Page, text: string) =>
  log(page).getByRole("article").filter({ hasText: text });
const status = (page: Page, text: string) => page.getByRole("status").filter({ hasText: text });

async function say(page: Page, text: string, room = "general") {
  await box(page, room).fill(text);
  await box(page, room).press("Enter");
}

test("two people see what each writes within a second, and a reload keeps it", async ({
  person,
}) => {
  const ada = await person("ada", { displayName: "Ada Kim" });
  const ben = await person("ben", { displayName: "Ben Ode" });
  await expect(status(ada, "Connected")).toBeAttached();
  await expect(status(ben, "Connected")).toBeAttached();
  await say(ada, "Good morning");
  await expect(message(ben, "Good morning")).toBeVisible({ timeout: 1_000 });
  await expect(message(ben, "Good morning")).toContainText("Ada Kim");
  await box(ben).fill("Morning, Ada");
  await ben.getByRole("button", { name: "Send" }).click();
  await expect(message(ada, "Morning, Ada")).toBeVisible({ timeout: 1_000 });
  await expect(box(ben)).toHaveValue("");
  await expect(ada.getByText("Sending…")).toHaveCount(0);
  await ada.reload();
  await expect(message(ada, "Good morning")).toHaveCount(1);
  await expect(message(ada, "Morning, Ada")).toHaveCount(1);
});

test("Enter sends, Shift+Enter breaks the line, and nothing is sent of nothing", async ({
  person,
}) => {
  const cleo = await person("cleo");
  await expect(status(cleo, "Connected")).toBeAttached();
  const before = await log(cleo).getByRole("article").count();
  await say(cleo, "   ");
  await box(cleo).fill("");
  await box(cleo).pressSequentially("first line");
  await box(cleo).press("Shift+Enter");
  await box(cleo).pressSequentially("second line");
  await box(cleo).press("Enter");
  await expect(message(cleo, "second line")).toContainText("first line");
  await expect(log(cleo).getByRole("article")).toHaveCount(before + 1);
});

test("a message that is too long stays in the box, with the reason", async ({ person }) => {
  const dana = await person("dana");
  await expect(status(dana, "Connected")).toBeAttached();
  await say(dana, "x".repeat(4_001));
  await expect(dana.getByRole("alert")).toContainText("at most 4,000 characters");
  await expect(box(dana)).toHaveValue("x".repeat(4_001));
  await say(dana, "short enough");
  await expect(message(dana, "short enough")).toBeVisible();
  await expect(dana.getByRole("alert")).toHaveCount(0);
});

test("the broker is killed, and both go on with nothing lost", async ({
  person,
  natter,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|ERR_|503/);
  const emil = await person("emil");
  const fay = await person("fay");
  await expect(status(emil, "Connected")).toBeAttached();
  await expect(status(fay, "Connected")).toBeAttached();
  await say(emil, "before the fall");
  await expect(message(fay, "before the fall")).toBeVisible();
  await natter.killBroker();
  for (let n = 1; n <= 5; n++) {
    await say(emil, `in between ${n}`);
  }
  for (let n = 1; n <= 5; n++) {
    await expect(message(fay, `in between ${n}`)).toHaveCount(1, { timeout: 20_000 });
    await expect(message(emil, `in between ${n}`)).toHaveCount(1);
  }
  await say(fay, "and after");
  await expect(message(emil, "and after")).toBeVisible();
  await expect(emil.getByText("Sending…")).toHaveCount(0);
  const texts = await log(fay).getByRole("article").allTextContents();
  const order = texts.filter((text) => /in between/.test(text)).map((text) => text.at(-1));
  expect(order).toEqual(["1", "2", "3", "4", "5"]);
  await fay.reload();
  for (let n = 1; n <= 5; n++) {
    await expect(message(fay, `in between ${n}`)).toHaveCount(1);
  }
});

test("a room is made, found by the others, and talked in", async ({ person }) => {
  const gus = await person("gus");
  const hal = await person("hal");
  await expect(status(hal, "Connected")).toBeAttached();
  await gus.getByRole("button", { name: "New room" }).click();
  await gus.getByRole("textbox", { name: "Name" }).fill("Launch");
  await gus.getByRole("textbox", { name: "Topic" }).fill("Ship 2.0 on Thursday");
  await gus.getByRole("button", { name: "Create room" }).click();
  await expect(gus.getByRole("heading", { level: 1, name: "Launch" })).toBeVisible();
  await expect(gus.getByText("This is the start of Launch")).toBeVisible();
  const rooms = hal.getByRole("navigation", { name: "Rooms and people" });
  await rooms.getByRole("link", { name: "Browse rooms" }).click();
  await hal.getByRole("link", { name: "Launch" }).click();
  await expect(hal.getByRole("heading", { level: 1, name: "Launch" })).toBeVisible();
  await expect(rooms.getByRole("link", { name: "Launch" })).toHaveCount(0);
  await hal.getByRole("button", { name: "Join room" }).click();
  await expect(rooms.getByRole("link", { name: "Launch" })).toBeVisible();
  await expect(log(gus, "Launch").getByText("Hal joined")).toBeVisible({ timeout: 1_000 });
  // Before the page is alive, Enter breaks the line.
  await expect(status(hal, "Connected")).toBeAttached();
  await say(hal, "I am in", "Launch");
  await expect(log(gus, "Launch").getByText("I am in")).toBeVisible();
  await rooms.getByRole("link", { name: "general" }).click();
  await expect(log(hal)).toBeVisible();
  await hal.goBack();
  await expect(log(hal, "Launch").getByText("I am in")).toBeVisible();
});

test("a draft stays in its room, across a reload too", async ({ person }) => {
  const uma = await person("uma");
  await expect(status(uma, "Connected")).toBeAttached();
  await uma.getByRole("button", { name: "New room" }).click();
  await uma.getByRole("textbox", { name: "Name" }).fill("drafts");
  await uma.getByRole("button", { name: "Create room" }).click();
  await uma.getByRole("link", { name: "general" }).click();
  await box(uma).fill("half a thought");
  await uma.getByRole("link", { name: "drafts" }).click();
  await expect(box(uma, "drafts")).toHaveValue("");
  await uma.reload();
  await uma.getByRole("link", { name: "general" }).click();
  await expect(box(uma)).toHaveValue("half a thought");
  await box(uma).press("Enter");
  await expect(message(uma, "half a thought")).toBeVisible();
  await uma.reload();
  await expect(box(uma)).toHaveValue("");
});

test("a room whose name is taken is refused, and what was typed stays", async ({
  person,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/422/);
  const ida = await person("ida");
  await ida.getByRole("button", { name: "New room" }).click();
  await ida.getByRole("textbox", { name: "Name" }).fill("General");
  await ida.getByRole("textbox", { name: "Topic" }).fill("kept");
  await ida.getByRole("button", { name: "Create room" }).click();
  await expect(ida.getByRole("alert")).toContainText("taken");
  await expect(ida.getByRole("textbox", { name: "Topic" })).toHaveValue("kept");
  await ida.getByRole("link", { name: "general" }).click();
  await ida.getByRole("button", { name: "New room" }).click();
  await expect(ida.getByRole("heading", { level: 1, name: "New room" })).toBeVisible();
  await expect(ida.getByRole("alert")).toHaveCount(0);
});

test("signing out closes the live connection, in the other tab too", async ({
  person,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|401/);
  const jo = await person("jo");
  const tab = await jo.context().newPage();
  await tab.goto("/");
  await expect(status(tab, "Connected")).toBeAttached();
  await jo.getByRole("link", { name: "Settings" }).click();
  await jo.getByRole("button", { name: "Sign out" }).click();
  await expect(jo.getByRole("button", { name: "Sign in" })).toBeVisible();
  await expect(tab.getByRole("button", { name: "Sign in" })).toBeVisible({ timeout: 10_000 });
});

test("signing in again, wrongly first", async ({ person, allowConsoleErrors }) => {
  allowConsoleErrors(/422|WebSocket/);
  const kim = await person("kim", { password: "correct horse" });
  await kim.getByRole("link", { name: "Settings" }).click();
  await kim.getByRole("button", { name: "Sign out" }).click();
  await kim.getByRole("textbox", { name: "Username" }).fill("kim");
  await kim.getByLabel("Password").fill("wrong horse");
  await kim.getByRole("button", { name: "Sign in" }).click();
  await expect(kim.getByRole("alert")).toContainText("Wrong username or password");
  await expect(kim.getByRole("textbox", { name: "Username" })).toHaveValue("kim");
  await kim.getByLabel("Password").fill("correct horse");
  await kim.getByRole("button", { name: "Sign in" }).click();
  await expect(kim.getByRole("heading", { level: 1, name: "general" })).toBeVisible();
});

test("the connection check shows both ways and the broker", async ({ person }) => {
  const lee = await person("lee");
  await expect(status(lee, "Connected")).toBeAttached();
  await lee.getByRole("link", { name: "Settings" }).click();
  await lee.getByRole("link", { name: "Connection check" }).click();
  await expect(lee.getByRole("row", { name: "Through the server" })).toContainText(/\d ms/);
  await expect(lee.getByRole("row", { name: "From this browser" })).toContainText(/\d ms/);
  await expect(lee.getByRole("row", { name: /^Broker/ })).toContainText("nats-server 2.");
});

test("reading further up is not disturbed by what comes in", async ({ person }) => {
  const max = await person("max");
  const nia = await person("nia");
  await expect(status(max, "Connected")).toBeAttached();
  await expect(status(nia, "Connected")).toBeAttached();
  for (let n = 1; n <= 40; n++) {
    await say(nia, `line ${n}`);
  }
  await expect(message(max, "line 40")).toBeInViewport();
  const old = message(max, "line 8").first();
  await old.scrollIntoViewIfNeeded();
  const at = (await old.boundingBox())?.y;
  await say(nia, "something new");
  await expect(max.getByRole("button", { name: "1 new message" })).toBeVisible();
  expect(Math.abs(((await old.boundingBox())?.y ?? 0) - (at ?? 0))).toBeLessThan(2);
  await max.getByRole("button", { name: "1 new message" }).click();
  await expect(message(max, "something new")).toBeInViewport();
});

test("earlier messages come in above", async ({ person }) => {
  const oda = await person("oda");
  await expect(status(oda, "Connected")).toBeAttached();
  for (let n = 1; n <= 60; n++) {
    await say(oda, `page ${n}.`);
  }
  await expect(message(oda, "page 60.")).toHaveCount(1);
  await expect(oda.getByText("Sending…")).toHaveCount(0, { timeout: 20_000 });
  await oda.reload();
  // Until then the button does nothing.
  await expect(status(oda, "Connected")).toBeAttached();
  await expect(message(oda, "page 60.")).toHaveCount(1);
  await expect(message(oda, "page 2.")).toHaveCount(0);
  await oda.getByRole("button", { name: "Show earlier messages" }).click();
  await expect(message(oda, "page 2.")).toHaveCount(1);
});

test("what does not exist is said so", async ({ person, allowConsoleErrors }) => {
  allowConsoleErrors(/404/);
  const pia = await person("pia");
  await pia.goto("/r/nowhere");
  await expect(pia.getByRole("heading", { name: "There is no such room" })).toBeVisible();
  await pia.goto("/nothing/at/all");
  await expect(pia.getByRole("heading", { name: "There is nothing here" })).toBeVisible();
});

test("with twenty connections open, one more is told so and goes on when there is room", async ({
  person,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/WebSocket|429/);
  const ria = await person("ria");
  await expect(status(ria, "Connected")).toBeAttached();
  await ria.evaluate(async () => {
    const open = Array.from({ length: 19 }, () => new WebSocket("/nats"));
    // The broker speaks first, and lets nobody stay who does not answer.
    const answer = (socket: WebSocket) => socket.send('CONNECT {"verbose":false}\r\n');
    const connected = open.map(
      (socket) =>
        new Promise<void>((done) => {
          const first = () => {
            answer(socket);
            done();
          };
          socket.addEventListener("message", first, { once: true });
        }),
    );
    await Promise.all(connected);
    Object.assign(window, { others: open });
  });
  const tab = await ria.context().newPage();
  await tab.goto("/");
  await expect(status(tab, "Natter is open in 20 places")).toBeVisible({ timeout: 15_000 });
  await ria.evaluate(() => {
    for (const socket of Reflect.get(window, "others") as WebSocket[]) {
      socket.close();
    }
  });
  await expect(status(tab, "Connected")).toBeVisible({ timeout: 30_000 });
});
