"use strict";
(() => {
  const field = document.getElementById("search");
  if (field) {
    const list = document.getElementById("list");
    const items = [...list.children].map((item) => [item, item.textContent.toLowerCase()]);
    const count = document.getElementById("count");
    const filter = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const [item, text] of items) {
        item.hidden = !words.every((word) => text.includes(word));
        shown += !item.hidden;
      }
      count.textContent = words.length ? `${shown} of ${items.length}` : `${items.length}`;
    };
    field.addEventListener("input", filter);
    field.addEventListener("keydown", (event) => {
      const first = items.find(([item]) => !item.hidden);
      const link = first && first[0].querySelector("a");
      if (event.key === "Enter" && link) location.href = link.href;
    });
    field.closest(".search").hidden = false;
    filter();
    if (list.tagName === "UL") field.focus();
  }
  const compare = new Intl.Collator("en-GB", { numeric: true }).compare;
  for (const table of document.querySelectorAll("table.sorts")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.textContent = "";
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...body.rows].map((row) => [row.cells[place].textContent.trim(), row]);
        rows.sort(([one], [other]) => (up ? 1 : -1) * compare(one, other));
        body.append(...rows.map(([, row]) => row));
      });
    });
  }
})();
