export interface ServerEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: unknown;
}

function parse(block: string): ServerEvent | undefined {
  const fields = new Map(
    block
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith(":"))
      .map((line) => {
        const colon = line.indexOf(": ");
        return [line.slice(0, colon), line.slice(colon + 2)] as const;
      }),
  );
  const data = fields.get("data");
  return data === undefined
    ? undefined
    : { event: fields.get("event") ?? "message", id: fields.get("id"), data: JSON.parse(data) };
}

/** Events of a stream in order, until the caller stops iterating. */
export async function* readEvents(url: string, headers: Record<string, string> = {}): AsyncGenerator<ServerEvent> {
  const aborter = new AbortController();
  const response = await fetch(`${url}/api/v1/events`, { headers, signal: aborter.signal });
  if (response.body === null) throw new Error("the stream has no body");
  let text = "";
  try {
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parse(block);
        if (event !== undefined) yield event;
      }
    }
  } finally {
    aborter.abort();
  }
}
