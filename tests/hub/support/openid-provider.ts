import { createHash, generateKeyPairSync, randomUUID, sign, type KeyObject } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ProviderClaims {
  readonly sub: string;
  readonly [claim: string]: unknown;
}

interface Granted {
  readonly challenge: string;
  readonly nonce: string;
  readonly redirectUri: string;
  readonly claims: ProviderClaims;
}

export const CLIENT_ID = "sightline";
export const CLIENT_SECRET = "provider-secret";

/**
 * A small OpenID provider: discovery, authorization endpoint (whoever comes is signed in as `person`), token endpoint with
 * client authentication and PKCE, keys. What it checks it checks for real; `tamper` makes its ID tokens wrong.
 */
export class OpenIdProvider {
  person: ProviderClaims = { sub: "1" };
  tamper: "none" | "signature" | "nonce" | "issuer" | "audience" | "expired" = "none";
  readonly #codes = new Map<string, Granted>();
  readonly #server: Server;
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;

  private constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    this.#privateKey = privateKey;
    this.#publicKey = publicKey;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<OpenIdProvider> {
    const provider = new OpenIdProvider();
    await new Promise<void>((resolve) => provider.#server.listen(0, "127.0.0.1", resolve));
    return provider;
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.issuer);
    const json = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (url.pathname === "/.well-known/openid-configuration") return json(200, this.#metadata());
    if (url.pathname === "/keys") {
      const key = { ...this.#publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256", use: "sig" };
      return json(200, { keys: [key] });
    }
    if (url.pathname === "/authorize") {
      response.writeHead(302, { location: this.#authorize(url.searchParams) }).end();
      return;
    }
    if (url.pathname === "/token") {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      return this.#token(form, request.headers.authorization ?? "", json);
    }
    json(404, { error: "not_found" });
  }

  #metadata(): object {
    return {
      issuer: this.issuer,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${this.issuer}/token`,
      jwks_uri: `${this.issuer}/keys`,
      response_types_supported: ["code"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
      code_challenge_methods_supported: ["S256"],
    };
  }

  #authorize(asked: URLSearchParams): string {
    const redirectUri = asked.get("redirect_uri") ?? "";
    const code = randomUUID();
    if (asked.get("client_id") !== CLIENT_ID || asked.get("code_challenge_method") !== "S256")
      return `${redirectUri}?error=invalid_request`;
    this.#codes.set(code, {
      challenge: asked.get("code_challenge") ?? "",
      nonce: asked.get("nonce") ?? "",
      redirectUri,
      claims: this.person,
    });
    return `${redirectUri}?${new URLSearchParams({ code, state: asked.get("state") ?? "" })}`;
  }

  #token(form: URLSearchParams, authorization: string, json: (status: number, body: object) => void): void {
    const expected = `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString("base64")}`;
    const decoded = (text: string): string =>
      decodeURIComponent(Buffer.from(text.replace("Basic ", ""), "base64").toString());
    if (decoded(authorization) !== decoded(expected)) return json(401, { error: "invalid_client" });
    const code = form.get("code") ?? "";
    const granted = this.#codes.get(code);
    this.#codes.delete(code); // good for one exchange
    const challenge = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    if (granted?.challenge !== challenge || granted.redirectUri !== form.get("redirect_uri"))
      return json(400, { error: "invalid_grant" });
    json(200, { access_token: randomUUID(), token_type: "bearer", expires_in: 60, id_token: this.#idToken(granted) });
  }

  #idToken({ nonce, claims }: Granted): string {
    const now = Math.floor(Date.now() / 1000) - (this.tamper === "expired" ? 7200 : 0);
    const payload = {
      ...claims,
      iss: this.tamper === "issuer" ? "https://evil.example" : this.issuer,
      aud: this.tamper === "audience" ? "another-client" : CLIENT_ID,
      nonce: this.tamper === "nonce" ? "another" : nonce,
      iat: now,
      exp: now + 3600,
    };
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
    const text = `${encode({ alg: "RS256", kid: "1" })}.${encode(payload)}`;
    const signature = sign("RSA-SHA256", Buffer.from(text), this.#privateKey);
    if (this.tamper === "signature") signature[10] = (signature[10] ?? 0) ^ 1;
    return `${text}.${signature.toString("base64url")}`;
  }
}
