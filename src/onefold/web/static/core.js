// The small things every page needs: time zone, theme, CSRF on htmx calls, toasts with Undo,
// dialogs, the side panel, menus, copying. No state of its own beyond cookies.
(() => {
  "use strict";
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const YEAR_S = 31536000;
  const setCookie = (name, value, age = YEAR_S) => {
    document.cookie = `${name}=${encodeURIComponent(value)};path=/;max-age=${age};samesite=lax`;
  };
  const cookie = (name) => {
    const hit = document.cookie.split("; ").find((c) => c.startsWith(name + "="));
    return hit ? decodeURIComponent(hit.slice(name.length + 1)) : "";
  };
  const csrf = () => $('meta[name="csrf"]')?.content || "";

  // Days and clock times are rendered by the server in this zone.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  if (cookie("onefold_tz") !== zone) setCookie("onefold_tz", zone);

  // ── times: "5 min ago", "in 5 min" stay true while the page stays open ───────────────────
  const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [2592000, 86400, "d"]];
  function ago(then, now) {
    const s = Math.round(Math.abs(now - then) / 1000);
    if (s < 45) return then > now + 5000 ? "in a moment" : "just now";
    for (const [under, size, unit] of STEPS) {
      if (s < under) {
        const n = `${Math.max(1, Math.floor(s / size))} ${unit}`;
        return then > now ? `in ${n}` : `${n} ago`;
      }
    }
    return null;
  }
  function refreshTimes(from = document) {
    const now = Date.now();
    for (const el of $$("time[data-ago]", from)) {
      const text = ago(Date.parse(el.dateTime), now);
      if (text && el.textContent !== text) el.textContent = text;
    }
  }
  setInterval(refreshTimes, 20000);

  // ── toasts ───────────────────────────────────────────────────────────────────────────────
  function toast({ text, bad, undo }) {
    const el = document.createElement("div");
    el.className = bad ? "toast bad" : "toast";
    const span = document.createElement("span");
    span.textContent = text;
    el.append(span);
    if (undo) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Undo";
      button.addEventListener("click", () => {
        el.remove();
        const target = undo.target && $(undo.target) ? undo.target : "#nowhere";
        htmx.ajax("PATCH", undo.url, {
          values: undo.values, target, swap: target === "#nowhere" ? "none" : "outerHTML",
        }).then(() => { if (target === "#nowhere") location.reload(); });
      });
      el.append(button);
    }
    $("#toasts").append(el);
    const life = setTimeout(() => el.remove(), undo ? 8000 : bad ? 7000 : 3500);
    el.addEventListener("mouseenter", () => clearTimeout(life), { once: true });
    while ($("#toasts").children.length > 3) $("#toasts").firstChild.remove();
  }
  const flash = cookie("onefold_flash");
  if (flash) {
    setCookie("onefold_flash", "", 0);
    try { toast(JSON.parse(flash)); } catch { /* a cookie that is not ours */ }
  }

  // ── htmx: CSRF on every call, a word when the server does not answer ─────────────────────
  document.addEventListener("htmx:config:request", (event) => {
    event.detail.ctx.request.headers["X-CSRF-Token"] = csrf();
  });
  // The server's word about a change comes as a header, read before the swap may remove the sender.
  document.addEventListener("htmx:after:request", (event) => {
    const word = event.detail.ctx.response?.headers.get("X-Toast");
    if (word) toast(JSON.parse(word));
  });
  document.addEventListener("htmx:error", () => toast({ text: "The server did not answer.", bad: true }));
  document.addEventListener("htmx:after:swap", (event) => {
    const target = event.detail.ctx?.target;
    refreshTimes();
    document.dispatchEvent(new CustomEvent("page:changed"));
    if (target?.id === "modal" && target.childElementCount) openDialog($("#modal"));
  });

  // ── dialogs and the side panel ───────────────────────────────────────────────────────────
  function openDialog(dialog) {
    if (!dialog.open) dialog.showModal();
    const first = $("[autofocus], input:not([type=hidden]), textarea, select", dialog);
    first?.focus();
  }
  let before = null;
  function peek(url) {
    const panel = $("#peek");
    if (panel.hidden) before = document.activeElement;
    panel.hidden = false;
    $(".peekbody", panel).replaceChildren($("#bones").content.cloneNode(true));
    $(".peekfull", panel).href = url;
    htmx.ajax("GET", url, { target: "#peek .peekbody", swap: "innerHTML", select: "#main > *" });
  }
  function closePeek() {
    const panel = $("#peek");
    if (!panel || panel.hidden) return false;
    panel.hidden = true;
    $(".peekbody", panel).replaceChildren();
    before?.focus?.();
    return true;
  }

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    const dialog = event.target.tagName === "DIALOG" ? event.target : null;
    if (dialog || at("[data-close]")) {
      const open = dialog || at("dialog");
      if (open) { open.close(); event.preventDefault(); }
      else if (at("#peek")) closePeek();
    }
    const copy = at("[data-copy]");
    if (copy) {
      const from = $(copy.dataset.copy);
      navigator.clipboard?.writeText(from.value ?? from.textContent.trim()).then(
        () => toast({ text: "Copied" }), () => toast({ text: "Select the text and copy it." }));
    }
    if (at("[data-nav-toggle]")) toggleNav();
    const theme = at("[data-theme-set]");
    if (theme) setTheme(theme.dataset.themeSet);
    if (at("[data-open]")) openDialog($(at("[data-open]").dataset.open));
    if (root.dataset.drawer === "open" && !at(".side") && !at("[data-nav-toggle]")) delete root.dataset.drawer;
    for (const menu of $$("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  function toggleNav() {
    if (matchMedia("(max-width: 720px)").matches) {
      if (root.dataset.drawer === "open") delete root.dataset.drawer; else root.dataset.drawer = "open";
      return;
    }
    const closed = root.dataset.nav !== "closed";
    if (closed) root.dataset.nav = "closed"; else delete root.dataset.nav;
    setCookie("onefold_nav", closed ? "closed" : "open");
  }
  function setTheme(theme) {
    if (theme === "system") delete root.dataset.theme; else root.dataset.theme = theme;
    setCookie("onefold_theme", theme === "system" ? "" : theme, theme === "system" ? 0 : YEAR_S);
    for (const el of $$("[data-theme-set]")) {
      if (el.dataset.themeSet === theme) el.setAttribute("aria-current", "true");
      else el.removeAttribute("aria-current");
    }
    document.dispatchEvent(new CustomEvent("theme:changed"));
  }

  // Remember what was opened, for the palette's "Recent".
  const seen = $("[data-recent]");
  if (seen) {
    const entry = { href: location.pathname, text: seen.dataset.recent, kind: seen.dataset.kind };
    let recent = [];
    try { recent = JSON.parse(localStorage.getItem("onefold_recent") || "[]"); } catch { /* start anew */ }
    recent = [entry, ...recent.filter((r) => r.href !== entry.href)].slice(0, 6);
    try { localStorage.setItem("onefold_recent", JSON.stringify(recent)); } catch { /* private mode */ }
  }

  window.onefold = { $, $$, toast, openDialog, peek, closePeek, toggleNav, csrf };
  refreshTimes();
})();
