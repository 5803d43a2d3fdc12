import { expect, test } from "../fixtures/natter.ts";

test("the server says that it is well, and has its broker", async ({ natter, request }) => {
  const answer = await request.get("/health");
  expect(answer.status()).toBe(200);
  expect(await natter.natsPid()).toBeGreaterThan(1);
});
