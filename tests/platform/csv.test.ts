import { expect, test } from "vitest";
import { csvLine, parseCsv } from "../../src/platform/csv.ts";

test("every record knows the line of the file in which it begins", () => {
  const { rows, lines, overlongLines } = parseCsv('\uFEFFa,b\r\n"one\ntwo",1\r\n\r\n2,"say ""so"""\r\n3,4,5\r\n6');
  expect(rows).toEqual([
    { a: "one\ntwo", b: "1" },
    { a: "2", b: 'say "so"' },
    { a: "3", b: "4" },
    { a: "6", b: "" },
  ]);
  expect(lines).toEqual([2, 5, 6, 7]);
  expect(overlongLines).toEqual([6]);
});

test("a broken quote is told with its line", () => {
  expect(() => parseCsv('a,b\n1,2\n3,"4\n')).toThrow("broken in line 3");
  expect(() => parseCsv('a,b\n1,x"y\n')).toThrow("broken in line 2");
});

test("what is written is read again", () => {
  const fields = ['a "b"', "c,d", "e\nf", "7"];
  expect(Object.values(parseCsv(`w,x,y,z\n${csvLine(fields)}`).rows[0] ?? {})).toEqual(fields);
});
