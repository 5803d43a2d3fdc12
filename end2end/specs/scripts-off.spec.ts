import { expect, PASSWORD, test } from "../fixtures/natter.ts";

test("with scripts off one can sign in, read and post", async ({ allowConsoleErrors, person }) => {
  allowConsoleErrors(/422/);
  const quinn = await person("quinn", { javaScriptEnabled: false });
  const box = quinn.getByRole("textbox", { name: "Message #general" });
  await box.fill("posted with scripts off");
  await quinn.getByRole("button", { name: "Send" }).click();
  const log = quinn.getByRole("log", { name: "Messages in general" });
  await expect(log.getByText("posted with scripts off")).toBeInViewport();
  await expect(box).toHaveValue("");

  await box.fill("x".repeat(4_001));
  await quinn.getByRole("button", { name: "Send" }).click();
  await expect(quinn.getByRole("alert")).toContainText("at most 4,000 characters");
  await expect(box).toHaveValue("x".repeat(4_001));

  await quinn.getByRole("link", { name: "Settings" }).click();
  await quinn.getByRole("button", { name: "Sign out" }).click();
  await quinn.getByRole("textbox", { name: "Username" }).fill("quinn");
  await quinn.getByLabel("Password").fill(PASSWORD);
  await quinn.getByRole("button", { name: "Sign in" }).click();
  await expect(log.getByText("posted with scripts off")).toBeInViewport();

  const live = await person("rosa");
  await expect(live.getByText("posted with scripts off")).toBeVisible();
});

test("a room can be made with scripts off", async ({ person }) => {
  const sam = await person("sam", { javaScriptEnabled: false });
  await sam.getByRole("button", { name: "New room" }).click();
  await sam.getByRole("textbox", { name: "Name" }).fill("quiet");
  await sam.getByRole("button", { name: "Create room" }).click();
  await expect(sam.getByRole("heading", { level: 1, name: "quiet" })).toBeVisible();
});

test("with scripts off a text that is too large is told and still in the box", async ({
  allowConsoleErrors,
  person,
}) => {
  allowConsoleErrors(/413/);
  const tess = await person("tess", { javaScriptEnabled: false });
  const box = tess.getByRole("textbox", { name: "Message #general" });
  await expect(tess.getByText("A message has at most 4,000 characters.")).toBeVisible();
  const text = "x".repeat(2_000_000);
  await box.fill(text);
  await tess.getByRole("button", { name: "Send" }).click();
  await expect(tess.getByRole("alert")).toContainText("what you wrote is still in the form");
  await tess.goBack();
  expect((await box.inputValue()).length).toBe(text.length);
});

test("with scripts off one can go back and send another text", async ({ person }) => {
  const ursel = await person("ursel", { javaScriptEnabled: false });
  const box = ursel.getByRole("textbox", { name: "Message #general" });
  const log = ursel.getByRole("log", { name: "Messages in general" });
  await box.fill("said before going back");
  await ursel.getByRole("button", { name: "Send" }).click();
  await expect(log.getByText("said before going back")).toBeVisible();
  await ursel.goBack();
  await box.fill("said after going back");
  await ursel.getByRole("button", { name: "Send" }).click();
  await expect(log.getByText("said after going back")).toBeVisible();
  await expect(log.getByText("said before going back")).toHaveCount(1);
});
