// Suggestions below a field: names and values that are there, from /api/suggestions. A field says
// what it takes: data-suggest, data-of, and the fields data-event and data-named that narrow it.
// Arrows walk, Enter or Tab takes, Esc closes; what was typed stays as typed.
(() => {
  "use strict";
  const { $, $$ } = window.onefold;
  const kept = new Map(); // address → answer, for a minute
  let timer = 0;
  let asked = null;
  let serial = 0;

  const list = (input) => $("ul", input.parentElement);
  function close(input) {
    list(input)?.remove();
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-controls");
    input.removeAttribute("aria-activedescendant");
  }
  const value = (input, name) => {
    const field = name && input.form.elements[name];
    return field ? field.value : "";
  };
  // In a list of values the last one is being typed.
  const typed = (input) => ("many" in input.dataset ? input.value.slice(0, input.selectionStart ?? undefined).split(",").pop() : input.value).trim();
  async function answer(input) {
    const query = new URLSearchParams({
      field: input.dataset.suggest, of: input.dataset.of || "person", q: typed(input),
      event: value(input, input.dataset.event), name: value(input, input.dataset.named),
    });
    const url = `/api/suggestions?${query}`;
    const old = kept.get(url);
    if (old && performance.now() - old.at < 60000) return old.items;
    asked?.abort();
    asked = new AbortController();
    const got = await fetch(url, { signal: asked.signal });
    if (!got.ok) return [];
    const items = (await got.json()).items;
    if (kept.size > 500) kept.clear();
    kept.set(url, { at: performance.now(), items });
    return items;
  }
  async function open(input) {
    let items = [];
    try { items = await answer(input); } catch { return; }
    if (document.activeElement !== input) return;
    const now = typed(input);
    if (!items.length || (items.length === 1 && items[0].write === now)) { close(input); return; }
    const box = document.createElement("ul");
    box.id = `suggest-${++serial}`;
    box.setAttribute("role", "listbox");
    box.setAttribute("aria-label", "Suggestions");
    items.forEach((item, i) => {
      const line = document.createElement("li");
      line.id = `${box.id}-${i}`;
      line.setAttribute("role", "option");
      line.setAttribute("aria-selected", "false");
      line.dataset.write = item.write;
      const text = document.createElement("span");
      text.textContent = item.write;
      line.append(text);
      if (item.hint) {
        const hint = document.createElement("span");
        hint.className = "meta";
        hint.textContent = item.hint;
        line.append(hint);
      }
      box.append(line);
    });
    list(input)?.remove();
    input.parentElement.append(box);
    input.setAttribute("aria-expanded", "true");
    input.setAttribute("aria-controls", box.id);
  }
  function select(input, line) {
    for (const other of $$("li", list(input))) other.setAttribute("aria-selected", String(other === line));
    if (line) { input.setAttribute("aria-activedescendant", line.id); line.scrollIntoView({ block: "nearest" }); }
  }
  function take(input, line) {
    if ("many" in input.dataset) {
      const before = input.value.split(",").slice(0, -1).map((s) => s.trim()).filter(Boolean);
      input.value = [...before, line.dataset.write].join(", ");
    } else input.value = line.dataset.write;
    close(input);
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
    close(input);
  }
  const field = (event) => event.target.closest?.("input[data-suggest]");

  document.addEventListener("focusin", (event) => {
    const input = field(event);
    if (input) { clearTimeout(timer); timer = setTimeout(() => open(input), 60); }
  });
  document.addEventListener("focusout", (event) => { const input = field(event); if (input) close(input); });
  document.addEventListener("input", (event) => {
    const input = field(event);
    if (!input || !event.isTrusted) return;
    clearTimeout(timer);
    timer = setTimeout(() => open(input), 90);
  });
  document.addEventListener("keydown", (event) => {
    const input = field(event);
    if (!input || event.altKey || event.ctrlKey || event.metaKey) return;
    const lines = list(input) ? $$("li", list(input)) : [];
    const at = lines.findIndex((line) => line.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!lines.length) { open(input); return; }
      const step = event.key === "ArrowDown" ? 1 : -1;
      select(input, lines[at < 0 ? (step > 0 ? 0 : lines.length - 1) : (at + step + lines.length) % lines.length]);
    } else if ((event.key === "Enter" || event.key === "Tab") && at >= 0) {
      if (event.key === "Enter") event.preventDefault();
      take(input, lines[at]);
    } else if (event.key === "Enter" && lines.length) {
      event.preventDefault();
      close(input);
    } else if (event.key === "Escape" && lines.length) {
      event.preventDefault();
      event.stopPropagation();
      close(input);
    }
  }, true);
  document.addEventListener("mousedown", (event) => {
    const line = event.target.closest?.(".combo > ul li");
    if (!line) return;
    event.preventDefault();
    take($("input", line.closest(".combo")), line);
  });
  document.addEventListener("mousemove", (event) => {
    const line = event.target.closest?.(".combo > ul li");
    if (line && line.getAttribute("aria-selected") !== "true") select($("input", line.closest(".combo")), line);
  });
})();
