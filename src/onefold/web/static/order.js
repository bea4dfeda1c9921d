// Rows that are put in order: by dragging, or with the arrow keys on a row's handle.
(() => {
  "use strict";
  const form = document.querySelector("form[data-order]");
  if (!form) return;
  const body = form.querySelector("tbody");
  const said = form.querySelector("[data-order-said]");
  const save = form.querySelector("[data-order-save]");
  const rows = () => [...body.querySelectorAll("[data-order-row]")];
  const first = rows().map((row) => row.querySelector("[name=order]")?.value).join();
  let held = null;

  function changed(row) {
    const now = rows().map((r) => r.querySelector("[name=order]").value);
    save.hidden = now.join() === first;
    said.textContent = `${row.querySelector("[name=order]").value}: ${now.length ? rows().indexOf(row) + 1 : 0} of ${now.length}`;
  }

  for (const row of rows()) {
    const handle = row.querySelector("[data-order-handle]");
    if (!handle) continue;
    handle.addEventListener("mousedown", () => { row.draggable = true; });
    handle.addEventListener("mouseup", () => { row.draggable = false; });
    handle.addEventListener("keydown", (event) => {
      const up = event.key === "ArrowUp";
      if (!up && event.key !== "ArrowDown") return;
      event.preventDefault();
      event.stopPropagation();
      const other = up ? row.previousElementSibling : row.nextElementSibling;
      if (!other) return;
      if (up) other.before(row); else other.after(row);
      handle.focus();
      changed(row);
    });
    row.addEventListener("dragstart", (event) => {
      held = row;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", "");
    });
    row.addEventListener("dragover", (event) => {
      if (!held || held === row) return;
      event.preventDefault();
      const box = row.getBoundingClientRect();
      if (event.clientY < box.top + box.height / 2) row.before(held); else row.after(held);
    });
    row.addEventListener("drop", (event) => event.preventDefault());
    row.addEventListener("dragend", () => {
      row.draggable = false;
      held = null;
      changed(row);
    });
  }
})();
