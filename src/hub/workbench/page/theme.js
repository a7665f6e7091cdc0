const KEY = "sightline-theme";
const THEMES = ["auto", "light", "dark"];

export const presentTheme = () => localStorage.getItem(KEY) ?? "auto";

export function applyTheme(theme = presentTheme()) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function nextTheme() {
  const theme = THEMES[(THEMES.indexOf(presentTheme()) + 1) % THEMES.length];
  localStorage.setItem(KEY, theme);
  applyTheme(theme);
  return theme;
}
