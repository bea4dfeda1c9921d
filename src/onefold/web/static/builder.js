// The audience builder. The form is the whole state: a button sends it with a word (`data-do`) and
// gets it back changed; what is typed is checked and counted after a moment. Every change of shape
// is kept, so that Undo and Ctrl+Z bring it back.
(() => {
  "use strict";
  const { $, $$, toast, csrf } = window.onefold;
  const form = $("#builder");
  if (!form) return;
  const [work, size, adder] = [$("#work"), $("#size"), $("#adder")];
  const past = []; // forms as they were
  const WAIT_MS = 250;
  let busy = null; // the edit under way; the next one waits for it
  let serial = 0;

  const data = () => new URLSearchParams(new FormData(form));
  async function send(url, body, signal) {
    const answer = await fetch(url, {
      method: "POST", body, signal, headers: { "HX-Request": "true", "X-CSRF-Token": csrf() },
    });
    if (answer.headers.get("HX-Redirect")) { location.href = answer.headers.get("HX-Redirect"); throw new Error("signed out"); }
    if (!answer.ok) {
      const word = answer.headers.get("X-Toast");
      throw new Error(word ? JSON.parse(word).text : "The server did not answer.");
    }
    return answer;
  }

  // ── changes of shape ─────────────────────────────────────────────────────────────────────
  function edit(word, { keep = true, from = null, said = "" } = {}) {
    busy = (busy ?? Promise.resolve()).then(async () => {
      const before = data(); // now, not when it was asked: an edit may have been under way
      const body = new URLSearchParams(from ?? before);
      body.set("do", word);
      let html;
      try {
        html = await (await send("/audiences/~edit", body)).text();
      } catch (error) { toast({ text: error.message, bad: true }); return; }
      const name = document.activeElement?.name;
      const typed = word || from ? [] : typedSince(before); // a redraw moves no field
      work.innerHTML = html;
      for (const [field, value] of typed) if (form.elements[field]) form.elements[field].value = value;
      if (keep) past.push(before);
      if (past.length > 100) past.shift();
      $("[data-undo]").disabled = !past.length;
      focus(name);
      if (said) removed(said);
      gutter();
      changed(0);
    });
    return busy;
  }
  function typedSince(before) {
    return [...data()].filter(([name, value]) => !before.getAll(name).includes(value));
  }
  function focus(name) {
    const place = $("[data-focus]", work)?.dataset.focus;
    const scope = place && ($(`[data-card="${place}"]`, work) ?? $(`[data-part="${place}"]`, work));
    const first = scope && $$("input:not([type=hidden]), select, textarea, button", scope).filter((el) => el.offsetParent);
    const empty = first?.find((el) => el.matches("input, textarea") && !el.value);
    const again = name && form.elements[name];
    const next = empty ?? first?.find((el) => el.matches("input, select, textarea")) ?? first?.[0];
    if (next) next.focus();
    else if (again?.focus) again.focus();
    else if (again?.length) [...again].find((el) => el.checked)?.focus();
  }
  function undo() {
    const before = past.pop();
    if (!before) return;
    edit("", { keep: false, from: before });
  }
  function removed(text) {
    toast({ text });
    const box = $("#toasts").lastElementChild;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Undo";
    button.addEventListener("click", () => { box.remove(); undo(); });
    box.append(button);
  }
  function press(word) {
    const shut = $("details.menu[open]", form);
    if (shut) shut.open = false;
    edit(word, { said: word.startsWith("drop ") ? "Removed" : "" });
  }

  // ── check and count ──────────────────────────────────────────────────────────────────────
  let timer = 0;
  let counting = null;
  function changed(wait = WAIT_MS) {
    clearTimeout(timer);
    timer = setTimeout(check, wait);
    $("#sentence")?.classList.add("old");
  }
  async function check() {
    const mine = ++serial;
    let told;
    try { told = await (await send("/audiences/~check", data())).json(); } catch (error) {
      if (mine === serial) toast({ text: error.message, bad: true });
      return;
    }
    if (mine !== serial) return;
    const sentence = $("#sentence");
    if (told.sentence) sentence.textContent = told.sentence;
    else if (!$$("[data-card]", work).length || !told.notes.some((n) => !n.soft)) sentence.textContent = told.notes.length > 0 && $("#f-yaml") ? "" : sentence.textContent;
    sentence.classList.toggle("old", !told.sentence);
    notes(told.notes);
    count(told);
  }
  function notes(found) {
    for (const el of $$(".note", work)) { el.hidden = true; el.textContent = ""; }
    for (const el of $$("[aria-invalid]", work)) el.removeAttribute("aria-invalid");
    const lines = $("#line-notes");
    if (lines) { lineNotes(lines, found); return; }
    const loud = "sent" in form.dataset;
    for (const note of found) {
      const el = $(`[data-note="${note.card}"]`, work) ?? $('[data-note="w"]', work);
      if (el && el.hidden) {
        el.hidden = false;
        el.textContent = note.text;
        el.classList.toggle("bad", !note.soft || loud);
      }
      const field = form.elements[note.field];
      if (field?.setAttribute && (!note.soft || loud)) field.setAttribute("aria-invalid", "true");
    }
  }
  function lineNotes(lines, found) {
    lines.replaceChildren(...found.map((note) => {
      const [item, go] = [document.createElement("li"), document.createElement("button")];
      go.type = "button";
      go.className = "link-like";
      go.dataset.line = note.line;
      go.textContent = `Line ${note.line}`;
      item.append(go, ` ${note.text}`);
      return item;
    }));
    const bad = new Set(found.map((note) => note.line));
    $$(".gutter li", work).forEach((li, i) => li.classList.toggle("bad", bad.has(i + 1)));
    if (found.length) $("#f-yaml").setAttribute("aria-invalid", "true");
  }
  async function count(told) {
    counting?.abort();
    if (!told.definition) { size.classList.add("busy"); return; }
    counting = new AbortController();
    const { signal } = counting;
    size.classList.add("busy");
    size.setAttribute("aria-busy", "true");
    try {
      const html = await (await send("/audiences/~preview", data(), signal)).text();
      size.innerHTML = html;
      document.dispatchEvent(new CustomEvent("page:changed"));
    } catch (error) {
      if (error.name === "AbortError") return;
      size.textContent = error.message;
    }
    size.classList.remove("busy");
    size.removeAttribute("aria-busy");
  }

  // ── what to ask ──────────────────────────────────────────────────────────────────────────
  let target = "";
  const ask = $("input", adder);
  const hits = () => $$(".hit", adder).filter((hit) => !hit.hidden);
  function select(hit) {
    for (const other of $$(".hit", adder)) other.setAttribute("aria-selected", String(other === hit));
    ask.setAttribute("aria-activedescendant", hit ? hit.id : "");
    hit?.scrollIntoView({ block: "nearest" });
  }
  function narrow() {
    const words = ask.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const group of $$("[role=group]", adder)) {
      const title = group.getAttribute("aria-label").toLowerCase();
      let any = false;
      for (const hit of $$(".hit", group)) {
        const text = `${title} ${hit.textContent.toLowerCase()}`;
        hit.hidden = !hit.dataset.for.split(" ").includes(adder.dataset.of) || !words.every((w) => text.includes(w));
        any ||= !hit.hidden;
      }
      group.hidden = !any;
    }
    select(hits()[0]);
  }
  function openAdder(button) {
    const word = button.dataset.word || "add";
    const card = button.closest("[data-of]");
    target = `${word} ${button.dataset.add}`;
    adder.dataset.of = button.dataset.of || card?.dataset.of || "person";
    const shut = $("details.menu[open]", form);
    if (shut) shut.open = false;
    ask.value = "";
    narrow();
    adder.showModal();
    ask.focus();
  }
  function choose(hit) {
    if (!hit) return;
    adder.close();
    edit(`${target} ${hit.dataset.entry}`);
  }
  ask.addEventListener("input", narrow);
  adder.addEventListener("keydown", (event) => {
    const list = hits();
    const at = list.findIndex((hit) => hit.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (list.length) select(list[(at + step + list.length) % list.length]);
    } else if (event.key === "Enter") { event.preventDefault(); choose(list[at]); }
  });
  adder.addEventListener("click", (event) => choose(event.target.closest(".hit")));
  adder.addEventListener("mousemove", (event) => {
    const hit = event.target.closest(".hit");
    if (hit && hit.getAttribute("aria-selected") !== "true") select(hit);
  });

  // ── hands ────────────────────────────────────────────────────────────────────────────────
  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    if (at("[data-undo]")) undo();
    const line = at("[data-line]");
    if (line) goTo(Number(line.dataset.line));
    if (!at("#builder")) return;
    const button = at("[data-do]");
    if (button) press(button.dataset.do);
    const add = at("[data-add]");
    if (add) openAdder(add);
  });
  form.addEventListener("input", (event) => { if (event.target.name) { gutter(); changed(); } });
  form.addEventListener("change", (event) => { if ("redraw" in event.target.dataset) edit("", { keep: false }); });
  form.addEventListener("keydown", (event) => {
    const mod = event.ctrlKey || event.metaKey;
    if (mod && event.key === "Enter") { event.preventDefault(); form.requestSubmit(); return; }
    if (event.key === "Enter" && event.target.matches("input:not([name=name])")) event.preventDefault();
    if (!event.altKey || mod) return;
    if (event.code === "KeyA") {
      const group = event.target.closest(".grp");
      const add = group && [...$$(".grp-foot [data-add]", group)].pop();
      if (add) { event.preventDefault(); openAdder(add); }
      return;
    }
    const place = event.target.closest("li > [data-card], .conds > li > [data-card]")?.dataset.card;
    const words = {
      Backspace: "drop", Delete: "drop", ArrowUp: "up", ArrowDown: "down", ArrowRight: "nest", ArrowLeft: "free",
    };
    const word = words[event.key] ?? { KeyN: "not", KeyD: "copy" }[event.code];
    if (!word || !place) return;
    event.preventDefault();
    press(word === "nest" ? `nest ${place} any` : `${word} ${word === "free" ? place.split(".").slice(0, -2).join(".") : place}`);
  });
  document.addEventListener("keydown", (event) => {
    const plain = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
    // Typing undoes itself; Ctrl+Z elsewhere takes back the last change of shape.
    if (plain && !event.target.matches?.("textarea") && !(event.target.matches?.("input") && typedIn === event.target)) {
      event.preventDefault();
      undo();
    }
  });
  let typedIn = null; // the field that was typed into since it got the focus
  form.addEventListener("input", (event) => { if (event.isTrusted) typedIn = event.target; });
  form.addEventListener("focusin", () => { typedIn = null; });

  // ── text ─────────────────────────────────────────────────────────────────────────────────
  function gutter() {
    const [area, list] = [$("#f-yaml"), $(".gutter", work)];
    if (!area) return;
    const n = area.value.split("\n").length;
    while (list.children.length < n) list.append(Object.assign(document.createElement("li"), { textContent: list.children.length + 1 }));
    while (list.children.length > n) list.lastChild.remove();
    area.rows = Math.max(18, n + 1);
  }
  function goTo(line) {
    const area = $("#f-yaml");
    const starts = area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const end = area.value.indexOf("\n", starts);
    area.focus();
    area.setSelectionRange(starts, end < 0 ? area.value.length : end);
  }

  let leaving = false;
  const first = data().toString();
  form.addEventListener("submit", () => { leaving = true; });
  addEventListener("beforeunload", (event) => { if (!leaving && past.length && data().toString() !== first) event.preventDefault(); });

  gutter();
  changed(0);
  if ("sent" in form.dataset) setTimeout(() => $("[aria-invalid]", work)?.focus(), 400);
  else if (!$("#f-name")?.value) $("#f-name")?.focus();
})();
