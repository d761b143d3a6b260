// The price editor (fields of the chosen model, rows of tiers, examples at once) and pages that refresh themselves.
(() => {
  const fieldOf = (box, name) => box.querySelector(`[data-field="${name}"]`);

  function show(box, prefix) {
    const model = box.querySelector(`[name="${prefix}model"]`).value;
    const belongs = JSON.parse(box.dataset.belongs);
    for (const [name, models] of Object.entries(belongs)) {
      const field = fieldOf(box, name);
      if (field) field.hidden = !models.split(" ").includes(model);
    }
    for (const cell of box.querySelectorAll("[data-tiers] [data-models]")) {
      cell.hidden = !cell.dataset.models.split(" ").includes(model);
    }
    const kind = box.querySelector(`[name="${prefix}kind"]`);
    if (kind) {
      const usage = kind.value === "usage";
      for (const name of ["meter", "match"]) fieldOf(box, name).hidden = !usage;
      fieldOf(box, "timing").hidden = usage;
      fieldOf(box, "one_off").hidden = usage;
    }
  }

  function priceEditor(box) {
    const prefix = box.dataset.prefix ? `${box.dataset.prefix}-` : "";
    const costs = box.querySelector("[data-costs]");
    let waiting, latest = 0;
    async function preview() {
      const data = new FormData(box.closest("form"));
      data.set("pricing-currency", box.dataset.currency);
      data.set("pricing-prefix", box.dataset.prefix || "");
      data.set("pricing-quantity", box.querySelector("[data-quantity]").value);
      for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
      const mine = ++latest;
      const answer = await fetch(box.dataset.pricing, { method: "POST", body: data, headers: { "X-Requested-With": "fetch" } });
      if (mine === latest && answer.ok) costs.innerHTML = await answer.text();
    }
    const soon = () => { clearTimeout(waiting); waiting = setTimeout(preview, 250); };
    box.addEventListener("input", soon);
    box.addEventListener("change", () => { show(box, prefix); soon(); });
    box.addEventListener("click", (event) => {
      const tiers = event.target.closest("[data-tiers]");
      if (!tiers) return;
      const rows = tiers.querySelector("tbody");
      if (event.target.closest("[data-add]")) {
        rows.append(tiers.querySelector("template").content.cloneNode(true));
        rows.lastElementChild.querySelector("input").focus();
      } else if (event.target.closest("[data-remove]") && rows.rows.length > 1) {
        event.target.closest("tr").remove();
      } else return;
      show(box, prefix);
      soon();
    });
    show(box, prefix);
    soon();
  }

  async function refresh(part) {
    const answer = await fetch(location.href, { headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-refresh], [data-refreshed]");
    if (!fresh) return;
    part.replaceWith(fresh);
    if (fresh.matches("[data-refresh]")) later(fresh);
  }
  const later = (part) => setTimeout(() => refresh(part), Number(part.dataset.refresh) * 1000);

  addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-pricing]").forEach(priceEditor);
    document.querySelectorAll("[data-refresh]").forEach(later);
  });
})();
