import { z } from "zod";

const Session = z.looseObject({ csrfToken: z.string() });

/** A person at the workbench, over the hub's own HTTP interface. */
export class HubVisitor {
  readonly #url: string;
  readonly #cookie: string;
  readonly #csrfToken: string;

  private constructor(url: string, cookie: string, csrfToken: string) {
    this.#url = url;
    this.#cookie = cookie;
    this.#csrfToken = csrfToken;
  }

  static async signIn(url: string, person: { readonly name: string; readonly password: string }): Promise<HubVisitor> {
    const response = await fetch(`${url}/api/v1/session`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(person),
    });
    const { csrfToken } = Session.parse(await answerOf(response, "POST /api/v1/session"));
    return new HubVisitor(url, response.headers.get("set-cookie")?.split(";")[0] ?? "", csrfToken);
  }

  async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const response = await fetch(this.#url + path, { headers: { cookie: this.#cookie } });
    return schema.parse(await answerOf(response, `GET ${path}`));
  }

  async send<T>(method: "POST" | "PUT", path: string, body: object, schema: z.ZodType<T>): Promise<T> {
    const headers = { cookie: this.#cookie, "x-csrf-token": this.#csrfToken, "content-type": "application/json" };
    const response = await fetch(this.#url + path, { method, headers, body: JSON.stringify(body) });
    return schema.parse(await answerOf(response, `${method} ${path}`));
  }
}

async function answerOf(response: Response, what: string): Promise<unknown> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${what} answered ${response.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}
