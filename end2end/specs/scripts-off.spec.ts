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
