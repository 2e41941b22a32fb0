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
    print: false,
  };
  const PRINTED = 20000;

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
  // A name, and the letters that tell it from another one which looks the same.
  const name = (pair) => pair.filter(Boolean).join(" ");
  const cells = {
    entry: (row) => String(row[INDEX]), time: (row) => moment(row[TIME], 0),
    local: (row) => moment(row[TIME], row[AHEAD]), who: (row) => name(data.people[row[WHO]]),
    act: (row) => data.acts[row[ACT]][0], case: (row) => name(data.cases[row[CASE]]), records,
    purpose: (row) => data.purposes[row[PURPOSE]], outcome: (row) => data.outcomes[row[OUTCOME]][0],
    unusual: marks,
  };
  const keys = {
    entry: (row) => row[INDEX], time: (row) => row[TIME], local: (row) => row[TIME], records: (row) => row[COUNT],
  };
  // What is searched: without marks on letters, whichever way they were typed. A day as the report
  // writes it is one word, so that 3 March is not found in 13 March.
  const MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december"];
  const plain = (said) => said.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const day = (time, ahead) => {
    const at = new Date((time + ahead) * 1000);
    return `@${at.getUTCDate()}.${MONTHS[at.getUTCMonth()]}.${at.getUTCFullYear()}`;
  };
  const asked = (said) => plain(said)
    .replace(/(?<!\d)0?(\d{1,2}) ([a-z]+) (\d{4})/g, (all, at, month, year) => MONTHS.includes(month) ? `@${at}.${month}.${year}` : all)
    .split(/\s+/).map((word) => word.replace(/[,;]$/, "")).filter(Boolean);
  const found = new Map();
  const text = (row) => {
    let said = found.get(row);
    if (said === undefined) {
      const named = row[IDS].map((at) => data.ids[at]);
      const rules = data.rules.filter((_rule, at) => row[MARKS] >> at & 1);
      said = plain(data.columns.map((code) => cells[code](row)).concat(named, rules, "utc").join("\n"));
      said += "\n" + day(row[TIME], 0) + "\n" + day(row[TIME], row[AHEAD]);
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
    m: (value) => ["Member: " + name(data.people[value]), (row) => row[WHO] === Number(value)],
    c: (value) => ["Case: " + (name(data.cases[value]) || "none"), (row) => row[CASE] === Number(value)],
    o: (value) => kinds[value],
    p: (value) => ["Purpose: " + value, (row) => data.purposes[row[PURPOSE]] === value],
    r: (value) => ["Reason: " + value, (row) => outcome(row)[2] === "refused" && outcome(row)[3] === value],
    k: (value) => ["Act: " + value.replaceAll("-", " "), (row) => data.acts[row[ACT]][1] === value],
    w: (value) => [DAYS[value], (row) => (local(row).getUTCDay() + 6) % 7 === Number(value)],
    h: (value) => ["Hour: " + value.padStart(2, "0"), (row) => local(row).getUTCHours() === Number(value)],
    u: (value) => ["Unusual: " + data.marks[value], (row) => Boolean(row[MARKS] >> Number(value) & 1)],
    t: (value) => {
      const comma = value.indexOf(","), [since, until] = value.slice(0, comma).split("-").map(Number);
      return [value.slice(comma + 1), (row) => row[TIME] >= since && row[TIME] < until];
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

  // Cells of the table filter too: which filter each one sets.
  const links = {
    who: (row) => [["m", row[WHO]]],
    case: (row) => [["c", row[CASE]]],
    act: (row) => [["k", data.acts[row[ACT]][1]]],
    purpose: (row) => [["p", data.purposes[row[PURPOSE]]]],
    outcome: (row) => {
      const [, kind, said, reason] = outcome(row);
      if (kind === "invalid") return [["o", "invalid"]];
      if (said === "refused") return [["o", "refused"], ["r", reason]];
      return [["o", said === "released" ? "released" : "other"]];
    },
  };
  const named = (pair) => {
    const parts = [make("bdi", pair[0])];
    if (pair[1]) parts.push(" ", make("code", pair[1], { className: "mark" }));
    return parts;
  };
  const link = (parts, wanted) => {
    if (state.print) return parts;
    const button = make("button", "", { type: "button", tabIndex: -1 });
    button.append(...parts);
    button.addEventListener("click", () => apply(wanted));
    return [button];
  };
  const fill = (cell, code, row) => {
    const said = cells[code](row);
    if (code === "unusual") {
      data.marks.forEach((mark, at) => {
        if (row[MARKS] >> at & 1) cell.append(...(cell.firstChild ? [", "] : []), ...link([mark], [["u", String(at)]]));
      });
    } else if (!links[code] || !said) {
      cell.textContent = said;
    } else {
      const parts = code === "who" ? named(data.people[row[WHO]]) : code === "case" ? named(data.cases[row[CASE]]) : [said];
      cell.append(...link(parts, links[code](row).map(([kind, value]) => [kind, String(value)])));
    }
  };

  const draw = () => {
    const start = state.print ? 0 : state.page * state.size;
    const part = state.shown.slice(start, start + (state.print ? PRINTED : state.size));
    const drawn = document.createDocumentFragment();
    for (const row of part) {
      const line = document.createElement("tr");
      for (const code of data.columns) {
        const cell = document.createElement(code === "entry" ? "th" : "td");
        if (code === "entry") { cell.scope = "row"; cell.className = "n"; }
        if (code === "time" || code === "local") cell.className = "t";
        if (code === "outcome") cell.className = outcome(row)[1];
        fill(cell, code, row);
        line.append(cell);
      }
      drawn.append(line);
    }
    if (!part.length) {
      const line = make("tr"), cell = make("td", "No entry fits all of this. Remove a filter, or search for something else.");
      cell.colSpan = data.columns.length;
      line.append(cell);
      drawn.append(line);
    }
    body.replaceChildren(drawn);
    enter(body);
    const count = state.shown.length, last = start + part.length;
    const all = words.format(rows.length), many = rows.length === 1 ? " entry" : " entries";
    const shown = count === rows.length ? all + many : words.format(count) + " of " + all + many;
    const range = count > part.length ? `${words.format(start + 1)} to ${words.format(last)} of ${words.format(count)}` : "";
    const head = [...table.tHead.rows[0].cells].find((one) => one.dataset.c === state.column).textContent;
    const sorted = state.column !== data.columns[0] ? `sorted by ${head}, ${state.down ? "descending" : "ascending"}`
      : state.down ? "the newest first" : "the oldest first";
    status.textContent = shown;
    caption.textContent = [shown, ...[...state.filters.values()].map((one) => one[0]),
      state.search && "containing “" + state.search + "”", sorted, range && "shown here: " + range].filter(Boolean).join("; ");
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
    const tests = [...state.filters.values()].map((one) => one[1]), wanted = asked(state.search);
    state.shown = rows.filter((row) => tests.every((test) => test(row)) && (!wanted.length || wanted.every((word) => text(row).includes(word))));
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

  // A filter stands beside those of other kinds, and in the place of one of its own.
  const apply = (wanted) => {
    for (const [kind, value] of wanted) {
      // A reason narrows refusals: with another outcome nothing would be left.
      if (kind === "o") state.filters.delete("r");
      state.filters.set(kind, filters[kind](value));
    }
    drawChips();
    update();
    heading.scrollIntoView();
    heading.focus({ preventScroll: true });
  };
  const showAll = () => {
    state.filters.clear();
    state.search = search.value = "";
    drawChips();
    update();
  };
  const follow = (said) => {
    if (said === "all") showAll();
    apply(said === "all" ? [] : said.split("&").map((one) => {
      const at = one.indexOf("=");
      return [one.slice(0, at), one.slice(at + 1)];
    }));
  };

  // Whatever counts entries leads to them.
  for (const cell of document.querySelectorAll("[data-f], [data-more]")) {
    const said = cell.dataset.f || cell.dataset.more;
    if (cell instanceof SVGElement) {
      cell.addEventListener("click", () => follow(said));
      continue;
    }
    const button = make("button", "", { type: "button" });
    button.append(...cell.childNodes);
    if (cell.dataset.l) button.setAttribute("aria-label", cell.dataset.l);
    button.addEventListener("click", () => follow(said));
    cell.append(button);
  }

  // One stop for Tab in each grid and in the table; the arrows move inside.
  const enter = (inside) => inside.querySelectorAll("button").forEach((button, at) => { button.tabIndex = at ? -1 : 0; });
  const next = (button, right, down) => {
    const line = button.closest("tr");
    if (right) {
      const every = [...line.querySelectorAll("button")];
      return every[every.indexOf(button) + right];
    }
    const at = button.closest("th, td").cellIndex;
    for (let other = line; other;) {
      other = down > 0 ? other.nextElementSibling : other.previousElementSibling;
      const there = other?.cells[at]?.querySelector("button");
      if (there) return there;
    }
    return undefined;
  };
  for (const grid of document.querySelectorAll("table[data-grid], #log")) {
    enter(grid.tBodies[0]);
    grid.tBodies[0].addEventListener("keydown", (event) => {
      const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
      const here = event.target.closest("button");
      if (!step || !here) return;
      event.preventDefault();
      const there = next(here, ...step);
      if (!there) return;
      for (const button of grid.tBodies[0].querySelectorAll("button[tabindex='0']")) button.tabIndex = -1;
      there.tabIndex = 0;
      there.focus();
    });
  }

  for (const head of table.tHead.rows[0].cells) {
    const button = make("button", "", { type: "button" });
    head.dataset.n = head.textContent;
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
  clear.addEventListener("click", () => { showAll(); search.focus(); });
  back.addEventListener("click", () => { state.page -= 1; draw(); });
  on.addEventListener("click", () => { state.page += 1; draw(); });
  size.addEventListener("change", () => { state.size = Number(size.value); state.page = 0; draw(); });
  // Paper has no pages to turn: all that was filtered is printed, and then it is as it was.
  window.addEventListener("beforeprint", () => { state.print = true; draw(); });
  window.addEventListener("afterprint", () => { state.print = false; draw(); });
  tools.hidden = false;
  update();
})();
