// Light or dark: as the system has it, or as the visitor chose.
const chosen = () => { try { return localStorage.getItem("evolve-theme"); } catch { return null; } };
const system = matchMedia("(prefers-color-scheme: dark)");
function apply() {
  const theme = chosen() ?? (system.matches ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
  document.querySelectorAll(".theme-switch").forEach((button) => button.setAttribute("aria-pressed", String(theme === "dark")));
}
system.addEventListener("change", apply);
document.addEventListener("click", (event) => {
  if (!event.target.closest?.(".theme-switch")) return;
  try { localStorage.setItem("evolve-theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark"); } catch {}
  apply();
});
apply();

// A page in the background is not kept up to date.
document.addEventListener("visibilitychange", () => emitEvent("seen", !document.hidden));
