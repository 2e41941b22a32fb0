"use strict";
// Searching, sorting and filtering the entries. Text is set as text, never as markup; nothing is loaded.
(() => {
  const find = (id) => document.getElementById(id);
  const make = (name, text, more) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    return Object.assign(made, more);
  };
  const data = JSON.parse(find("data").textContent);
  const table = find("log"), body = table.tBodies[0], caption = find("shown");
  const tools = find("tools"), pages = find("pages"), heading = find("entries");
  const [INDEX, TIME, AHEAD, WHO, CASE, ACT, COUNT, IDS, PURPOSE, OUTCOME, MARKS] = Array(11).keys();
  const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
  const rows = data.rows, words = new Intl.NumberFormat("en"), state = {
    filters: new Map(), search: "", column: data.columns[0], down: true, page: 0, size: 100, shown: rows,
  };

  // What a cell says: the same words as in the page without this script.
  const moment = (time, ahead) =>
    new Date((time + ahead) * 1000).toISOString().slice(0, 19).replace("T", " ");
  const marks = (row) => data.marks.filter((_mark, at) => row[MARKS] >> at & 1).join(", ");
  const records = (row) => {
    if (!row[COUNT]) return "";
    if (!row[IDS].length) return words.format(row[COUNT]);
    const named = row[IDS].slice(0, 3).map((at) => data.ids[at].slice(0, 8)).join(", ");
    return words.format(row[COUNT]) + ": " + named + (row[IDS].length > 3 ? ", …" : "");
  };
  const cells = {
    entry: (row) => String(row[INDEX]), time: (row) => moment(row[TIME], 0),
    local: (row) => moment(row[TIME], row[AHEAD]), who: (row) => data.people[row[WHO]],
    act: (row) => data.acts[row[ACT]][0], case: (row) => data.cases[row[CASE]], records,
    purpose: (row) => data.purposes[row[PURPOSE]], outcome: (row) => data.outcomes[row[OUTCOME]][0],
    unusual: marks,
  };
  const keys = {
    entry: (row) => row[INDEX], time: (row) => row[TIME], local: (row) => row[TIME], records: (row) => row[COUNT],
  };
  const found = new Map();
  const text = (row) => {
    let said = found.get(row);
    if (said === undefined) {
      const named = row[IDS].map((at) => data.ids[at]);
      said = data.columns.map((code) => cells[code](row)).concat(named).join("\n").toLowerCase();
      found.set(row, said);
    }
    return said;
  };

  // Filters: a letter each, as they stand in data-f, with what they ask of a row and their name.
  const local = (row) => new Date((row[TIME] + row[AHEAD]) * 1000);
  const outcome = (row) => data.outcomes[row[OUTCOME]];
  const given = (row) => outcome(row)[2] === "released";
  const kinds = {
    released: ["Released", given],
    refused: ["Refused", (row) => outcome(row)[2] === "refused"],
    other: ["Other acts", (row) => ["done", "pending"].includes(outcome(row)[2])],
    asked: ["Released or refused", (row) => given(row) || outcome(row)[2] === "refused"],
    invalid: ["Not valid", (row) => outcome(row)[1] === "invalid"],
  };
  const filters = {
    m: (value) => ["Member: " + data.people[value], (row) => row[WHO] === Number(value)],
    c: (value) => ["Case: " + (data.cases[value] || "none"), (row) => row[CASE] === Number(value)],
    o: (value) => kinds[value],
    p: (value) => ["Purpose: " + value, (row) => data.purposes[row[PURPOSE]] === value],
    r: (value) => ["Reason: " + value, (row) => outcome(row)[2] === "refused" && outcome(row)[3] === value],
    k: (value) => ["Act: " + value.replaceAll("-", " "), (row) => data.acts[row[ACT]][1] === value],
    w: (value) => [DAYS[value], (row) => (local(row).getUTCDay() + 6) % 7 === Number(value)],
    h: (value) => ["Hour: " + value.padStart(2, "0"), (row) => local(row).getUTCHours() === Number(value)],
    u: (value) => ["Unusual: " + data.marks[value], (row) => Boolean(row[MARKS] >> Number(value) & 1)],
    t: (value) => {
      const [since, until] = value.split("-").map(Number);
      const last = moment(until - 1, 0).slice(0, 10), first = moment(since, 0).slice(0, 10);
      return [first === last ? first : first + " to " + last, (row) => row[TIME] >= since && row[TIME] < until];
    },
    e: (value) => {
      const wanted = new Set(value.split(",").map(Number));
      return [wanted.size === 1 ? "Entry " + value : words.format(wanted.size) + " entries", (row) => wanted.has(row[INDEX])];
    },
  };

  // The tools above the table.
  const search = make("input", "", { type: "search", id: "search", autocomplete: "off", spellcheck: false });
  const label = make("label", "Search");
  label.append(search);
  const clear = make("button", "Show all", { type: "button", className: "plain" });
  const status = make("p", "", { id: "status" });
  status.setAttribute("role", "status");
  const chips = make("ul", "", { className: "chips" });
  chips.setAttribute("aria-label", "Filters");
  tools.append(label, clear, status, chips);
  const back = make("button", "Newer", { type: "button", className: "plain" });
  const on = make("button", "Older", { type: "button", className: "plain" });
  const size = make("select", "", { id: "size" });
  for (const count of [100, 500, 2000]) size.append(make("option", count + " on a page", { value: count }));
  size.setAttribute("aria-label", "Entries on a page");
  const place = make("span");
  pages.append(back, place, on, size);

  const draw = () => {
    const start = state.page * state.size, part = state.shown.slice(start, start + state.size);
    const drawn = document.createDocumentFragment();
    for (const row of part) {
      const line = document.createElement("tr");
      for (const code of data.columns) {
        const said = cells[code](row), cell = document.createElement(code === "entry" ? "th" : "td");
        if (code === "entry") { cell.scope = "row"; cell.className = "n"; }
        if (code === "time" || code === "local") cell.className = "t";
        if (code === "outcome") cell.className = outcome(row)[1];
        if ((code === "who" || code === "case") && said) cell.append(make("bdi", said)); else cell.textContent = said;
        line.append(cell);
      }
      drawn.append(line);
    }
    body.replaceChildren(drawn);
    const count = state.shown.length, last = Math.min(start + state.size, count);
    const all = words.format(rows.length), many = rows.length === 1 ? " entry" : " entries";
    const shown = count === rows.length ? all + many : words.format(count) + " of " + all + many;
    const range = count > state.size ? `${words.format(start + 1)} to ${words.format(last)} of ${words.format(count)}` : "";
    status.textContent = shown;
    caption.textContent = [shown, ...[...state.filters.values()].map((one) => one[0]),
      state.search && "containing “" + state.search + "”", range && "shown here: " + range].filter(Boolean).join("; ");
    place.textContent = range;
    pages.hidden = count <= 100;
    back.disabled = state.page === 0;
    on.disabled = last >= count;
    clear.disabled = !state.filters.size && !state.search;
  };

  const order = () => {
    const key = keys[state.column], sign = state.down ? -1 : 1, collate = new Intl.Collator("en").compare;
    const worth = new Map(state.shown.map((row) => [row, (key || cells[state.column])(row)]));
    const compare = key ? (one, other) => one - other : collate;
    const pair = (one, other) => compare(worth.get(one), worth.get(other));
    state.shown = state.shown.slice().sort((one, other) => sign * (pair(one, other) || one[INDEX] - other[INDEX]));
  };

  const update = () => {
    const tests = [...state.filters.values()].map((one) => one[1]), wanted = state.search.toLowerCase();
    state.shown = rows.filter((row) => tests.every((test) => test(row)) && (!wanted || text(row).includes(wanted)));
    if (state.column !== data.columns[0] || !state.down) order();
    state.page = 0;
    draw();
  };

  const drawChips = () => {
    chips.replaceChildren(...[...state.filters].map(([code, [name]]) => {
      const remove = make("button", "", { type: "button", className: "plain" });
      remove.append(make("bdi", name), " ✕");
      remove.setAttribute("aria-label", "Remove the filter " + name);
      remove.addEventListener("click", () => { state.filters.delete(code); drawChips(); update(); search.focus(); });
      const item = make("li");
      item.append(remove);
      return item;
    }));
  };

  const apply = (said) => {
    state.filters.clear();
    state.search = search.value = "";
    for (const one of said === "all" ? [] : said.split("&")) {
      const at = one.indexOf("=");
      state.filters.set(one.slice(0, at), filters[one.slice(0, at)](one.slice(at + 1)));
    }
    drawChips();
    update();
    heading.scrollIntoView();
    heading.focus({ preventScroll: true });
  };

  // Whatever counts entries leads to them.
  for (const cell of document.querySelectorAll("[data-f], [data-more]")) {
    const said = cell.dataset.f || cell.dataset.more;
    if (cell instanceof SVGElement) {
      cell.addEventListener("click", () => apply(said));
      continue;
    }
    const button = make("button", "", { type: "button" });
    button.append(...cell.childNodes);
    button.addEventListener("click", () => apply(said));
    cell.append(button);
  }

  // One stop for Tab in each grid; the arrows move inside.
  for (const grid of document.querySelectorAll("table[data-grid]")) {
    const cell = (row, at) => grid.tBodies[0].rows[row]?.cells[at]?.querySelector("button");
    const every = [...grid.tBodies[0].querySelectorAll("button")];
    every.forEach((button, at) => { button.tabIndex = at ? -1 : 0; });
    grid.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      const here = event.target.closest("td");
      if (!step || !here) return;
      event.preventDefault();
      let row = here.parentNode.sectionRowIndex + step[0], at = here.cellIndex + step[1], next = null;
      while (grid.tBodies[0].rows[row]?.cells[at] && !next) {
        next = cell(row, at);
        row += step[0];
        at += step[1];
      }
      if (!next) return;
      for (const button of every) button.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  }

  for (const head of table.tHead.rows[0].cells) {
    const button = make("button", "", { type: "button" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const code = head.dataset.c;
      state.down = state.column === code ? !state.down : false;
      state.column = code;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      back.textContent = code === data.columns[0] && state.down ? "Newer" : "Previous";
      on.textContent = code === data.columns[0] && state.down ? "Older" : "Next";
      update();
    });
  }
  search.addEventListener("input", () => { state.search = search.value.trim(); update(); });
  clear.addEventListener("click", () => { state.filters.clear(); state.search = search.value = ""; drawChips(); update(); search.focus(); });
  back.addEventListener("click", () => { state.page -= 1; draw(); });
  on.addEventListener("click", () => { state.page += 1; draw(); });
  size.addEventListener("change", () => { state.size = Number(size.value); state.page = 0; draw(); });
  tools.hidden = false;
  update();
})();
