import * as client from "openid-client";
import { HttpRefusal } from "../../http/error-reply.ts";
import { messageOf } from "../../contracts/errors.ts";
import { ROLES, type Role } from "./roles.ts";

export interface OpenIdSettings {
  /** The provider's issuer; its `/.well-known/openid-configuration` says the rest. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Where people reach this hub: `https://hub.plant.example`. */
  readonly publicUrl: string;
  readonly scope: string;
  /** Claim with the person's groups or roles: a word or a list of words. */
  readonly roleClaim: string;
  /** Words of the claim that give a role; the highest counts. */
  readonly roles: Readonly<Partial<Record<Role, readonly string[]>>>;
  /** For whom no word fits; null: may not sign in. */
  readonly defaultRole: Role | null;
}

/** What a sign-in under way has to remember, in the browser's cookie. */
export interface PendingSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export interface OpenIdPerson {
  /** Issuer and subject: the person, whatever it is called tomorrow. */
  readonly subject: string;
  readonly name: string;
  readonly role: Role | null;
}

export const CALLBACK_PATH = "/api/v1/session/openid/callback";
const NAME_CLAIMS = ["preferred_username", "email", "name", "sub"] as const;

/** The highest role that the words of the claim give. */
export function roleOf(claim: unknown, { roles, defaultRole }: Pick<OpenIdSettings, "roles" | "defaultRole">) {
  const words = new Set(Array.isArray(claim) ? claim : [claim]);
  const given = ROLES.filter((role) => roles[role]?.some((word) => words.has(word)) === true);
  return given.at(-1) ?? defaultRole;
}

/** Letters an account's name may have; others become dashes. */
export function accountNameOf(claims: Readonly<Record<string, unknown>>): string {
  const named = NAME_CLAIMS.map((claim) => claims[claim]).find((value) => typeof value === "string" && value !== "");
  const name = String(named)
    .replace(/[^A-Za-z0-9_.@+-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 64);
  return name === "" ? "openid-user" : name;
}

/**
 * Sign-in through OpenID Connect: authorization code flow with PKCE, state and nonce (OpenID Connect Core 3.1,
 * RFC 9700). The provider is asked for what it is when somebody first signs in: it may be away when the hub starts.
 */
export class OpenIdClient {
  readonly #settings: OpenIdSettings;
  #provider: Promise<client.Configuration> | undefined;

  constructor(settings: OpenIdSettings) {
    this.#settings = settings;
  }

  /** Where to send the browser. Throws a 503 where the provider does not answer. */
  async begin(): Promise<{ readonly url: string; readonly pending: PendingSignIn }> {
    const provider = await this.#configuration();
    const pending = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
    };
    const url = client.buildAuthorizationUrl(provider, {
      redirect_uri: this.#redirectUri,
      scope: this.#settings.scope,
      code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: "S256",
      state: pending.state,
      nonce: pending.nonce,
    });
    return { url: url.href, pending };
  }

  /** `query`: of the callback, with its question mark. Throws a 401 where anything about the answer does not fit. */
  async finish(query: string, pending: PendingSignIn): Promise<OpenIdPerson> {
    const provider = await this.#configuration();
    const claims = await this.#claims(provider, new URL(`${this.#redirectUri}${query}`), pending);
    return {
      subject: `${claims.iss} ${claims.sub}`,
      name: accountNameOf(claims),
      role: roleOf(claims[this.#settings.roleClaim], this.#settings),
    };
  }

  async #claims(provider: client.Configuration, url: URL, pending: PendingSignIn): Promise<client.IDToken> {
    try {
      const tokens = await client.authorizationCodeGrant(provider, url, {
        pkceCodeVerifier: pending.verifier,
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (claims !== undefined) return claims;
    } catch (error) {
      const sentence = `The sign-in at ${this.#settings.issuer} was not completed (${messageOf(error)}); try again.`;
      throw new HttpRefusal(401, "OPENID_REFUSED", sentence);
    }
    throw new HttpRefusal(401, "OPENID_REFUSED", `${this.#settings.issuer} sent no ID token.`);
  }

  get #redirectUri(): string {
    return `${this.#settings.publicUrl}${CALLBACK_PATH}`;
  }

  async #configuration(): Promise<client.Configuration> {
    const { issuer, clientId, clientSecret } = this.#settings;
    const url = new URL(issuer);
    // The ID token's signature is checked as well, although it comes from the provider's own endpoint. Plain HTTP only
    // where the configuration names it so: a provider beside the hub, on a plant's own network.
    const insecure = url.protocol === "http:" ? [client.allowInsecureRequests] : [];
    const execute = [client.enableNonRepudiationChecks, ...insecure];
    this.#provider ??= client.discovery(url, clientId, undefined, client.ClientSecretBasic(clientSecret), { execute });
    try {
      return await this.#provider;
    } catch (error) {
      this.#provider = undefined;
      const sentence = `The sign-in service ${issuer} does not answer (${messageOf(error)}); try again, or use a password.`;
      throw new HttpRefusal(503, "OPENID_UNREACHABLE", sentence);
    }
  }
}
