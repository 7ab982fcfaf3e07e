// Native titles need a mouse: a tap shows a token's delta in a small label instead.
const label = document.createElement("output");
label.className = "delta";
label.hidden = true;
document.body.append(label);

document.addEventListener("click", (event) => {
  const token = event.target.closest(".text span[title]");
  label.hidden = !token;
  if (!token) return;
  label.textContent = token.title;
  const box = token.getBoundingClientRect();
  const left = box.left + scrollX + box.width / 2 - label.offsetWidth / 2;
  const most = scrollX + document.documentElement.clientWidth - label.offsetWidth - 4;
  label.style.left = `${Math.max(scrollX + 4, Math.min(left, most))}px`;
  label.style.top = `${box.top + scrollY - label.offsetHeight - 4}px`;
});

const source = document.getElementById("listed");
if (source) browse(JSON.parse(source.textContent));

function browse({ columns, rows }) {
  const PAGE = 50;
  const FOLD = 110; // characters of a text before its "show all"
  const section = document.getElementById("browse");
  const find = document.getElementById("find");
  const more = document.getElementById("more");
  const found = document.getElementById("found");
  const selects = [...section.querySelectorAll("select")];
  const at = Object.fromEntries(columns.map((column, index) => [column.key, index]));
  const haystacks = rows.map((row) => row.filter((cell) => typeof cell === "string").join("\n").toLowerCase());
  let sorted = null; // {index, down}; null: the order of the file
  let shown = PAGE;

  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (name) element.className = name;
    return element;
  };

  const head = make("tr");
  columns.forEach((column, index) => {
    const cell = make("th", undefined, column.kind === "number" ? "num" : "");
    cell.scope = "col";
    const button = make("button", column.name);
    button.type = "button";
    button.addEventListener("click", () => {
      sorted = { index, down: sorted?.index === index ? !sorted.down : false };
      [...head.children].forEach((other, place) => {
        if (place === index) other.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
        else other.removeAttribute("aria-sort");
      });
      shown = PAGE;
      draw();
    });
    cell.append(button);
    head.append(cell);
  });
  section.querySelector("thead").append(head);

  function matching() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = rows.filter((row, index) =>
      words.every((word) => haystacks[index].includes(word)) &&
      selects.every((select) => !select.value || row[at[select.dataset.key]] === select.value));
    if (!sorted) return kept;
    const { index, down } = sorted;
    const compare = (one, other) => {
      const [a, b] = [one[index], other[index]];
      if (a === null || b === null) return (a === null) - (b === null); // unknown comes last
      const order = typeof a === "number" ? a - b : a.localeCompare(b);
      return down ? -order : order;
    };
    return kept.sort(compare);
  }

  function cellOf(value, { kind, key }) {
    if (kind === "number") {
      const shown = value === null ? "–" : value.toLocaleString("en", { maximumSignificantDigits: Number.isInteger(value) ? 15 : 4 });
      return make("td", shown.replace("-", "−"), "num");
    }
    if (key !== "instruction" && key !== "response") {
      return make("td", key === "outcome" ? value.replaceAll("_", " ") : value ?? "–");
    }
    const cell = make("td", undefined, "said");
    cell.dir = "auto";
    if (value.length <= FOLD) {
      cell.textContent = value;
      return cell;
    }
    const words = make("span", `${value.slice(0, FOLD).trimEnd()}… `);
    const button = make("button", "show all", "all");
    button.type = "button";
    button.addEventListener("click", () => {
      const open = button.textContent === "show all";
      words.textContent = open ? `${value} ` : `${value.slice(0, FOLD).trimEnd()}… `;
      button.textContent = open ? "show less" : "show all";
    });
    cell.append(words, button);
    return cell;
  }

  function draw() {
    const kept = matching();
    const body = section.querySelector("tbody");
    body.replaceChildren(...kept.slice(0, shown).map((row) => {
      const line = make("tr");
      if (row[at.outcome] === "selected") line.className = "in";
      line.append(...row.map((value, index) => cellOf(value, columns[index])));
      return line;
    }));
    const whole = rows.length.toLocaleString("en");
    found.textContent = `${kept.length.toLocaleString("en")} of ${whole} listed rows match; ${Math.min(shown, kept.length).toLocaleString("en")} are shown.`;
    more.hidden = kept.length <= shown;
  }

  const again = () => { shown = PAGE; draw(); };
  find.addEventListener("input", again);
  selects.forEach((select) => select.addEventListener("change", again));
  section.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => { shown += PAGE; draw(); });
  draw();
}
