import { expect, test } from "vitest";
import { hashPassword, passwordFault, verifyPassword } from "../../../src/hub/people/password.ts";

test("a password is kept as an argon2id PHC string with OWASP's cost, another one each time", async () => {
  const [one, other] = await Promise.all([hashPassword("correct horse"), hashPassword("correct horse")]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(one).not.toBe(other);
  expect(await verifyPassword("correct horse", one)).toBe(true);
  expect(await verifyPassword("correct horsf", one)).toBe(false);
});

// Vector made with the reference implementation: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32 -e
test("a hash that another program made is understood", async () => {
  const phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  expect(await verifyPassword("password", phc)).toBe(true);
  expect(await verifyPassword("passwort", phc)).toBe(false);
});

test("where there is no password, none fits, and neither does any with a broken hash", async () => {
  expect(await verifyPassword("", null)).toBe(false);
  expect(await verifyPassword("anything", "$2b$10$bcrypt")).toBe(false);
});

test("the same letters in another Unicode form are the same password", async () => {
  const phc = await hashPassword("Grüße aus Köln", { memoryKib: 64, passes: 1, lanes: 1 });
  expect(await verifyPassword("Gru\u0308ße aus Ko\u0308ln", phc)).toBe(true);
});

test("what is wrong with a new password is said in a sentence", () => {
  expect(passwordFault("short", "anna")).toMatch(/at least 12 characters/);
  expect(passwordFault("x".repeat(300), "anna")).toMatch(/at most 256/);
  expect(passwordFault("aaaaaaaaaaaaaaa", "anna")).toMatch(/repeats a few characters/);
  expect(passwordFault("margarethe-123", "margarethe")).toMatch(/little more than the user's name/);
  expect(passwordFault("a few words do well", "anna")).toBeNull();
});
