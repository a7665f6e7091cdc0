/** Addresses are `#/screen/argument?name=value`, so that any screen with its filter can be sent to a colleague. */
export function parseAddress(hash) {
  const [path, query = ""] = hash.replace(/^#?\/?/, "").split("?");
  const [screen = "", argument = ""] = path.split("/").map(decodeURIComponent);
  return { screen: screen === "" ? "cases" : screen, argument, query: Object.fromEntries(new URLSearchParams(query)) };
}

export function addressOf(screen, argument = "", query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const path = argument === "" ? screen : `${screen}/${encodeURIComponent(argument)}`;
  return `#/${path}${pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`}`;
}

export const go = (...parts) => {
  location.hash = addressOf(...parts);
};

/**
 * Changes the address without a new entry in the history and without drawing the screen anew. Only within a screen: one that
 * had to wait for data must not take the address back from the screen that was gone to meanwhile.
 */
export const replaceAddress = (screen, ...parts) => {
  if (parseAddress(location.hash).screen === screen) history.replaceState(null, "", addressOf(screen, ...parts));
};
