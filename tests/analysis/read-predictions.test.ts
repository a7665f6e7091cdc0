import { describe, expect, test } from "vitest";
import { readPredictions } from "../../src/analysis/read-predictions.ts";
import { readTags, withTags } from "../../src/analysis/read-tags.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (text: string) => readPredictions("p.csv", bytes(text));
const tags = (text: string) => readTags("t.csv", bytes(text)).items;

describe("predictions", () => {
  test("come as CSV with scores, splits, groups, tags and metadata, in quotes and after a byte order mark", () => {
    const { items, warnings } = read(
      '\uFEFFid,label,predicted,split,part,score_bad,score_good,tags,"shift, plant"\r\n' +
        '1,bad,good,val,p1,0.3,0.7,glare; scratch,"late, ""B"""\r\n' +
        "\r\n" +
        "2,good,good,,p1,0.1,0.9,,\r\n",
    );
    expect(warnings).toEqual([]);
    expect(items).toEqual([
      {
        id: "1",
        label: "bad",
        predicted: "good",
        split: "validation",
        group: "p1",
        modelVersion: null,
        scores: { bad: 0.3, good: 0.7 },
        embedding: null,
        secondLabel: null,
        metadata: { "shift, plant": 'late, "B"' },
        tags: ["glare", "scratch"],
      },
      expect.objectContaining({ id: "2", split: "validation", tags: [], metadata: { "shift, plant": "" } }),
    ]);
  });

  test("come as JSON Lines with objects and arrays", () => {
    const { items } = read(
      '{"id":7,"label":1,"predicted":0,"scores":{"0":0.6,"1":0.4},"embedding":[1,2.5],"tags":["a"],"split":"prod","wet":true}\n\n' +
        '{"id":"8","label":"0","predicted":"0","embedding":[0,1],"second_label":"1","model_version":2}\n',
    );
    expect(items[0]).toMatchObject({
      id: "7",
      label: "1",
      split: "production",
      tags: ["a"],
      metadata: { wet: "true" },
    });
    expect([...(items[0]?.embedding ?? [])]).toEqual([1, 2.5]);
    expect(items[1]).toMatchObject({ secondLabel: "1", modelVersion: "2", group: "8", scores: null });
  });

  test.each([
    ["", "p.csv: the file is empty"],
    ["\uFEFF \n", "p.csv: the file is empty"],
    ["id,label,predicted\n", "p.csv: there is a header but no row"],
    [
      "id,label,predictd\n1,a,b\n",
      "p.csv, line 1: the column predicted is missing; there are id, label, predictd; should predictd be called predicted?",
    ],
    ["id;label;predicted\n1;a;b\n", "p.csv, line 1: fields seem to be separated by semicolons"],
    ["id,label,label,predicted\n1,a,a,b\n", "p.csv, line 1: the column label is there twice"],
    ["id,label,predicted\n1,a,b\n2,a,\n", "p.csv, line 3: predicted is empty"],
    ["id,label,predicted\n1,a,b,c\n", "p.csv, line 2: more fields than the 3 columns"],
    ['id,label,predicted\n"1\n",a,b\n2,a,b\n1,a,a\n', "p.csv, line 5: the id 1 is there twice, first in line 2"],
    ['id,label,predicted\n1,"a,b\n', "p.csv: the CSV is broken in line 2"],
    ["id,label,predicted,split\n1,a,b,tset\n", "p.csv, line 2: split tset: use train, validation, production, test"],
    [
      "id,label,predicted,score_spam,score_ham\n1,spam,ham,.4,.6\n2,spma,ham,.4,.6\n",
      "p.csv, line 3: the label spma is none of the classes with scores (spam, ham); did you mean spam?",
    ],
    ["id,label,predicted,score_a\n1,a,a,much\n", "p.csv, line 2: the score of a is no number"],
    [
      'id,label,predicted,embedding\n1,a,a,"[1,2]"\n2,a,a,"[1]"\n',
      "p.csv, line 3: the embedding has 1 numbers, others have 2",
    ],
    ["id,label,predicted,embedding\n1,a,a,7\n", "p.csv, line 2: embedding must be JSON"],
    [`id,label,predicted,tags\n1,a,a,${"x".repeat(10_000)}\n`, "p.csv, line 2: a tag of 10000 characters (xxx"],
    [`id,label,predicted\n1,${"x".repeat(10_000)},a\n`, "p.csv, line 2: label has 10000 characters"],
    ['{"id":1,"label":"a","predicted":"b"}\n{"id":2,\n', "p.csv, line 2: this is no JSON"],
    ['{"id":1,"label":"a"}\n', "p.csv, line 1: the column predicted is missing"],
    ['{"id":1,"label":{"a":1},"predicted":"a"}\n', "p.csv, line 1: label must be a word or a number"],
  ])("that are wrong are refused with the line and what to do (%#)", (text, sentence) => {
    expect(() => read(text)).toThrow(sentence);
  });

  test("that are no text are refused", () => {
    expect(() => readPredictions("p.xlsx", Uint8Array.of(0x50, 0x4b, 0xff, 0xfe, 0x80))).toThrow(
      "p.xlsx: this is not text in UTF-8",
    );
  });

  test("may hold an id once for every model version", () => {
    const text = "id,label,predicted,model_version\n1,a,b,v1\n1,a,a,v2\n";
    expect(read(text).items).toHaveLength(2);
    expect(() => read(`${text}1,a,b,v2\n`)).toThrow(
      "line 4: the id 1 is there twice for model_version v2, first in line 3",
    );
  });

  test("with a class that is nobody's label are told of, not refused", () => {
    expect(read("id,label,predicted\n1,spam,Spam\n").warnings).toEqual([
      "the predicted class Spam is nobody's label; is it spam?",
    ]);
  });
});

describe("tags", () => {
  const expected = [
    { id: "1", tags: ["glare", "dust"] },
    { id: "2", tags: ["dust"] },
  ];

  test("come a row a tag, with semicolons, as JSON Lines, or as a spreadsheet with marks", () => {
    expect(tags("id,tag\n1,glare\n1,dust\n2,dust\n1,dust\n")).toEqual(expected);
    expect(tags("id,tags\n1,glare;  dust ;glare\n2,dust;\n")).toEqual(expected);
    expect(tags('{"id":1,"tags":["glare","dust"]}\n{"id":"2","tags":["dust"]}\n')).toEqual(expected);
    expect(tags("id,glare,dust,comments\n1,x,1,odd\n2,,yes,\n")).toEqual(expected);
  });

  test.each([
    ["name,tag\n1,a\n", "t.csv, line 1: the column id is missing"],
    ["id,glare\n1,perhaps\n", "t.csv, line 2: glare is perhaps: mark a tag with 1 or x"],
    [`id,tag\n1,a\n2,${"y".repeat(10_000)}\n`, "t.csv, line 3: a tag of 10000 characters"],
    ["id,tag\n,a\n", "t.csv, line 2: id is empty"],
  ])("that are wrong are refused with the line (%#)", (text, sentence) => {
    expect(() => tags(text)).toThrow(sentence);
  });

  test("of ids that are not there are told, and refused when none is", () => {
    const predictions = read("id,label,predicted\n1,a,b\n").items;
    const joined = withTags("t.csv", predictions, expected);
    expect(joined.items[0]?.tags).toEqual(["glare", "dust"]);
    expect(joined.warnings).toEqual(["t.csv: tagged but not among the predictions: 2"]);
    expect(() => withTags("t.csv", predictions, [{ id: "9", tags: [] }])).toThrow("none of its ids");
  });
});
