// ⌘K: one box for people, accounts, tickets, actions and places. The server answers fragments;
// arrow keys walk them (combobox with a listbox, as the ARIA pattern has it).
(() => {
  "use strict";
  const { $, $$ } = window.onefold;
  const dialog = $("#palette");
  if (!dialog) return;
  const input = $("input", dialog);
  const found = $(".found", dialog);
  let asked = null;
  let timer = 0;

  const hits = () => $$(".hit", found);
  function select(hit) {
    for (const other of hits()) other.setAttribute("aria-selected", String(other === hit));
    input.setAttribute("aria-activedescendant", hit ? hit.id : "");
    hit?.scrollIntoView({ block: "nearest" });
  }
  function number() {
    hits().forEach((hit, i) => { hit.id = `hit-${i}`; hit.setAttribute("role", "option"); hit.tabIndex = -1; });
    select(hits()[0]);
  }
  function recent() {
    if (input.value) return;
    let list = [];
    try { list = JSON.parse(localStorage.getItem("onefold_recent") || "[]"); } catch { return; }
    const group = $("[data-recent-list]", found);
    if (!group || !list.length) return;
    for (const entry of list) {
      if (!/^\/(?!\/)/.test(entry.href || "")) continue;
      const hit = document.createElement("a");
      hit.className = "hit";
      hit.href = entry.href;
      const name = document.createElement("span");
      name.className = "clip";
      name.textContent = entry.text;
      const kind = document.createElement("span");
      kind.className = "meta clip";
      kind.textContent = entry.kind;
      hit.append(name, kind);
      group.append(hit);
    }
    group.hidden = false;
  }
  async function ask() {
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch(`/palette?q=${encodeURIComponent(input.value)}`, {
        signal: asked.signal, headers: { "HX-Request": "true" },
      });
      if (answer.redirected) { location.reload(); return; }
      found.innerHTML = await answer.text();
      recent();
      number();
    } catch (error) {
      if (error.name !== "AbortError") found.textContent = "";
    }
  }
  function open() {
    if (dialog.open) { dialog.close(); return; }
    dialog.showModal();
    input.value = "";
    input.focus();
    ask();
  }
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 50); });
  input.addEventListener("keydown", (event) => {
    const list = hits();
    const at = list.findIndex((hit) => hit.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      select(list[(at + step + list.length) % list.length]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const run = () => hits().find((hit) => hit.getAttribute("aria-selected") === "true")?.click();
      if (timer) { clearTimeout(timer); timer = 0; ask().then(run); } else run();
    }
  });
  found.addEventListener("mousemove", (event) => {
    const hit = event.target.closest(".hit");
    if (hit && hit.getAttribute("aria-selected") !== "true") select(hit);
  });
  found.addEventListener("click", (event) => {
    const hit = event.target.closest(".hit[data-modal-url]");
    if (!hit) return;
    event.preventDefault();
    dialog.close();
    htmx.ajax("GET", hit.dataset.modalUrl, { target: "#modal", swap: "innerHTML", select: "#main .sheet" });
  });
  for (const button of $$("[data-palette]")) button.addEventListener("click", open);
  window.onefold.palette = open;
})();
