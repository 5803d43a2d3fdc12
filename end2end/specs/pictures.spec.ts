import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/natter.ts";

/** A picture as a camera would make one: wider than high, red on the left and blue on the right. */
async function photograph(page: Page): Promise<Buffer> {
  const address = await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [400, 300];
    const brush = canvas.getContext("2d") as CanvasRenderingContext2D;
    brush.fillStyle = "#c22";
    brush.fillRect(0, 0, 400, 300);
    brush.fillStyle = "#22c";
    brush.fillRect(200, 0, 200, 300);
    return canvas.toDataURL("image/png");
  });
  return Buffer.from(address.split(",")[1] ?? "", "base64");
}

/** The pictures that are drawn in a page, by how wide each file is. */
const drawn = (page: Page) =>
  page.evaluate(() =>
    [...document.images]
      .filter((image) => image.src.includes("/pictures/"))
      .map((i) => i.naturalWidth),
  );

const general = (page: Page) => page.getByRole("log", { name: "Messages in general" });

test("a picture is seen by others, and gone again when it is removed", async ({
  person,
  allowConsoleErrors,
}) => {
  allowConsoleErrors(/422/);
  const iris = await person("iris");
  const jon = await person("jon");
  await iris.getByRole("textbox", { name: "Message #general" }).fill("how do I look");
  await iris.getByRole("button", { name: "Send" }).click();
  await expect(general(jon).getByText("how do I look")).toBeVisible();

  const buffer = await photograph(iris);
  await iris.goto("/settings/account");
  const chooser = iris.getByLabel("Choose a picture");
  await chooser.setInputFiles({ name: "me.png", mimeType: "image/png", buffer });
  await iris.getByRole("button", { name: "Upload picture" }).click();
  await expect(iris.getByText("Saved.")).toBeVisible();
  await expect.poll(() => drawn(iris)).toEqual([192, 192]);

  await jon.reload();
  await expect(general(jon).getByText("how do I look")).toBeVisible();
  await expect.poll(() => drawn(jon)).toEqual([192]);

  const text = { name: "me.png", mimeType: "image/png", buffer: Buffer.from("not a picture") };
  await chooser.setInputFiles(text);
  await iris.getByRole("button", { name: "Upload picture" }).click();
  await expect(iris.getByRole("alert")).toContainText("no picture that Natter can read");
  await iris.getByRole("button", { name: "Remove picture" }).click();
  await expect(iris.getByRole("button", { name: "Remove picture" })).toHaveCount(0);
  await jon.reload();
  await expect(general(jon).getByText("how do I look")).toBeVisible();
  expect(await drawn(jon)).toEqual([]);
});

test("what time it is for others stands beside them", async ({ person }) => {
  const kai = await person("kai");
  const lea = await person("lea", { timezoneId: "America/New_York" });
  await kai.goto("/settings/account");
  await kai.getByLabel("Time zone").fill("Asia/Tokyo");
  await kai.getByRole("button", { name: "Save" }).click();
  await expect(kai.getByText("Saved.")).toBeVisible();
  await lea.goto("/people");
  const line = lea.getByRole("listitem", { name: "Kai" });
  await expect(line).toContainText(/\d\d:\d\d in Asia\/Tokyo/);
  // A zone that is none is shown as it is.
  await kai.getByLabel("Time zone").fill("Middle/Earth");
  await kai.getByRole("button", { name: "Save" }).click();
  await expect(kai.getByText("Saved.")).toBeVisible();
  await lea.reload();
  await expect(line).toContainText("Middle/Earth");
});
