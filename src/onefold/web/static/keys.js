// Keyboard first. Lists are walked by focusing each row's own link, so a screen reader and Enter
// need nothing special. Letters are ignored while typing and while a dialog is open.
(() => {
  "use strict";
  const { $, $$, openDialog, peek, closePeek } = window.onefold;
  const GO = {
    h: "/", p: "/people", a: "/accounts", t: "/tickets", k: "/tasks", u: "/audiences",
    i: "/signals", o: "/sources", e: "/destinations", d: "/deals", l: "/leads", r: "/identity/review", s: "/settings",
  };
  let pending = 0;

  const rows = () => $$("[data-row]").filter((row) => row.offsetParent !== null && !row.closest("#peek"));
  const current = () => {
    const list = rows();
    return list.findIndex((row) => row.classList.contains("cur") || row.contains(document.activeElement));
  };
  function mark(row) {
    for (const other of $$("[data-row].cur")) other.classList.remove("cur");
    row.classList.add("cur");
    const link = $("a.row", row);
    link?.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    if (!$("#peek").hidden && link) peek(link.href);
  }
  function move(step) {
    const list = rows();
    if (!list.length) return;
    const at = current();
    mark(list[at < 0 ? (step > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, at + step))]);
  }
  const here = () => rows()[current()];

  function toggle(row) {
    const box = row && $("input[data-pick]", row);
    if (box) { box.checked = !box.checked; picked(box); }
  }
  function picked(box) {
    box.closest("[data-row]").classList.toggle("on", box.checked);
    const boxes = $$("input[data-pick]");
    const n = boxes.filter((b) => b.checked).length;
    const float = $(".float");
    if (float) {
      float.hidden = n === 0;
      $("[data-picked]", float).textContent = `${n} selected`;
    }
    const all = $("input[data-pick-all]");
    if (all) { all.checked = n > 0 && n === boxes.length; all.indeterminate = n > 0 && n < boxes.length; }
  }
  let last = null;
  document.addEventListener("click", (event) => {
    const box = event.target.closest?.("input[data-pick]");
    if (box) {
      if (event.shiftKey && last?.isConnected) {
        const boxes = $$("input[data-pick]");
        const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const other of boxes.slice(from, to + 1)) { other.checked = box.checked; picked(other); }
      } else picked(box);
      last = box;
    }
    const all = event.target.closest?.("input[data-pick-all]");
    if (all) for (const other of $$("input[data-pick]")) { other.checked = all.checked; picked(other); }
    if (event.target.closest?.("[data-unpick]")) unpick();
    if (event.target.closest?.("[data-copy-emails]")) {
      const found = $$("[data-row].on[data-email]").map((row) => row.dataset.email).filter(Boolean);
      navigator.clipboard?.writeText(found.join(", ")).then(() => {
        window.onefold.toast({ text: `${found.length} e-mails copied` });
        unpick();
      });
    }
  });
  function unpick() {
    const on = $$("input[data-pick]").filter((b) => b.checked);
    for (const box of on) { box.checked = false; picked(box); }
    return on.length > 0;
  }
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest?.("[data-row]");
    if (row && !row.classList.contains("cur")) {
      for (const other of $$("[data-row].cur")) other.classList.remove("cur");
      row.classList.add("cur");
    }
  });

  function compose(kind) {
    const box = $("[data-compose]");
    if (!box) return false;
    $("[data-compose-kind]").value = kind;
    box.focus();
    return true;
  }

  function escape() {
    const menu = $("details.menu[open]");
    if (menu) { menu.open = false; $("summary", menu).focus(); return true; }
    if (closePeek() || unpick()) return true;
    if (document.activeElement && document.activeElement !== document.body) {
      document.activeElement.blur();
      return true;
    }
    const crumb = $(".bar .crumb");
    if (crumb) { location.href = crumb.href; return true; }
    return false;
  }

  const KEYS = {
    "?": () => openDialog($("#help")),
    "/": () => { const box = $(".search input"); box?.focus(); box?.select(); return Boolean(box); },
    g: () => { pending = performance.now(); },
    c: () => {
      const link = $("[data-create]");
      const form = link?.getAttribute("hx-get");
      if (form) htmx.ajax("GET", form, { target: "#modal", swap: "innerHTML", select: "#main .sheet" });
      else link?.click();
      return Boolean(link);
    },
    f: () => { const menu = $("details[data-filter]"); if (menu) { menu.open = true; $("select, input", menu)?.focus(); } return Boolean(menu); },
    j: () => move(1),
    k: () => move(-1),
    x: () => toggle(here()),
    " ": () => {
      const link = here() && $("a.row", here());
      if (!link) return false;
      if (!$("#peek").hidden && $(".peekfull").href === link.href) closePeek(); else peek(link.href);
      return true;
    },
    "[": () => window.onefold.toggleNav(),
    s: () => { const el = $("[data-key=s]"); el?.focus(); el?.showPicker?.(); return Boolean(el); },
    a: () => { const el = $("[data-key=a]"); el?.focus(); el?.showPicker?.(); return Boolean(el); },
    r: () => compose("reply"),
    n: () => compose("note"),
    e: () => { const el = $("[data-key=e]"); el?.click(); return Boolean(el); },
  };

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      window.onefold.palette();
      return;
    }
    if ((event.metaKey || event.ctrlKey) && event.key === "Enter" && event.target.matches?.("[data-compose]")) {
      event.preventDefault();
      event.target.form.requestSubmit();
      return;
    }
    if ($("dialog[open]")) return;
    if (event.key === "Escape") { if (escape()) event.preventDefault(); return; }
    if (typing || event.metaKey || event.ctrlKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (pending && performance.now() - pending < 1200) {
      pending = 0;
      if (GO[key]) { event.preventDefault(); location.href = GO[key]; }
      return;
    }
    pending = 0;
    if (key === " " && event.target.closest?.("button, summary, input")) return;
    if (KEYS[key] && KEYS[key]() !== false) event.preventDefault();
  });
})();
