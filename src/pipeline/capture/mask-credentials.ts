/** `text` without the user names, passwords and tokens of the addresses in it: for names, logs and the status page. */
export function maskCredentials(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, "$1***@")
    .replace(/([?&](?:user|username|login|pass|passwd|password|pwd|token|key|apikey|auth)=)[^&\s"']*/gi, "$1***")
    .replace(/\b(user-id|user-pw|proxy-id|proxy-pw)=\S+/gi, "$1=***");
}
