const SELF_ONLY = [
  "default-src 'self'",
  "img-src 'self' data: blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
/** Swagger UI sets style attributes; it is the only place that may. */
const DOCS_POLICY = `${SELF_ONLY}; style-src 'self' 'unsafe-inline'`;

const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
} as const;

export const DOCS_PREFIX = "/api/docs";

/** Headers of every answer, event streams (which bypass the library) included. */
export const securityHeaders = (url: string): Readonly<Record<string, string>> => ({
  ...SECURITY_HEADERS,
  "content-security-policy": url.startsWith(DOCS_PREFIX) ? DOCS_POLICY : SELF_ONLY,
});
