// What the pages gain from scripting. Everything listens on the document, so whatever htmx swaps in works too.
"use strict";

(() => {
  const COPIED_FOR_MS = 4000;

  function wake() {
    for (const button of document.querySelectorAll("button[data-copy]")) {
      button.hidden = !document.getElementById(button.dataset.copy);
    }
    for (const button of document.querySelectorAll("button[data-clear]")) {
      button.disabled = !chosen(button.form);
    }
  }

  function chosen(form) {
    return form?.querySelector("input[type=radio]:checked") ?? null;
  }

  async function copy(button) {
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    const label = (button.dataset.label ??= button.textContent);
    const copied = await write(source);
    // Where the browser forbids both ways, the text is left selected for the keyboard.
    button.textContent = copied ? "Copied" : "Press Ctrl+C";
    announce(copied ? "The keyset was copied." : "The keyset is selected. Press Ctrl+C to copy it.");
    clearTimeout(Number(button.dataset.timer));
    button.dataset.timer = String(
      setTimeout(() => {
        button.textContent = label;
        announce("");
      }, COPIED_FOR_MS),
    );
  }

  async function write(source) {
    try {
      await navigator.clipboard.writeText(source.value);
      return true;
    } catch {
      // navigator.clipboard is missing on plain http, and may be refused on https.
      source.focus();
      source.select();
      return document.execCommand("copy");
    }
  }

  function announce(text) {
    const region = document.getElementById("announce");
    if (region) region.textContent = text;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-copy], button[data-clear]");
    if (!button) return;
    if (button.dataset.copy) {
      copy(button);
      return;
    }
    // A reset brings back what the page was sent with, which may be a choice: clearing means none.
    event.preventDefault();
    const radio = chosen(button.form);
    if (!radio) return;
    radio.focus();
    radio.checked = false;
    wake();
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches?.("input[type=radio]")) wake();
  });

  document.addEventListener("focusin", (event) => {
    if (event.target.matches?.("textarea.keyset")) event.target.select();
  });

  document.addEventListener("htmx:load", wake);
  window.addEventListener("pageshow", wake);
  wake();
})();
