// Cells that are changed where they stand: the first field takes the focus, Escape gives the cell
// back, leaving a text saves it. Enter and Tab are the browser's own.
(() => {
  "use strict";
  const { $ } = window.onefold;
  document.addEventListener("htmx:after:swap", (event) => {
    const form = event.detail.ctx?.target?.querySelector?.("form.cellform");
    const field = form && $("input:not([type=hidden]), select, textarea", form);
    if (field) {
      field.focus();
      field.select?.();
    }
  });
  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.("form.cellform");
    if (!form) return;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopImmediatePropagation();
      location.reload();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  }, true);
})();
