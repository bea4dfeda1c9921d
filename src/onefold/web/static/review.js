// The review queue by keyboard: J and K walk the pairs (keys.js) and bring each to the front,
// Y, N and S answer the one in front, U takes the latest answer back.
(() => {
  "use strict";
  const { $, $$ } = window.onefold;
  let shown = $("#pair .pair")?.dataset.id;

  // Answers have a source of their own (`main`): requests of one source wait for each other, and of
  // those that wait all but the first are dropped.
  function front(link) {
    if (!link || link.dataset.pair === shown) return;
    shown = link.dataset.pair;
    for (const other of $$(".pairs a[aria-current]")) other.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    const rest = new URL(link.href).search.replace(/^\?pair=\d+/, "").replace(/^&/, "?");
    htmx.ajax("GET", `/identity/review/${shown}${rest}`, { target: "#pair", swap: "innerHTML" });
  }
  document.addEventListener("focusin", (event) => front(event.target.closest?.(".pairs a.row")));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(".pairs a.row");
    if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey) { event.preventDefault(); front(link); }
  });

  // The pair after the one in front, else the one before it.
  function following() {
    const list = $$(".pairs a.row");
    const at = list.findIndex((link) => link.dataset.pair === shown);
    return (list[at + 1] ?? list[at - 1])?.dataset.pair ?? "";
  }
  function filters() {
    const query = new URLSearchParams(location.search);
    return Object.fromEntries(["zone", "whose", "pattern"].map((k) => [k, query.get(k) ?? ""]).filter(([, v]) => v));
  }
  let busy = false;
  const pressed = []; // keys struck while an answer is under way: a quick hand loses none
  async function send(verb, url, values) {
    if (busy) return;
    busy = true;
    try {
      await htmx.ajax(verb, url, { source: "main", values: { ...filters(), ...values }, target: "#review", swap: "outerHTML" });
    } finally { busy = false; }
    shown = $("#pair .pair")?.dataset.id;
    const open = $("#review-open");
    const count = $("#review")?.dataset.waiting;
    if (open && count) open.textContent = Number(count).toLocaleString("en");
    $(`.pairs a[data-pair="${shown}"]`)?.focus({ preventScroll: true });
    while (pressed.length && !busy) press(pressed.shift());
  }
  document.addEventListener("submit", (event) => {
    const form = event.target.closest?.("form[data-answer]");
    if (!form) return;
    event.preventDefault();
    const reason = $("[name=reason]", form).value;
    const answer = event.submitter?.value ?? "same";
    send("POST", form.getAttribute("action"), { answer, reason, pair: following() });
  });

  // Whether the key means something here.
  function press(key) {
    const button = $(`#pair [data-do="${key}"]`);
    if (!button && key !== "u") return false;
    if (busy) pressed.push(key);
    else if (button) button.click();
    else {
      const batch = $("#review").dataset.batch;
      if (batch) send("PATCH", "/identity/review/undo", { batch });
      else window.onefold.toast({ text: "Nothing to undo here" });
    }
    return true;
  }
  window.addEventListener("keydown", (event) => {
    if ($("dialog[open]") || event.metaKey || event.ctrlKey || event.altKey || event.key.length !== 1) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    if (!press(event.key.toLowerCase())) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
})();
