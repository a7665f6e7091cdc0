import type { FastifyRequest } from "fastify";
import { HttpRefusal } from "../../http/error-reply.ts";
import { mayAct, type Role } from "./roles.ts";
import type { Person } from "./sessions.ts";

export interface Identified extends Person {
  /** The password was good for one sign-in: nothing but choosing another is allowed. */
  readonly passwordChangeNeeded: boolean;
  /** A session's cookie came with a change, but without the session's CSRF token. */
  readonly maybeForged: boolean;
}

/** Beside the request rather than on it: no other code can put a person there. */
const identified = new WeakMap<FastifyRequest, Identified>();

export const rememberPerson = (request: FastifyRequest, person: Identified): void =>
  void identified.set(request, person);

/** Who is signed in, whatever the person may do. Throws 401, or 403 where a page of another site may be asking. */
export function signedInPerson(request: FastifyRequest): Identified {
  const person = identified.get(request);
  if (person === undefined) {
    throw new HttpRefusal(401, "SIGN_IN_NEEDED", "Sign in first: this needs a session or an API token.");
  }
  if (person.maybeForged) {
    const sentence = "The header x-csrf-token is missing or not of this session; GET /api/v1/session has it.";
    throw new HttpRefusal(403, "CSRF_TOKEN", sentence);
  }
  return person;
}

/** Who asks, with at least the role `needs`. Throws 401 where nobody is signed in, 403 where the role is lower. */
export function requirePerson(request: FastifyRequest, needs: Role): Person {
  const person = signedInPerson(request);
  if (person.passwordChangeNeeded) {
    const sentence = "This password was good for one sign-in; choose your own at PUT /api/v1/session/password first.";
    throw new HttpRefusal(403, "PASSWORD_CHANGE_NEEDED", sentence);
  }
  if (!mayAct(person.role, needs)) {
    throw new HttpRefusal(403, "ROLE_TOO_LOW", `This needs the role ${needs}; ${person.name} is ${person.role}.`);
  }
  return { name: person.name, role: person.role };
}
